"""Prepare the Oulu-CASIA NIR-VIS facial expression database as a face set, by the protocol of the G2-GAN paper.

    python data_scripts/oulu_casia.py --from Oulu_CASIA_NIR_VIS --out faces/oulu

Expects what licence holders receive: OriginalImg/VL/Strong/P001/Anger/000.jpeg, that is visible light (VL), strong
light, 80 people P001 to P080, six expressions, frames numbered from 000. No points come with it: they are detected,
or read from --landmarks FOLDER/P001/Anger/000.pts.

Protocol (sec. 4.1): the first three frames of a sequence are neutral, the others expressive. The paper counts 60
training subjects as "37 Finns and 13 Chinese", which makes 50, and names 13 Finns and 7 Chinese for testing. The
database has 50 Finns (P001 to P050) and 30 Chinese (P051 to P080), so 13 must be a slip for 23: here 37 + 23 train
and 13 + 7 test, those whose names rank first in each group testing.

Zhao et al. (2011), Facial expression recognition from near-infrared videos. Apply at the University of Oulu (CMVS).
"""
import re
import sys
from pathlib import Path

from g2gan.facesets import FaceSetError, subject_rank
from inputs import IMAGES, SYNONYMS, Item
from preparation import arguments, existing, run

NEUTRAL_FRAMES = 3
GROUPS = {'Finns': (range(1, 51), 13), 'Chinese': (range(51, 81), 7)}    # people, and how many of them test
INFO = {'name': 'oulu_casia', 'source': 'Oulu-CASIA NIR&VIS facial expression database (VIS, strong light)',
        'licence': 'agreement with the University of Oulu; research only',
        'citation': 'Zhao, G., Huang, X., Taini, M., Li, S. Z. & Pietikäinen, M. (2011). Facial expression recognition '
                    'from near-infrared videos. Image and Vision Computing 29(9).'}


def test_subjects() -> set:
    "The 13 Finns and 7 Chinese, whoever is present."
    chosen = set()
    for people, count in GROUPS.values(): chosen |= set(sorted((f'P{n:03d}' for n in people), key=subject_rank)[:count])
    return chosen


def sequence_items(images, folder, split, landmarks):
    "Items of one folder P001/Anger."
    subject, label = folder.parent.name, SYNONYMS.get(folder.name.lower(), '')
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGES and not p.name.startswith('.'))
    numbered = sorted((p for p in files if p.stem.isdigit()), key=lambda p: int(p.stem))
    for path in files:
        key, reason = path.relative_to(images).as_posix(), ''
        if not label: reason = f'label not known: {folder.name}'
        if path not in numbered: reason = 'name not recognised: expected 000.jpeg'
        if reason: yield Item(key, path, reason=reason); continue
        place = numbered.index(path)
        strength = (place-NEUTRAL_FRAMES+1)/max(1, len(numbered)-NEUTRAL_FRAMES)
        points = landmarks/subject/folder.name/f'{path.stem}.pts' if landmarks else None
        yield Item(key, path, subject, label if place >= NEUTRAL_FRAMES else 'neutral', strength, label, int(path.stem), split, points)


def items(root: Path, landmarks=None) -> list:
    "Every frame below VL/Strong."
    places = ('OriginalImg/VL/Strong', 'VL/Strong', 'Strong', '.')
    images = next((root/p for p in places if (root/p).is_dir() and any(re.fullmatch(r'P\d{3}', q.name) for q in (root/p).iterdir())), None)
    if images is None: raise FaceSetError(f'{root} has no OriginalImg/VL/Strong/P001: give the folder in which the database was unpacked.')
    test, found = test_subjects(), []
    for person in sorted(p for p in images.iterdir() if p.is_dir() and re.fullmatch(r'P\d{3}', p.name)):
        for folder in sorted(p for p in person.iterdir() if p.is_dir()):
            found += sequence_items(images, folder, 'test' if person.name in test else 'train', landmarks)
    return found


def main(argv=None) -> int:
    parser = arguments(__doc__, 'folder with OriginalImg/VL/Strong/')
    parser.add_argument('--landmarks', type=Path, help='folder with P001/Anger/000.pts (default: detect)')
    args = parser.parse_args(argv)
    return run(lambda: items(existing(args.source, 'the folder with OriginalImg/'), args.landmarks), args, INFO)


if __name__ == '__main__': sys.exit(main())
