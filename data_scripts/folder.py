"""Prepare own photos and videos as a face set.

    python data_scripts/folder.py --from photos --out faces/mine                  # photos/<subject>/<expression>/<file>
    python data_scripts/folder.py --from photos --table photos.csv --out faces/mine

In the folder layout a file lies in <subject>/<expression>/. The table (CSV) has the columns file, subject and
expression, and may have intensity (0 to 1), sequence, frame, split (train or test) and landmarks (a file with 68
lines 'x y', or .pts, or .mat); files are named relative to --from and must lie in it. Photos in the folder that
the table does not name are listed as left out.

A video shows one person going from neutral to an expression: its first --neutral-frames are neutral, and the
others, --frames in all, grow to intensity 1. A video called neutral is neutral throughout. Videos need PyAV
(pip install av). Every subject needs at least one neutral face. Without split, a fifth of the people test (those
whose names rank below 0.2).
"""
import os
import sys
from pathlib import Path

import pandas as pd

from g2gan.facesets import FaceSetError, outside, subject_rank
from inputs import IMAGES, SYNONYMS, VIDEOS, Item
from preparation import arguments, existing, run

TEST_SHARE = 0.2


def label(name: str) -> str:
    "An expression as the face sets spell it: 'Happy' is 'happiness', 'Left wink' is 'left_wink'."
    name = '_'.join(str(name).strip().lower().replace('-', ' ').split())
    return SYNONYMS.get(name, name)


def media(root):
    "Every file below root but hidden ones and lists."
    return [p for p in sorted(root.rglob('*')) if not (p.is_dir() and p.suffix.lower() not in IMAGES | VIDEOS)
            and not any(part.startswith('.') for part in p.relative_to(root).parts)
            and p.suffix.lower() not in ('.csv', '.txt', '.pts', '.mat', '.json', '.md', '.db', '.ini')]


def make(root, path, subject, expression, frames, neutral, **fields):
    "One item; videos are told by their suffix."
    key = path.relative_to(root).as_posix()
    kind = path.suffix.lower()
    if kind not in IMAGES | VIDEOS: return Item(key, path, reason=f'unreadable: {kind or "no suffix"} is no kind of photo or video')
    split = fields.pop('split', '') or ('test' if subject_rank(subject) < TEST_SHARE else 'train')
    video = (frames, neutral) if kind in VIDEOS else ()
    return Item(key, path, subject, label(expression), split=split, video=video,
                **{'sequence': path.stem if video else '', **fields})


def from_folders(root: Path, frames=30, neutral=3) -> list:
    "Items of root/<subject>/<expression>/<file>, numbered in the order of their names."
    found, counted = [], {}
    for path in media(root):
        parts = path.relative_to(root).parts
        if len(parts) != 3: found.append(Item('/'.join(parts), path, reason='name not recognised: expected <subject>/<expression>/<file>')); continue
        frame = counted[parts[:2]] = counted.get(parts[:2], -1) + 1
        found.append(make(root, path, parts[0], parts[1], frames, neutral, frame=frame))
    return found


def from_row(root, row, frames, neutral):
    "The item of one row of the table."
    name, path = row['file'], root/row['file']
    def bad(reason): return Item(name or '(empty)', path, reason=reason)
    if not name: return bad('table: the file is not named')
    if outside(name): return bad('table: the file lies outside the folder')
    if not path.exists(): return bad('table: there is no such file')
    if not row['subject'] or not row['expression']: return bad('table: subject or expression is empty')
    try: intensity, frame = float(row.get('intensity') or 1), int(row.get('frame') or 0)
    except ValueError: return bad('table: intensity or frame is no number')
    if not 0 <= intensity <= 1: return bad(f'table: intensity {intensity:g} is not in 0 to 1')
    if row.get('split', '') not in ('', 'train', 'test'): return bad(f"table: split {row['split']!r} is neither train nor test")
    points = row.get('landmarks') or None
    if points and outside(points): return bad('table: the landmark file lies outside the folder')
    return make(root, path, row['subject'], row['expression'], frames, neutral, intensity=intensity, frame=frame,
                sequence=row.get('sequence', ''), split=row.get('split', ''), landmarks=points and root/points)


def from_table(root: Path, table: Path, frames=30, neutral=3) -> list:
    "Items of a CSV, and of every photo that it forgets."
    try: rows = pd.read_csv(table, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError, UnicodeDecodeError) as error: raise FaceSetError(f'{table} cannot be read as a CSV file ({error}).') from None
    missing = [c for c in ('file', 'subject', 'expression') if c not in rows]
    if missing: raise FaceSetError(f'{table} has no column {missing[0]!r}: it needs file, subject and expression.')
    found, seen = [], set()
    for number, row in enumerate(rows.to_dict('records')):
        item = from_row(root, {k: v.strip() for k, v in row.items()}, frames, neutral)
        if item.key in seen: item = Item(f'{item.key} (row {number+2})', item.path, reason='table: the file is named twice')
        seen.add(item.key)
        found.append(item)
    named = {os.path.realpath(i.path) for i in found}
    return found + [Item(p.relative_to(root).as_posix(), p, reason='table: not named in it') for p in media(root) if os.path.realpath(p) not in named]


def main(argv=None) -> int:
    parser = arguments(__doc__, 'folder with the photos')
    parser.add_argument('--table', type=Path, help='CSV with file, subject, expression, ...')
    parser.add_argument('--frames', type=int, default=30, help='frames taken of a video (default 30)')
    parser.add_argument('--neutral-frames', type=int, default=3, help='first frames of a video that are neutral (default 3)')
    parser.add_argument('--name', default='', help='name of the face set (default: the folder\'s)')
    parser.add_argument('--licence', default='not stated', help='noted in dataset.json')
    args = parser.parse_args(argv)
    info = {'name': args.name or Path(args.source or '').resolve().name, 'source': 'own photos', 'licence': args.licence, 'citation': ''}
    def listed():
        root = existing(args.source, 'the folder with the photos')
        return from_table(root, args.table, args.frames, args.neutral_frames) if args.table else from_folders(root, args.frames, args.neutral_frames)
    return run(listed, args, info)


if __name__ == '__main__': sys.exit(main())
