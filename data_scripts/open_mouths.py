"""Makes faces with real skin and an open mouth, for training: a neutral photo is warped to the open mouth of a rendered person,
and what that person shows between the lips (dark, tongue, teeth) is laid in.

    python data_scripts/open_mouths.py --from faces/frll --out faces/open_mouths --people 24

Where all real photos smile, a network learns that whatever opens is full of teeth. These faces say otherwise. They are no
photos: train with them, never measure with them. Only training people are taken, those whose name ranks lowest (SHA-256), and
each keeps its neutral face; the licence is that of the set they come from.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.draw import polygon2mask
from tqdm.auto import tqdm

from g2gan.faces import FaceSet
from g2gan.facesets import FaceSetWriter, subject_rank
from g2gan.landmarks import inter_ocular
from g2gan.warping import flow, foldover, warp

INNER_LIPS = slice(60, 68)
SKIN = [2, 14, 31, 35, 48, 54]  # around the mouth, never in it: there two people's light is compared
OPEN = 0.06                     # smallest gap between the lips of a donor, in distances between the eyes


def gap(points):
    """Mean distance (N,) between upper and lower inner lip, in distances between the eyes; points (N, 68, 2)."""
    upper, lower = points[:, [61, 62, 63]], points[:, [67, 66, 65]]
    return np.linalg.norm(upper - lower, axis=-1).mean(1) / inter_ocular(points)


def donors(rendered):
    """Rows of the rendered training faces whose mouth is open and does not smile: {expression: rows}."""
    t = rendered.table
    rows = np.flatnonzero((gap(rendered.points) > OPEN) & ~t.expression.isin(["neutral", "happiness", "grin_wink"]) & t.split.eq("train"))
    return {e: rows[t.expression.iloc[rows] == e] for e in sorted(t.expression.iloc[rows].unique())}


def light(image, points):
    """Mean brightness of the skin around the mouth."""
    x, y = points[SKIN].mean(0)
    r = 0.5 * np.ptp(points[SKIN], axis=0)
    yy, xx = np.indices(image.shape[:2])
    inside = (np.abs((xx - x) / r[0]) < 1) & (np.abs((yy - y) / r[1]) < 1)
    return np.median(image[inside])


def open_mouth(neutral, s_N, rendered, row):
    """The neutral photo (S, S, 3) uint8 with the mouth of rendered face `row`: (picture uint8, points (68, 2)), or None if it folds."""
    own = rendered.points[rendered.neutrals[row][0]]
    donor, moved = rendered.points[row], rendered.points[row] - own
    target = (s_N + moved * inter_ocular(s_N) / inter_ocular(own)).astype(np.float32)
    tensor = lambda *arrays: [torch.from_numpy(np.array(a, np.float32))[None] for a in arrays]
    N, D, n, d, t = tensor(neutral.transpose(2, 0, 1), rendered.image(row).transpose(2, 0, 1), s_N, donor, target)
    if foldover(flow(n, t, neutral.shape[0])).item() > 0.002: return None
    face, mouth = (warp(x, s, t)[0].permute(1, 2, 0).numpy() for x, s in ((N, n), (D, d)))
    mouth = mouth * np.clip(light(face, target) / max(1, light(mouth, target)), 0.6, 1)   # darker at most: teeth do not grow whiter with the skin
    mask = polygon2mask(neutral.shape[:2], target[INNER_LIPS, ::-1]).astype(float)
    mask = gaussian_filter(mask, 0.6)[..., None]
    return np.clip(face + mask * (mouth - face), 0, 255).round().astype(np.uint8), target


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", required=True, help="a prepared face set with photos of 144 px")
    parser.add_argument("--out", required=True, help="folder of the new face set")
    parser.add_argument("--people", type=int, default=24, help="how many (each counts as one more person in training)")
    parser.add_argument("--faces", type=int, default=8, help="open mouths a person")
    options = parser.parse_args(argv)
    real, rendered = FaceSet.open(options.source).subset(split="train", expression="neutral"), FaceSet.builtin()
    if real.size != rendered.size: parser.error(f"{options.source} holds faces of {real.size} px; prepare it with --size {rendered.size}.")
    if Path(options.out, "metadata.parquet").exists(): parser.error(f"{options.out} is a face set already: choose another folder, or delete it.")
    by_expression = donors(rendered)
    people = sorted(real.subjects, key=subject_rank)[:options.people]
    info = {"name": "open_mouths", "source": f"{real.info.get('source', real.name)}, warped, with rendered mouths",
            "licence": real.info.get("licence", ""), "citation": real.info.get("citation", "")}
    with FaceSetWriter(options.out, info, real.size) as writer:
        for person in tqdm(people, unit="person"):
            i = int(np.flatnonzero(real.table.subject == person)[0])
            writer.add(real.image(i), real.points[i], person, "neutral", key=f"{person}/neutral")
            rng = np.random.default_rng(int(subject_rank(person) * 2**32))
            for k in range(options.faces):
                rows = by_expression[list(by_expression)[k % len(by_expression)]]
                for row in rng.permutation(rows):
                    if made := open_mouth(real.image(i), real.points[i], rendered, row): break
                if made: writer.add(*made, person, rendered.table.expression[row], float(rendered.table.intensity[row]), frame=k, key=f"{person}/{k}")
    print(f"{options.out}: {len(people)} people with open mouths: {', '.join(f'{e} ({len(r)} donors)' for e, r in by_expression.items())}")


if __name__ == "__main__":
    main()
