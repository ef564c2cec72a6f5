"""Prepare the Face Research Lab London Set (neutral and smiling, frontal) as a face set.

    python data_scripts/frll.py --download photos --out faces/frll       # fetches both archives from figshare
    python data_scripts/frll.py --from photos --out faces/frll           # a folder with neutral_front/ and smiling_front/

DeBruine, L. & Jones, B. (2017). Face Research Lab London Set. figshare. doi 10.6084/m9.figshare.5047666.
Licence CC BY 4.0: whoever shows one of the photos, or a result made from one, names the source.

Points are taken from landmarks68.csv beside the two folders (columns file, subject, expression, x0, y0, ... y67)
where there is one, else detected. About a fifth of the people are for testing: those whose name ranks below
TEST_SHARE (the rank is the SHA-256 of the name), so nobody changes sides when photos are added or missing.
"""
import http.client
import json
import re
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from g2gan.facesets import FaceSetError, subject_rank
from inputs import IMAGES, Item, file_digest
from preparation import arguments, existing, run

API = 'https://api.figshare.com/v2/articles/5047666'
ARCHIVES = ('neutral_front.zip', 'smiling_front.zip')
FOLDERS = {'neutral_front': ('neutral', '03'), 'smiling_front': ('happiness', '08')}
TEST_SHARE = 0.21    # lies between the ranks of the 16th and the 17th of the 80 people on whom the course was written
INFO = {'name': 'frll', 'source': 'Face Research Lab London Set, https://doi.org/10.6084/m9.figshare.5047666',
        'licence': 'CC BY 4.0', 'attribution': 'Face Research Lab London Set, DeBruine & Jones 2017, CC BY 4.0',
        'citation': 'DeBruine, L. & Jones, B. (2017). Face Research Lab London Set. figshare. doi 10.6084/m9.figshare.5047666'}


def folder(root: Path, name: str):
    "neutral_front wherever an archive was unpacked to; the outermost one that is no macOS shadow."
    found = [p for p in [root/name, *sorted(root.rglob(name))] if p.is_dir() and '__MACOSX' not in p.parts]
    found = [p for p in found if any(q.suffix.lower() in IMAGES for q in p.iterdir())] or found
    return found[0] if found else None


def given_points(root: Path) -> dict:
    "File -> (68, 2) of landmarks68.csv, or nothing."
    path = root/'landmarks68.csv'
    if not path.is_file(): return {}
    try:
        table = pd.read_csv(path, dtype={'file': str, 'subject': str})
        columns = [f'{c}{i}' for i in range(68) for c in 'xy']
        return dict(zip(table['file'], table[columns].to_numpy(float).reshape(-1, 68, 2)))
    except (KeyError, ValueError, pd.errors.ParserError) as error:
        raise FaceSetError(f'{path} cannot be read ({error}); delete it to have the points detected.') from None


def items(root: Path) -> list:
    "Every photo of both folders."
    points, found = given_points(root), []
    for name, (expression, number) in FOLDERS.items():
        photos = folder(root, name)
        if photos is None: raise FaceSetError(f'{root/name} is not there: give the folder into which {name}.zip was unpacked.')
        for path in sorted(photos.iterdir()):
            if path.name.startswith('.') or path.suffix.lower() in ('.tem', '.csv', '.txt', '.db', '.md'): continue   # no photos
            key = f'{name}/{path.name}'
            match = re.fullmatch(rf'(\d+)_{number}\.jpe?g', path.name, re.IGNORECASE)
            if not match: found.append(Item(key, path, reason=f'name not recognised: expected 001_{number}.jpg')); continue
            split = 'test' if subject_rank(match[1]) < TEST_SHARE else 'train'
            missing = 'landmarks missing: no row in landmarks68.csv' if points and key not in points else ''
            found.append(Item(key, path, match[1], expression, split=split, landmarks=points.get(key), reason=missing))
    return found


# ---------------------------------------------------------------- download

def _open(url, start=0):
    request = urllib.request.Request(url, headers={'User-Agent': 'g2gan data script', **({'Range': f'bytes={start}-'} if start else {})})
    return urllib.request.urlopen(request, timeout=60)


def fetch(url: str, path: Path, size: int, md5: str, tries: int = 5, wait: float = 2.) -> None:
    "Download with resuming: a cut connection goes on where it stopped, and nothing is kept whose checksum differs."
    part = path.with_suffix('.part')
    for attempt in range(tries):
        have = part.stat().st_size if part.exists() else 0
        if have > size: part.unlink(); have = 0
        try:
            if have < size:
                with _open(url, have) as answer, open(part, 'ab' if answer.status == 206 else 'wb') as file:
                    while block := answer.read(1 << 16): file.write(block)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 416, 429): raise FaceSetError(f'{url}: the server answers {error.code} {error.reason}.') from None
            if error.code == 416: part.unlink(missing_ok=True)
        except (OSError, http.client.HTTPException): pass       # a connection cut, refused or silent
        if part.exists() and part.stat().st_size >= size:
            if file_digest(part, 'md5') == md5: part.replace(path); return
            part.unlink()          # damaged on the way: from the start
            if attempt == tries-1: raise FaceSetError(f'{path.name}: the checksum is wrong after {tries} downloads; try again later.')
        elif attempt < tries-1: time.sleep(wait*2**attempt)
    raise FaceSetError(f'{path.name}: the connection broke {tries} times; run the same command again to go on where it stopped.')


def download(root: Path, api: str = API, wait: float = 2.) -> None:
    "Both archives of the figshare article into `root`, checked and unpacked."
    root.mkdir(parents=True, exist_ok=True)
    try:
        with _open(api) as answer: files = {f['name']: f for f in json.load(answer)['files']}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise FaceSetError(f'{api} cannot be read ({error}); check the connection, or download the archives by hand and pass --from.') from None
    for name in ARCHIVES:
        if name not in files: raise FaceSetError(f'{api} no longer lists {name}; download it by hand and pass --from.')
        file, path = files[name], root/name
        md5 = file.get('computed_md5') or file.get('supplied_md5')
        if not (path.exists() and file_digest(path, 'md5') == md5):
            print(f"{name}: {file['size']/1e6:.0f} MB")
            fetch(file['download_url'], path, file['size'], md5, wait=wait)
        unpack(path, root)


def unpack(archive: Path, root: Path) -> None:
    "The photos of an archive into `root`/<its name>/, whatever folders it has inside (so nothing can land elsewhere)."
    (root/archive.stem).mkdir(exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                name = Path(entry.filename).name
                if entry.is_dir() or '__MACOSX' in entry.filename or not name or name.startswith('.'): continue
                target = root/archive.stem/name
                if not target.exists() or target.stat().st_size != entry.file_size: target.write_bytes(zipped.read(entry))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise FaceSetError(f'{archive} cannot be unpacked ({error}); delete it and run again.') from None


def main(argv=None) -> int:
    parser = arguments(__doc__, 'folder with neutral_front/ and smiling_front/')
    parser.add_argument('--download', type=Path, help='fetch the archives from figshare into this folder first (kept; resumed when cut)')
    parser.add_argument('--api', default=API, help='address of the article in the figshare API or a mirror')
    args = parser.parse_args(argv)
    def listed():
        if args.download: download(args.download, args.api); args.source = args.source or args.download
        return items(existing(args.source, 'the folder with neutral_front/ and smiling_front/, or --download FOLDER'))
    return run(listed, args, INFO)


if __name__ == '__main__': sys.exit(main())
