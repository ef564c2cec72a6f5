"""How long the studio takes from a slider, or a dragged point, to the picture that the browser gets; and where the time goes.

    python benchmarks/studio.py               # 2 threads, the weights of the package, a photo of 12 million pixels
    python benchmarks/studio.py --threads 1 --side 4000
"""
import argparse
import os
import platform
import time

import numpy as np
import torch

from g2gan.faces import FaceSet
from g2gan.handles import jpeg, studio_target
from g2gan.studio import SIDE, Studio


def clock(act, values, warm=3):
    "Milliseconds of each call, on the clock and of processors (which a busy machine does not lengthen); the first few do not count."
    taken = []
    for i, value in enumerate([*values[:warm], *values]):
        start, used = time.perf_counter(), time.process_time()
        act(value)
        if i >= warm: taken.append((1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - used)))
    return np.array(taken)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=3456, help="of the square photo, in pixels")
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--weights", default=None, help="model folder; else the weights in the package")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    faces = FaceSet.builtin().subset(expression="neutral")
    k = options.side // faces.size
    photo, points = np.kron(faces.image(0), np.ones((k, k, 1), np.uint8)), (faces.points[0] + 0.5) * k - 0.5
    studio = Studio(weights=options.weights)
    opened = clock(lambda _: studio.load(photo, points), [0, 0], warm=1)
    values = np.linspace(0.02, 1.4, options.events)
    smile, corner = studio.desk.expressions["happiness"], np.array(studio.canvas.points[48])
    def drag(v): studio.canvas.drag = {"serial": studio.canvas.seen + 1, "to": {"48": (corner - 10 * v).tolist()}}
    rows = {"open the photo": opened, "slider -> picture": clock(lambda v: setattr(smile, "value", round(v, 3)), values),
            "dragged point -> picture": clock(drag, values)}
    base, view, model = studio._base(), studio._view, studio.editor.shape_model
    shown = studio.edited.paste_into(view.photo, view.alignment)
    target = studio_target(model, base.shape, studio.state)[0]
    rows |= {"  of it: state -> 68 points": clock(lambda v: studio_target(model, base.shape, studio.state), values),
             "  of it: generate the face": clock(lambda v: next(studio.editor.follow(base, [target], [()])), values),
             f"  of it: paste into {SIDE} pixels": clock(lambda v: studio.edited.paste_into(view.photo, view.alignment), values),
             "  of it: JPEG": clock(lambda v: jpeg(shown), values)}
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads of {os.cpu_count()} cores, load {load}; photo {photo.shape[1]} x {photo.shape[0]}")
    print(f"{'':34}{'fastest':>9}{'median':>9}{'19 of 20':>10}{'processors':>12}   ms")
    for name, taken in rows.items():
        ms, used = taken.T
        print(f"{name:34}{ms.min():9.1f}{np.median(ms):9.1f}{np.percentile(ms, 95):10.1f}{np.median(used):12.1f}")


if __name__ == "__main__":
    main()
