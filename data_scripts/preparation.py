"""What all data scripts share: inputs in, one face set out, every input accounted for.

A script lists its database as `Item`s and calls `run`. Photos are read, their points found (or
taken from the database), checked, aligned by the eyes and written by `g2gan.facesets.FaceSetWriter`,
on several processes and, with --shard, on several machines that share the output folder. Items are
sorted by name first, so the order in which a disk lists its files changes nothing. A run may be
interrupted at any moment, and the same command goes on with it.
"""
import argparse
import functools
import multiprocessing
import os
import signal
import sys
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch
from tqdm.auto import tqdm

from g2gan.facesets import FaceSetError, FaceSetWriter
from g2gan.landmarks import DetectorMissing, ImageError, get_detector
from inputs import prepare_item


def _worker():
    signal.signal(signal.SIGINT, signal.SIG_IGN)   # Ctrl-C is the parent's to answer
    torch.set_num_threads(1)


def _in_parallel(items, jobs, work):
    "Yield (item, results) in order; an input that kills its process is found by trying its neighbours one by one."
    if jobs <= 1:
        for item in items: yield item, work(item)
        return
    # processes start from a server that has no threads and no GPU: a fork of this process could hang in either
    context, rest = multiprocessing.get_context('forkserver' if hasattr(os, 'fork') else 'spawn'), list(items)
    if hasattr(os, 'fork'): context.set_forkserver_preload(['g2gan.facesets'])
    while rest:
        try:
            with ProcessPoolExecutor(jobs, context, _worker) as pool:
                for results in pool.map(work, list(rest)): yield rest.pop(0), results
        except BrokenProcessPool:
            for item in [rest.pop(0) for _ in range(min(2*jobs, len(rest)))]:
                try:
                    with ProcessPoolExecutor(1, context, _worker) as pool: yield item, pool.submit(work, item).result()
                except BrokenProcessPool: yield item, [(item.key, 'unreadable: reading it ends the process')]


def parse_shard(text: str) -> tuple:
    "'2/4' -> (2, 4)."
    try:
        number, count = map(int, text.split('/'))
        if 1 <= number <= count: return number, count
    except ValueError: pass
    raise FaceSetError(f"--shard {text}: give this machine's number and how many there are, from 1/{4} to 4/4 for four.")


def prepare(items, out, info, size=144, detector='auto', jobs=1, shard='1/1', several='refuse', need_neutral=True, quiet=False) -> dict:
    "Prepare a list of items into the face set `out`; returns the counts (inputs, faces, left out, waiting)."
    items = sorted(items, key=lambda item: item.key)
    keys = {item.key for item in items}
    if len(keys) != len(items): raise FaceSetError('two inputs have the same name: report the folder layout.')
    number, count = parse_shard(shard)
    if any(i.landmarks is None and not i.reason for i in items): detector = get_detector(detector)
    used = getattr(detector, 'name', 'given')
    preparation = {'detector': used, 'several': several}
    writer = FaceSetWriter(out, {**info, 'preparation': preparation}, size, f'{number}-of-{count}', need_neutral=need_neutral)
    mine = [i for i in items if zlib.crc32(i.key.encode()) % count == number-1]
    todo = [i for i in mine if not writer.done(i.key, i.stamp)]
    # processes load the detector by name; one of the caller's own kind is sent as it is
    work = functools.partial(prepare_item, size=size, detector=used if used in ('dlib', 'face-alignment') else detector, several=several)
    bar = tqdm(total=len(mine), initial=len(mine)-len(todo), desc=Path(out).name, unit='input', disable=quiet)
    try:
        for item, results in _in_parallel(todo, jobs, work):
            for key, result in results:
                if isinstance(result, str): writer.quarantine(key, result, item.stamp)
                else: writer.add(**result, key=key, stamp=item.stamp)
            if item.video: writer.close_input(item.key, item.stamp)
            bar.update()
    finally:
        bar.close()
        waiting = sum(not writer.done(i.key, i.stamp) for i in items)
        counts = writer.finish(lambda key: key in keys or key.rpartition('#')[0] in keys, complete=not waiting)
    return {**counts, 'waiting': waiting, 'reasons': Counter(r.split(':')[0].split(' of ')[0] for r in writer.reasons)}


def report(counts, out):
    "Print counts that add up."
    print(f"{out}: {counts['inputs']} inputs = {counts['faces']} faces + {counts['left out']} left out"
          + f"; {counts['waiting']} still to do (other shards, or run again)"*bool(counts['waiting']))
    for reason, n in sorted(counts['reasons'].items()): print(f'  {n:6d}  {reason}')
    if counts['left out']: print(f"  each with its reason in {Path(out)/'quarantine.csv'}")


# ---------------------------------------------------------------- the command line

def arguments(description: str, source: str) -> argparse.ArgumentParser:
    "The options that every data script has."
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--from', dest='source', type=Path, help=source)
    add('--out', type=Path, required=True, help='folder of the face set; one that was begun is continued')
    add('--size', type=int, default=144, help='side of the aligned faces in pixels (default 144, for training at 128)')
    add('--detector', default='auto', choices=['auto', 'dlib', 'face-alignment'], help='finds the points where the database gives none')
    add('--jobs', type=int, default=os.cpu_count(), help='processes (default: one a core)')
    add('--shard', default='1/1', help="this machine's share, as 2/4; all machines write to the same --out")
    add('--several', default='refuse', choices=['refuse', 'largest'], help='photos with several faces of similar size (default refuse)')
    return parser


def existing(path, what):
    "The database's folder, or a FaceSetError that says what to give."
    if path is None: raise FaceSetError(f'--from is missing: give {what}.')
    if not Path(path).is_dir(): raise FaceSetError(f'{path} is not a folder: give {what}.')
    return Path(path)


def run(items, args, info, need_neutral=True) -> int:
    "Prepare and report; returns the exit status. Items may be a function, so that its errors are reported too."
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        if args.size < 16 or args.size > 2048: raise FaceSetError(f'--size {args.size}: choose from 16 to 2048 pixels.')
        items = list(items() if callable(items) else items)
        if not items: raise FaceSetError(f'{args.source}: nothing to prepare was found there.')
        counts = prepare(items, args.out, info, args.size, args.detector, args.jobs, args.shard, args.several, need_neutral)
    except KeyboardInterrupt:
        print(f'\nInterrupted; the same command goes on with {args.out}.', file=sys.stderr)
        return 130
    except (FaceSetError, ImageError, DetectorMissing, OSError) as error:
        print(f'Error: {error}', file=sys.stderr)
        return 1
    report(counts, args.out)
    if not counts['faces'] and not counts['waiting']: print('Error: no face could be used.', file=sys.stderr)
    return 0 if counts['faces'] or counts['waiting'] else 1
