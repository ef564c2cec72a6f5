"""How long a training step takes on this machine, beside the speed of its matrix multiplication.

    python benchmarks/train_step.py --preset small --size 128 --threads 2

Prints seconds a step (median and range) for the paper's residual and the warped generators, in float32 and in the
number format that the trainer picks, with and without the identity network; and the machine's matmul in both formats.
"""
import argparse
import statistics
import time

import torch

from g2gan.faces import FacePairs, FaceSet, augment
from g2gan.phases import TwoPhase
from g2gan.settings import preset


def seconds(work, repeats):
    "Median, least and most seconds of `work` after one warm-up."
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), min(times), max(times)


def matmul(dtype, repeats, side=2048):
    "GFLOP/s of a square product."
    a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, repeats)[0] / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pairs = FacePairs(FaceSet.builtin().subset(split="train"), crop=args.size)
    print(f"torch {torch.__version__}, {args.threads} threads; preset {args.preset}, {args.size} px, batch 5, processor")
    for dtype in (torch.float32, torch.bfloat16): print(f"matmul {str(dtype)[6:]:9} {matmul(dtype, args.repeats):6.0f} GFLOP/s")
    print(f"{'generators':11} {'format':7} {'identity':9} {'median s':>9} {'least':>7} {'most':>7}")
    for kind, precision, identity in (("residual", "fp32", "none"), ("residual", "auto", "none"), ("warped", "fp32", "none"),
                                      ("warped", "auto", "none"), ("warped", "auto", "dlib")):
        config = preset(args.preset, kind=kind, size=args.size, precision=precision, identity=identity, cpu=True, logger="none")
        trainer, batch = TwoPhase(config), augment(pairs.batch(0, config.batch_size), args.size)
        median, least, most = seconds(lambda: trainer.step(batch), args.repeats)
        used = {None: "fp32", torch.bfloat16: "bf16"}[trainer.dtype]
        print(f"{kind:11} {used:7} {identity:9} {median:9.2f} {least:7.2f} {most:7.2f}")


if __name__ == "__main__":
    main()
