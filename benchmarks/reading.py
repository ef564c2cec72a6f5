"""Speed of reading and preparing faces: pairs and images a second of FacePairs + augment, and photos a second of data_scripts/frll.py.

    python benchmarks/reading.py [--faces FOLDER] [--frll FOLDER]      # FOLDER of a face set; of the London Set's photos
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from g2gan.faces import FacePairs, FaceSet, augment

STEP = 0.75       # s a `small` training step at 128 px, bf16, 5 pairs (benchmarks/train_step.py measures it)


def reading(faces, seconds=3.):
    "Rows (what, pairs a second, pairs a core-second) in this process: first decoding, then from memory, then augmented."
    start, cpu = time.perf_counter(), time.process_time()
    for i in range(len(faces)): faces.image(i)
    yield 'images decoded (first time)', len(faces)/(time.perf_counter()-start)/2, len(faces)/(time.process_time()-cpu)/2
    pairs = FacePairs(faces)
    ways = {'FacePairs.batch': lambda s: pairs.batch(s, 5), 'FacePairs.batch + augment': lambda s: augment(pairs.batch(s, 5), 128),
            'the same with colour': lambda s: augment(pairs.batch(s, 5), 128, colour=0.2)}
    for what, way in ways.items():
        for step in range(20): way(step)
        start, cpu, step = time.perf_counter(), time.process_time(), 0
        while time.perf_counter()-start < seconds: way(step); step += 1
        yield what, step*5/(time.perf_counter()-start), step*5/(time.process_time()-cpu)


def preparing(photos, detector, jobs):
    "Photos a second of the whole command; without its start; and photos a core-second (one process: others are not our children)."
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)/'photos'
        source.mkdir()
        for name in ('neutral_front', 'smiling_front'): (source/name).symlink_to((Path(photos)/name).resolve())
        if detector == 'given': (source/'landmarks68.csv').symlink_to((Path(photos)/'landmarks68.csv').resolve())
        script = Path(__file__).parent.parent/'data_scripts'/'frll.py'
        run = [sys.executable, script, '--from', source, '--detector', 'dlib', '--jobs', str(jobs), '--out']
        def timed(out):
            start, before = time.perf_counter(), os.times()
            subprocess.run([*run, Path(folder)/out], check=True, capture_output=True)
            after = os.times()
            return time.perf_counter()-start, after.children_user+after.children_system-before.children_user-before.children_system
        (whole, cpu), (again, cpu_again) = timed('out'), timed('out')   # the second time everything is there: starting is left
        count = len(FaceSet(Path(folder)/'out'))
        return count/whole, count/max(whole-again, 1e-9), count/max(cpu-cpu_again, 1e-9) if jobs == 1 else float('nan')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--faces', help='a face set (default: the built-in one)')
    parser.add_argument('--frll', default=os.environ.get('G2GAN_FRLL'), help='London Set photos (default: $G2GAN_FRLL)')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    faces = FaceSet(args.faces) if args.faces else FaceSet.builtin()
    print(f'{faces}; {args.threads} threads; load {os.getloadavg()[0]:.1f}\n')
    print(f'{"":32}{"pairs/s":>10}{"images/s":>10}{"x small step":>14}{"pairs/core-s":>14}')
    for what, rate, core in reading(faces): print(f'{what:32}{rate:10.0f}{2*rate:10.0f}{rate*STEP/5:14.0f}{core:14.0f}')
    if args.frll:
        print(f'\n{"preparing the London Set":32}{"photos/s":>10}{"running":>10}{"photos/core-s":>14}')
        for detector in ('dlib', 'given'):
            for jobs in (1, os.cpu_count()):
                whole, running, core = preparing(args.frll, detector, jobs)
                print(f'{detector+" points, "+str(jobs)+" processes":32}{whole:10.1f}{running:10.1f}{core:14.1f}')


if __name__ == '__main__': main()
