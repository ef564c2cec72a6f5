"""How fast an edit is: one aligned face, batches, the whole way to the photo, ONNX, and a StarGAN-shaped generator beside.

    python benchmarks/edit.py                 # the `small` preset, 2 threads
    python benchmarks/edit.py --threads 1 --kind residual
"""
import argparse
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from g2gan.editing import FaceEditor, export_onnx
from g2gan.generators import G2GAN, PRESETS
from g2gan.photos import align_face
from g2gan.shape_model import ShapeModel

# a frontal face in an aligned square of 144 px, drawn from ellipses: only its place matters for speed
def face_points():
    "68 points of an average face in the aligned frame."
    def arc(cx, cy, rx, ry, start, stop, n): t = np.radians(np.linspace(start, stop, n)); return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], 1)
    eye = lambda cx: np.concatenate([arc(cx, 50, 8, 4, 180, 360, 4), arc(cx, 50, 8, 4, 45, 135, 2)])
    return np.concatenate([arc(71.5, 60, 46, 66, 175, 5, 17), arc(50, 42, 15, 8, 200, 340, 5), arc(93, 42, 15, 8, 200, 340, 5),
                           np.stack([np.full(4, 71.5), np.linspace(50, 76, 4)], 1), arc(71.5, 78, 11, 5, 180, 0, 5), eye(49.9), eye(93.1),
                           arc(71.5, 100, 19, 7, 180, 360, 7), arc(71.5, 100, 19, 9, 30, 150, 5), arc(71.5, 100, 15, 2, 180, 360, 5), arc(71.5, 100, 15, 2, 45, 135, 3)])


class StarGAN(nn.Sequential):
    "The shape of StarGAN's generator: 7x7 to 64, two stride-2 convolutions to 256, six residual blocks, two transposed, 7x7 to 3."
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(*(f for i in range(2) for f in ([nn.Conv2d(256, 256, 3, 1, 1, bias=False), nn.InstanceNorm2d(256, affine=True)] + [nn.ReLU()] * (i == 0))))

        def forward(self, x): return x + self.net(x)

    def __init__(self, labels=5):
        def step(conv, channels): return [conv, nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]
        super().__init__(*step(nn.Conv2d(3 + labels, 64, 7, 1, 3, bias=False), 64), *step(nn.Conv2d(64, 128, 4, 2, 1, bias=False), 128),
                         *step(nn.Conv2d(128, 256, 4, 2, 1, bias=False), 256), *(self.Block() for _ in range(6)),
                         *step(nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), 128), *step(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), 64),
                         nn.Conv2d(64, 3, 7, 1, 3, bias=False), nn.Tanh())


def clock(f, seconds=3.0, warm=3):
    "Milliseconds of the fastest and of the median call."
    for _ in range(warm): f()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        t = time.perf_counter(); f(); times.append(1e3 * (time.perf_counter() - t))
    return min(times), float(np.median(times))


def make_editor(kind, preset):
    "An untrained editor: weights do not change the speed."
    neutral = face_points() + np.random.default_rng(0).normal(0, 1, (30, 68, 2))
    smiling = neutral.copy(); smiling[:, [48, 60]] += -4, -4; smiling[:, [54, 64]] += 4, -4; smiling[:, 55:60] += 0, 3
    shapes = ShapeModel.fit(np.concatenate([neutral, smiling]), 144, 20)
    shapes.learn_expressions(smiling, neutral, ["happiness"] * 30); shapes.learn_neutral(smiling, neutral)
    torch.manual_seed(0)
    return FaceEditor(G2GAN(replace(PRESETS[preset], kind=kind)), shapes)


def onnx_times(model, image, source, target, threads, seconds):
    "Largest difference from torch, and the clock of onnxruntime on the same network with the same warped picture."
    import onnxruntime
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions(); options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(export_onnx(model.G_E, Path(folder) / "G_E.onnx")), options, providers=["CPUExecutionProvider"])
        with torch.inference_mode(): edit = model.synthesize(image, source, target)
        given = {"image": (image if edit.warped is None else edit.warped).numpy(), "points": target.numpy()}
        return float(np.abs(session.run(["picture"], given)[0] - edit.image.numpy()).max()), clock(lambda: session.run(["picture"], given), seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="warped", choices=["warped", "residual"])
    parser.add_argument("--preset", default="small", choices=list(PRESETS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each line")
    parser.add_argument("--no-onnx", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    editor, rng = make_editor(options.kind, options.preset), np.random.default_rng(0)
    face = align_face(rng.random((1000, 1000, 3), dtype=np.float32), (face_points() + 0.5) * 4 + 200, "photo", editor.size)
    size, model = editor.crop, editor.model
    image = torch.rand(32, 3, size, size)
    source = torch.from_numpy(face.shape - (editor.size - size) // 2).float().expand(32, -1, -1).contiguous()
    target = source.clone(); target[:, 48:] += torch.randn(32, 20, 2)
    star, labels = StarGAN().eval(), torch.rand(1, 8, 128, 128)
    def line(name, f, n=1):
        "Print a line; returns images a second in the fastest call, and the median in milliseconds."
        with torch.inference_mode(): low, middle = clock(f, options.seconds)
        print(f"{name:58} {low:9.1f} {middle:9.1f} {1e3 * n / low:11.0f}", flush=True)
        return 1e3 * n / low, middle
    print(f"{options.kind} {options.preset}, {size} px, {sum(p.numel() for p in model.G_E.parameters()) / 1e6:.2f} M parameters a generator, "
          f"{options.threads} threads, torch {torch.__version__}, {platform.machine()}")
    print(f"{'':58} {'fastest':>9} {'median':>9} {'images/s':>11}\n{'':58} {'ms':>9} {'ms':>9}")
    ours = line("aligned face, points to picture (warp, heatmaps, network)", lambda: model.synthesize(image[:1], source[:1], target[:1]))
    theirs = line("StarGAN's shape, 128 px, float32", lambda: star(labels))
    print(f"{'':10} {ours[0] / theirs[0]:.1f} times faster than StarGAN's shape (fastest call), {theirs[1] / ours[1]:.1f} times (median)")
    def in_pieces(n): return [model.synthesize(image[k:k + n], source[k:k + n], target[k:k + n]) for k in range(0, 32, n)]
    speeds = {n: line(f"32 faces, {n} at a time", lambda: in_pieces(n), 32)[0] for n in (1, 2, 4, 8, 16, 32)}
    best = max(speeds, key=speeds.get)
    print(f"{'':10} best: {best} at a time, {speeds[best]:.0f} images/s; StarGAN's shape, 8 at a time, for comparison:")
    line("StarGAN's shape, 8 faces", lambda: star(labels.expand(8, -1, -1, -1)), 8)
    calm = editor.start(face, "as is")
    line("express on an aligned face, with its Change", lambda: editor.express(calm, "happiness", 1.0, "as is"))
    edited = editor.express(calm, "happiness", 1.0, "as is")
    line("the same, pasted into the aligned face", lambda: replace(editor.express(calm, "happiness", 1.0, "as is")).aligned)
    line("pasting alone, into a photo of 1000 x 1000", lambda: edited.paste_into(face.photo))
    if not options.no_onnx:
        difference, (low, middle) = onnx_times(model, image[:1], source[:1], target[:1], options.threads, options.seconds)
        print(f"{'onnxruntime, without the warp':58} {low:9.1f} {middle:9.1f} {1e3 / low:11.0f}   differs from torch by {difference:.1e}")


if __name__ == "__main__": main()
