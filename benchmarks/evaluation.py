"""How long it takes to measure 1,000 faces with all judges that need no download, and what share each judge has.

    python benchmarks/evaluation.py                       # the built-in people, warped, 2 threads
    python benchmarks/evaluation.py --faces 200 --size 64
"""
import argparse
import os
import tempfile
import time

import torch

from g2gan.baselines import Warp
from g2gan.faces import FaceSet, learn_shape_model
from g2gan.judges import OFFLINE, PointsJudge, get_judge
from g2gan.measuring import Pairs, ask_judges, edit, measure, measure_images


def clock(work):
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1000, help="edited faces: half of them synthesised, half neutralised")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    faces = FaceSet.builtin()
    shape_model = learn_shape_model(faces.subset(split="train"))
    pairs = Pairs(faces, shape_model, options.size)
    wanted = set(pairs.table.file_name[:options.faces // 2]) | set(pairs.table.neutral)
    faces = faces.subset(faces.table.file_name.isin(wanted).to_numpy())
    judges = [*map(get_judge, OFFLINE), PointsJudge()]
    b = Pairs(faces, shape_model, options.size).batch(0, 32)
    result = edit(Warp(), "synthesis", b, options.size)
    print(f"torch {torch.__version__}, {options.threads} threads, {options.size} px, load {os.getloadavg()[0]:.1f}; milliseconds a face: wall, processor")
    parts = {"edit (warp)": lambda: edit(Warp(), "synthesis", b, options.size), "PSNR, SSIM, background": lambda: measure_images("synthesis", result, b),
             **{j.name: lambda j=j: ask_judges(result, b["s_E"], [j]) for j in judges}}
    for name, work in parts.items():
        work()
        wall, cpu = clock(work)
        print(f"{name:24} {1e3 * wall / 32:7.1f} {1e3 * cpu / 32:7.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = clock(lambda: measure(Warp("warp"), faces, judges, folder, shape_model, options.size))
        count = 2 * len(Pairs(faces, shape_model, options.size))
        again, _ = clock(lambda: measure(Warp("warp"), faces, judges, folder, shape_model, options.size))
        print(f"{count} faces: {wall:.0f} s ({cpu:.0f} s of processor); from disk: {again:.1f} s; 1,000 faces: {1000 * wall / count:.0f} s")


if __name__ == "__main__": main()
