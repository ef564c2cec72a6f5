"""How fast faces are prepared and read, beside what a training step consumes, in one table.

    python benchmarks/reading.py [--faces FOLDER] [--frll FOLDER] [--threads 2]

Preparing: photos a second of the whole data script with dlib's points; of the London Set where --frll or $G2GAN_FRLL names
its folder, else of built-in faces enlarged to 675 px. Reading: pairs a second of FacePairs and augment, in this one process,
once the pictures are decoded. Training: pairs a second that a step of the preset `small` at 128 px consumes on the same cores.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

from g2gan.augmentation import augment
from g2gan.faces import FacePairs, FaceSet

SCRIPTS = Path(__file__).parent.parent/'data_scripts'
BATCH, CROP, SIDE = 5, 128, 675


def row(what, rate, unit, goal=None):
    "One line of the table; a goal is a least value."
    print(f"{what:66}{rate:10.1f} {unit:10}" + (f"  goal {goal:3}  {'reached' if rate >= goal else 'MISSED'}" if goal else ''), flush=True)


def pairs_a_second(way, seconds):
    "Pairs a second of `way(step)`, which gives one batch."
    for step in range(5): way(step)
    start, step = time.perf_counter(), 0
    while time.perf_counter()-start < seconds: way(step); step += 1
    return step*BATCH/(time.perf_counter()-start)


def reading(faces, seconds):
    "Prints the reading rows; returns pairs a second of FacePairs with augmentation."
    start = time.perf_counter()
    for i in range(len(faces)): faces.image(i)
    row('read: faces decoded, the first time', len(faces)/(time.perf_counter()-start), 'faces/s')
    pairs = FacePairs(faces, crop=CROP)
    row('read: FacePairs', pairs_a_second(lambda s: pairs.batch(s, BATCH), seconds), 'pairs/s')
    row('read: FacePairs and augment with colour', pairs_a_second(lambda s: augment(pairs.batch(s, BATCH), CROP, colour=0.2), seconds), 'pairs/s')
    rate = pairs_a_second(lambda s: augment(pairs.batch(s, BATCH), CROP), seconds)
    row('read: FacePairs and augment, one process', rate, 'pairs/s')
    return rate


def training(faces, seconds):
    "Pairs a second that a training step of the preset `small` consumes (no identity network: with one it consumes fewer)."
    from g2gan.phases import TwoPhase
    from g2gan.settings import preset
    step = TwoPhase(preset('small', size=CROP, batch_size=BATCH, logger='none', identity='none', cpu=True))
    batch = augment(FacePairs(faces, crop=CROP).batch(0, BATCH), CROP)
    return pairs_a_second(lambda _: step.step(batch), seconds)


def photos(folder, frll, share):
    "(script, number of photos): a share of the London Set, or of 160 built-in faces enlarged."
    if frll:
        for name in ('neutral_front', 'smiling_front'):
            (folder/name).mkdir(parents=True)
            found = sorted((Path(frll)/name).resolve().glob('*.jpg'))
            for path in found[:round(share*len(found))]: (folder/name/path.name).symlink_to(path)
        return 'frll.py', len([*folder.glob('*_front/*.jpg')])
    faces, count = FaceSet.builtin(), round(160*share)
    for i in range(count):
        path = folder/faces.table.subject[i]/faces.table.expression[i]/f'{i}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.image(i)).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=92)
    return 'folder.py', count


def preparing(frll, jobs):
    "Photos a second of the whole command, and once it runs: what the second half of the photos adds to its time."
    with tempfile.TemporaryDirectory() as folder:
        counts, times = [], []
        for share in (0.5, 1):
            script, count = photos(Path(folder)/f'photos{share}', frll, share)
            run = [sys.executable, SCRIPTS/script, '--from', Path(folder)/f'photos{share}', '--detector', 'dlib', '--jobs', str(jobs),
                   '--out', Path(folder)/f'out{share}']
            start = time.perf_counter()
            subprocess.run(run, check=True, capture_output=True)
            times.append(time.perf_counter()-start)
            counts.append(count)
        return counts[1]/times[1], (counts[1]-counts[0])/(times[1]-times[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--faces', help='a face set to read (default: the built-in one)')
    parser.add_argument('--frll', default=os.environ.get('G2GAN_FRLL'), help='London Set photos (default: $G2GAN_FRLL)')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--seconds', type=float, default=4, help='for each row')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    faces = FaceSet(args.faces) if args.faces else FaceSet.builtin()
    print(f'{faces}; {args.threads} threads of {os.cpu_count()} cores; load before {os.getloadavg()[0]:.1f}')
    for jobs in (1, 2):
        whole, running = preparing(args.frll, jobs)
        row(f'prepare: {SIDE} px photos, dlib, {jobs} process{"es"*(jobs > 1)}, whole command on 160', whole, 'photos/s')
        row('prepare: the same once it runs', running, 'photos/s', 15 if jobs == 2 else None)
    read = reading(faces, args.seconds)
    consumed = training(faces, 3*args.seconds)
    row('train: preset small, 128 px, batch 5', consumed, 'pairs/s')
    row('read / train', read/consumed, 'times', 20)


if __name__ == '__main__': main()
