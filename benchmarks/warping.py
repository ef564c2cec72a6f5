"""How much of a smile geometry alone explains, and how long it takes.

    G2GAN_FRLL=path/to/frll python benchmarks/warping.py

Warps each of the London Set's neutral faces to the points of the same person's smile (and back), aligned by the eyes
at 144 px, and scores the central 128 px and the inside of the mouth against the real photo, for scikit-image's
thin-plate spline, its piecewise affine warp (Delaunay triangles) and g2gan.warping. Without the photos only the
speed is measured. Face Research Lab London Set, DeBruine & Jones 2017, CC BY 4.0.
"""
import os, sys, time, warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from skimage.draw import polygon2mask
from skimage.metrics import structural_similarity
from skimage.morphology import dilation, disk
from skimage.transform import PiecewiseAffineTransform, ThinPlateSplineTransform, warp as skimage_warp

from scipy.spatial import Delaunay

from g2gan import warping
from g2gan.landmarks import align_by_eyes, center_crop, crop_points, read_image
from g2gan.shape_model import MEAN_FACE
from g2gan.warping import TRIANGLES, border_anchors, foldover, flow, mesh_vertices, warp

CROP = 128


def london(root):
    "Aligned central crops and points of all pairs: {expression: (images (M, 128, 128, 3), points (M, 68, 2))}."
    table = pd.read_csv(Path(root) / "landmarks68.csv", dtype={"subject": str}).sort_values("subject")
    faces = {}
    for expression, rows in table.groupby("expression"):
        points = rows.filter(regex=r"^[xy]\d+$").to_numpy(float).reshape(-1, 68, 2)
        frames = [align_by_eyes(p) for p in points]
        images = [center_crop(f.warp(read_image(Path(root) / name)), CROP) for f, name in zip(frames, rows.file)]
        faces[expression] = np.stack(images), np.stack([crop_points(f.apply(p), f.size, CROP) for f, p in zip(frames, points)])
    return faces


def with_skimage(kind, followers):
    "Warp by one of scikit-image's transforms, with the same anchors."
    def move(image, source, target):
        anchors = border_anchors((CROP, CROP))
        source, target = (mesh_vertices(torch.from_numpy(p)[None], anchors)[0].numpy() for p in (source, target))
        if not followers: source, target = (np.concatenate([p[:68], p[77:]]) for p in (source, target))
        if kind is ThinPlateSplineTransform:  # a singular system where two lip points fall together: part them a little
            target = target + np.random.default_rng(0).normal(0, 0.05, target.shape)
        transform = kind.from_estimate(target, source)
        return skimage_warp(image, transform, order=1, mode="edge").astype(np.float32)
    return move


def ours(image, source, target):
    x = torch.from_numpy(image).permute(2, 0, 1)[None]
    return warp(x, torch.from_numpy(source)[None], torch.from_numpy(target)[None])[0].permute(1, 2, 0).numpy()


def mesh_without_followers():
    "Triangles over the points and anchors alone, cut on the same parted face as `TRIANGLES` and in the same order of overlap."
    face = MEAN_FACE.copy()
    face[[*range(55, 60), 65, 66, 67, *range(6, 11)], 1] += 0.06
    face[[48, 54, 60, 64], 1] += 0.03
    face[61:64, 1] -= 0.01
    face[[21, 22], 1] -= 0.02
    triangles = Delaunay(np.concatenate([face * CROP - 0.5, border_anchors((CROP, CROP)).numpy()])).simplices
    triangles = sorted(tuple(sorted(t)) for t in np.where(triangles >= 68, triangles + 9, triangles).tolist())
    inner = {tuple(t) for t in TRIANGLES[:14].tolist()}  # eyes and mouth come first: what overlaps them is on top
    return torch.tensor(sorted(triangles, key=lambda t: t not in inner))


def without_followers(image, source, target, mesh=mesh_without_followers()):
    warping.TRIANGLES = mesh
    try: return ours(image, source, target)
    finally: warping.TRIANGLES = TRIANGLES


def scores(made, real, points):
    "PSNR in dB and SSIM over the crop, then both inside the outer lips (grown by 2 px)."
    mouth = dilation(polygon2mask((CROP, CROP), points[48:60, ::-1]), disk(2))
    error = (made - real) ** 2
    whole, local = structural_similarity(made, real, channel_axis=2, data_range=1, gaussian_weights=True, sigma=1.5,
                                         use_sample_covariance=False, full=True)
    return -10 * np.log10(error.mean()), whole, -10 * np.log10(error[mouth].mean()), local[mouth].mean()


def quality(root):
    faces = london(root)
    (neutral, n), (smile, s) = faces["neutral"], faces["smile"]
    methods = {"copy": lambda image, source, target: image,
               "thin-plate spline (scikit-image)": with_skimage(ThinPlateSplineTransform, False),
               "thin-plate spline + followers": with_skimage(ThinPlateSplineTransform, True),
               "Delaunay piecewise affine (scikit-image)": with_skimage(PiecewiseAffineTransform, False),
               "g2gan.warping without followers": without_followers,
               "g2gan.warping": ours}
    print(f"{len(n)} pairs; PSNR dB / SSIM over {CROP} px, and inside the mouth")
    print(f"{'':42s}{'neutral -> smile':>32s}{'smile -> neutral':>32s}")
    for name, move in methods.items():
        line = f"{name:42s}"
        for image, source, real, target in ((neutral, n, smile, s), (smile, s, neutral, n)):
            a, b, c, d = np.mean([scores(move(*x[:3]), x[3], x[2]) for x in zip(image, source, target, real)], 0)
            line += f"    {a:5.2f}/{b:.3f} mouth {c:5.2f}/{d:.3f}"
        print(line, flush=True)
    points = torch.from_numpy(np.concatenate([n, s])), torch.from_numpy(np.concatenate([s, n]))
    fold = foldover(flow(*points, CROP))
    print(f"folded pixels: mean {fold.mean():.4%}, worst face {fold.max():.3%}")
    return n, s


def speed(source, target, faces=32, runs=30):
    source, target = (torch.from_numpy(np.resize(p, (faces, 68, 2))).float() for p in (source, target))
    images, wall, cpu = torch.rand(faces, 3, CROP, CROP), [], []
    for _ in range(runs):
        a, b = time.perf_counter(), time.process_time()
        warp(images, source, target)
        wall.append(time.perf_counter() - a); cpu.append(time.process_time() - b)
    print(f"{faces} faces of {CROP} px on {torch.get_num_threads()} threads: fastest {min(wall) * 1e3:.0f} ms, "
          f"median {np.median(wall) * 1e3:.0f} ms (processor time {min(cpu) * 1e3:.0f} ms), {runs} runs")


if __name__ == "__main__":
    torch.set_num_threads(min(2, os.cpu_count()))
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    root = os.environ.get("G2GAN_FRLL")
    if root: shapes = quality(root)
    else:
        print("Set G2GAN_FRLL to the folder of the London Set to measure the quality too.", file=sys.stderr)
        face = MEAN_FACE[None] * CROP - 0.5
        shapes = face, face + np.random.default_rng(0).normal(0, 1, (32, 68, 2))
    speed(*shapes)
