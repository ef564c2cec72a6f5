"""Prepare the Extended Cohn-Kanade database (CK+) as a face set, by the protocol of the G2-GAN paper.

    python data_scripts/ckplus.py --from CK+ --out faces/ckplus

Expects the folders that licence holders receive, unpacked side by side:

    cohn-kanade-images/S005/001/S005_001_00000001.png      frames, the first neutral, the last at the apex
    Landmarks/S005/001/S005_001_00000001_landmarks.txt     68 lines 'x y'
    Emotion/S005/001/S005_001_00000011_emotion.txt         one number, for 327 of the 593 sequences

Protocol (sec. 4.1): the first three frames of a sequence are neutral, the others expressive; grey images; 100
subjects to train and 23 to test. The paper does not name them: here the 23 of 123 whose names rank first test.
Intensity grows evenly from the third frame to the last; sequences without a label are 'unlabelled'.

Lucey et al. (2010), The Extended Cohn-Kanade Dataset (CK+). Apply at https://www.jeffcohn.net/Resources/.
"""
import re
import sys
from pathlib import Path

from g2gan.facesets import FaceSetError, subject_rank
from inputs import IMAGES, Item
from preparation import arguments, existing, run

EMOTIONS = ['neutral', 'anger', 'contempt', 'disgust', 'fear', 'happiness', 'sadness', 'surprise']
NEUTRAL_FRAMES, TEST, ALL = 3, 23, 123
INFO = {'name': 'ckplus', 'source': 'Extended Cohn-Kanade Dataset (CK+)', 'licence': 'agreement with the University of Pittsburgh; research only',
        'citation': 'Lucey, P., Cohn, J. F., Kanade, T., Saragih, J., Ambadar, Z. & Matthews, I. (2010). '
                    'The Extended Cohn-Kanade Dataset (CK+). CVPR Workshops.'}


def emotion(folder: Path):
    "(expression of a sequence, '') or ('', why its emotion file is bad)."
    files = sorted(p for p in folder.glob('*_emotion.txt') if not p.name.startswith('.')) if folder.is_dir() else []
    if not files: return 'unlabelled', ''
    try:
        value = float(files[-1].read_text())
        if value == int(value) and 0 <= value < len(EMOTIONS): return EMOTIONS[int(value)], ''
    except (ValueError, OSError): pass
    return '', f'label unreadable: {files[-1].name} does not hold a number from 0 to 7'


def sequence_items(root, images, folder, split, given):
    "Items of one folder Sxxx/yyy."
    subject, sequence = folder.parent.name, folder.name
    label, bad = emotion(root/'Emotion'/subject/sequence)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGES and not p.name.startswith('.'))
    numbered = [p for p in files if re.fullmatch(rf'{subject}_{sequence}_\d{{8}}', p.stem)]
    for path in files:
        key = path.relative_to(images).as_posix()
        if path not in numbered:
            yield Item(key, path, reason=f'name not recognised: expected {subject}_{sequence}_00000001.png'); continue
        place = numbered.index(path)
        neutral = place < NEUTRAL_FRAMES
        strength = (place-NEUTRAL_FRAMES+1)/max(1, len(numbered)-NEUTRAL_FRAMES)
        points = root/'Landmarks'/subject/sequence/f'{path.stem}_landmarks.txt' if given else None
        # a sequence labelled neutral exists in no release, but would be neutral throughout
        yield Item(key, path, subject, 'neutral' if neutral else label, strength, sequence, int(path.stem[-8:]), split,
                   points, '' if neutral else bad, grey=True)


def items(root: Path) -> list:
    "Every frame below cohn-kanade-images."
    images = next((root/n for n in ('cohn-kanade-images', 'extended-cohn-kanade-images/cohn-kanade-images') if (root/n).is_dir()), None)
    if images is None: raise FaceSetError(f'{root} has no folder cohn-kanade-images: give the folder in which the CK+ archives were unpacked.')
    subjects = sorted(p.name for p in images.iterdir() if p.is_dir() and re.fullmatch(r'S\d+', p.name))
    ranked = sorted(subjects, key=subject_rank)
    test = set(ranked[:round(len(ranked)*TEST/ALL)])
    given = (root/'Landmarks').is_dir()       # without that archive, all points are detected
    found = []
    for subject in subjects:
        for folder in sorted(p for p in (images/subject).iterdir() if p.is_dir()):
            found += sequence_items(root, images, folder, 'test' if subject in test else 'train', given)
    return found


def main(argv=None) -> int:
    args = arguments(__doc__, 'folder with cohn-kanade-images/, Landmarks/ and Emotion/').parse_args(argv)
    return run(lambda: items(existing(args.source, 'the folder with cohn-kanade-images/')), args, INFO)


if __name__ == '__main__': sys.exit(main())
