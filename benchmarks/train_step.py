"""How fast a training step is: this project's, the same step written the textbook way, and what the machine could do.

    python benchmarks/train_step.py --preset small --size 128 --threads 2

The textbook step: the same five networks in PyTorch's own layers (NCHW, float32, nn.InstanceNorm2d), heatmaps made on the
host by convolving a delta picture, each network called for real and generated faces in turn, plain Adam. Generated pictures
are shared between the phases in both, so both do the same arithmetic. Printed: seconds a step (median, least, most), the
floating-point operations of a step and how many a second, beside the machine's matrix product in the same number format;
then this project's step with other generators and with the identity network. On a GPU also the peak of its memory.
"""
import argparse
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from g2gan.augmentation import augment
from g2gan.faces import FacePairs, FaceSet
from g2gan.identity import IdentityWeightsMissing
from g2gan.phases import TwoPhase
from g2gan.settings import preset


class PlainUNet(nn.Module):
    """pix2pix's U-Net as its authors write it, with the widths of `config`."""
    def __init__(self, config):
        super().__init__()
        depth = config.generator.halvings
        w = [min(config.base * 2**i, config.max_channels) for i in range(depth)]
        norm = lambda c, use: [nn.InstanceNorm2d(c, affine=True)] if use else []
        self.down = nn.ModuleList(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), *norm(b, 0 < i < depth - 1), nn.LeakyReLU(0.2))
                                  for i, (a, b) in enumerate(zip([71] + w, w)))
        up = list(zip([w[-1]] + [2 * c for c in w[-2:0:-1]], w[-2::-1]))
        self.up = nn.ModuleList(nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), *norm(b, True), nn.ReLU()) for a, b in up)
        self.out = nn.ConvTranspose2d(2 * w[0], 3, 4, 2, 1)

    def forward(self, image, heatmaps):
        x, skips = torch.cat([image, heatmaps], 1), []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for up, skip in zip(self.up, skips[-2::-1]): x = torch.cat([up(x), skip], 1)
        return image + torch.tanh(self.out(x))


def plain_patchgan(channels, config):
    w = [config.d_base * min(2**i, 8) for i in range(config.d_layers + 1)]
    layers = [nn.Conv2d(channels, w[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, (a, b) in enumerate(zip(w, w[1:])):
        layers += [nn.Conv2d(a, b, 4, 2 if i < config.d_layers - 1 else 1, 1), nn.InstanceNorm2d(b, affine=True), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(w[-1], 1, 4, 1, 1))


class Textbook:
    def __init__(self, config, device):
        self.config, self.device = config, device
        self.G_E, self.G_N = (PlainUNet(config).to(device) for _ in range(2))
        self.D_E, self.D_N, self.D_H = (plain_patchgan(c, config).to(device) for c in (3, 3, 71))
        self.experts = nn.ModuleList([self.D_E, self.D_N, self.D_H])
        self.opt_G = torch.optim.Adam([*self.G_E.parameters(), *self.G_N.parameters()], config.lr, betas=(0.5, 0.999))
        self.opt_D = torch.optim.Adam(self.experts.parameters(), config.lr, betas=(0.5, 0.999))

    def heatmaps(self, points, size):
        maps = np.zeros((*points.shape[:2], size, size), np.float32)
        for i, face in enumerate(points.round().long().clamp(0, size - 1).tolist()):
            for k, (x, y) in enumerate(face): maps[i, k, y, x] = 1
        maps = gaussian_filter(maps, (0, 0, self.config.sigma, self.config.sigma))
        return torch.from_numpy(maps / maps.max((2, 3), keepdims=True)).to(self.device)

    def step(self, b):
        c, say = self.config, F.binary_cross_entropy_with_logits
        judge = lambda x, real: say(x, torch.ones_like(x) if real else torch.zeros_like(x))
        H = self.heatmaps(b['s_E'].cpu(), c.size)
        E, N = self.G_E(b['I_N'], H), self.G_N(b['I_E'], H)
        rec_N, rec_E = self.G_N(E, H), self.G_E(N, H)
        self.experts.requires_grad_(False)
        loss = c.alpha_adv * (judge(self.D_E(E), True) + judge(self.D_N(N), True) + judge(self.D_H(torch.cat([E, H], 1)), True))
        loss = loss + c.alpha1 * (F.l1_loss(rec_N, b['I_N']) + F.l1_loss(rec_E, b['I_E'])) + c.alpha3 * (F.l1_loss(E, b['I_E']) + F.l1_loss(N, b['I_N']))
        self.opt_G.zero_grad()
        loss.backward()
        self.opt_G.step()
        self.experts.requires_grad_(True)
        E, N = E.detach(), N.detach()
        loss = (judge(self.D_E(b['I_E']), True) + judge(self.D_E(E), False) + judge(self.D_N(b['I_N']), True) + judge(self.D_N(N), False)
                + judge(self.D_H(torch.cat([b['I_E'], H], 1)), True) + judge(self.D_H(torch.cat([E, H], 1)), False))
        self.opt_D.zero_grad()
        loss.backward()
        self.opt_D.step()


def clock(work, device):
    if device.type == 'cuda': torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == 'cuda': torch.cuda.synchronize()
    return time.perf_counter() - start


def seconds(works, device, repeats):
    "Median, least and most seconds of each work; they take turns, so that a busy moment hits all alike."
    for work in works: work(), work()
    times = [[clock(work, device) for work in works] for _ in range(repeats)]
    return [(statistics.median(t), min(t), max(t)) for t in zip(*times)]


def flops(work):
    with FlopCounterMode(display=False) as counter: work()
    return counter.get_total_flops()


def product(dtype, device, side=2048):
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return (lambda: a @ b), 2 * side**3


def row(name, number, amount, times, peak):
    median, least, most = times
    rate = amount / median / 1e9
    print(f"{name:32} {number:5} {median:8.3f} {least:8.3f} {most:8.3f} {amount / 1e9:8.1f} {rate:9.0f} {100 * rate / peak:7.0f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cpu", action="store_true", help="even if there is a GPU")
    parser.add_argument("--compile", action="store_true", help="also our step with torch.compile (slow to start)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    make = lambda **k: TwoPhase(preset(args.preset, **{**dict(size=args.size, batch_size=args.batch, cpu=args.cpu, logger="none", identity="none"), **k}))
    ours = make()
    device, config = ours.device, ours.config
    pairs = FacePairs(FaceSet.builtin().subset(split="train"), crop=args.size)
    batch = {k: v.to(device) for k, v in augment(pairs.batch(0, args.batch), args.size).items()}
    formats = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    used = {None: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[ours.dtype]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"processor, {args.threads} threads"
    print(f"torch {torch.__version__}, {where}; preset {args.preset}, {args.size} px, batch {args.batch}, no identity network")
    peaks = {}
    for number in dict.fromkeys(("fp32", used)):
        work, amount = product(formats[number], device)
        peaks[number] = amount / seconds([work], device, args.repeats)[0][0] / 1e9
        print(f"matrix product {number}: {peaks[number]:.0f} GFLOP/s")
    print(f"{'':32} {'':5} {'seconds':>8} {'least':>8} {'most':>8} {'GFLOP':>8} {'GFLOP/s':>9} {'of peak':>9}")
    steps = [("textbook", "fp32", Textbook(config, device)), ("ours", used, ours)]
    if used != "fp32": steps.append(("ours", "fp32", make(precision="fp32")))
    steps.append(("ours, warped generators", used, make(kind="warped")))
    if args.compile: steps.append(("ours, compiled", used, make(compile=True)))
    try: steps.append(("ours, warped, identity by dlib", used, make(kind="warped", identity="dlib")))
    except IdentityWeightsMissing as error: print(error)
    amounts = [flops(lambda s=s: s.step(batch)) for _, _, s in steps]
    times = seconds([lambda s=s: s.step(batch) for _, _, s in steps], device, args.repeats)
    for (name, number, _), amount, t in zip(steps, amounts, times): row(name, number, amount, t, peaks[number])
    print(f"ours is {times[0][0] / times[1][0]:.2f} times as fast as the textbook step")
    if device.type == "cuda":
        for name, number, step in steps[:2]:
            torch.cuda.reset_peak_memory_stats(device)
            step.step(batch)
            print(f"peak memory, {name}: {torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB (all networks of this benchmark together)")


if __name__ == "__main__":
    main()
