"""Prepare the frontal faces of CMU Multi-PIE as a face set, by the protocol of the G2-GAN paper.

    python data_scripts/multipie.py --from Multi-Pie --out faces/multipie --shard 1/8     # on each of eight machines

Expects what licence holders receive: data/session01/multiview/001/01/05_1/001_01_01_051_07.png, named by subject,
session, recording, camera and illumination. Camera 05_1 (051) is the frontal one. Points are detected, or read
from --landmarks FOLDER/001_01_01_051_07.pts or ..._lm.mat (anywhere below it).

Protocol (sec. 4.1): frontal view, all 20 illuminations, subjects 001 to 250 for training. The recordings are

    session 1: neutral, smile     2: neutral, surprise, squint     3: neutral, smile, disgust     4: neutral, neutral, scream

and a face is paired with the neutral face of the same session in the same light. A smile is called 'happiness'.

Gross et al. (2010), Multi-PIE. Image and Vision Computing 28(5). Licences are sold at https://multipie.org.
"""
import re
import sys
from pathlib import Path

from g2gan.facesets import FaceSetError
from inputs import IMAGES, Item
from preparation import arguments, existing, run

RECORDINGS = {(1, 1): 'neutral', (1, 2): 'happiness', (2, 1): 'neutral', (2, 2): 'surprise', (2, 3): 'squint', (3, 1): 'neutral',
              (3, 2): 'happiness', (3, 3): 'disgust', (4, 1): 'neutral', (4, 2): 'neutral', (4, 3): 'scream'}
LAST_TRAINING = 250
INFO = {'name': 'multipie', 'source': 'CMU Multi-PIE face database (frontal)', 'licence': 'bought from Carnegie Mellon University; research only',
        'citation': 'Gross, R., Matthews, I., Cohn, J., Kanade, T. & Baker, S. (2010). Multi-PIE. Image and Vision Computing 28(5).'}


def item(path, key, points) -> Item:
    "One photo from its name."
    match = re.fullmatch(r'(\d{3})_(\d\d)_(\d\d)_(\d{3})_(\d\d)', path.stem)
    if not match: return Item(key, path, reason='name not recognised: expected 001_01_01_051_07.png')
    subject, session, recording, camera, light = match.groups()
    expression = RECORDINGS.get((int(session), int(recording)))
    reason = ''
    if camera != '051': reason = f'camera {camera} is not the frontal one'
    elif not expression: reason = f'recording not known: session {session} has no recording {recording}'
    elif int(light) > 19: reason = f'illumination not known: {light}'
    elif points is not None and path.stem not in points: reason = 'landmarks missing: no .pts or _lm.mat of this name'
    # the frame number tells the two neutral recordings of session 4 apart
    return Item(key, path, subject, expression or '', 1., f'{session}-{light}', int(recording),
                'train' if int(subject) <= LAST_TRAINING else 'test', points and points.get(path.stem), reason)


def items(root: Path, landmarks=None) -> list:
    "Every photo in a frontal folder: <session>/multiview/<subject>/<recording>/05_1/."
    data = next((root/p for p in ('data', '.') if (root/p).is_dir() and any((root/p).glob('session0*/multiview'))), None)
    if data is None: raise FaceSetError(f'{root} has no data/session01/multiview: give the folder in which Multi-PIE was unpacked.')
    points = None
    if landmarks:
        points = {p.stem.removesuffix('_lm'): p for p in sorted(landmarks.rglob('*')) if p.suffix in ('.pts', '.mat')}
        if not points: raise FaceSetError(f'{landmarks} holds no .pts and no _lm.mat file.')
    photos = (p for p in sorted(data.glob('session0*/multiview/*/*/05_1/*')) if p.suffix.lower() in IMAGES and not p.name.startswith('.'))
    return [item(p, p.relative_to(data).as_posix(), points) for p in photos]


def main(argv=None) -> int:
    parser = arguments(__doc__, 'folder with data/session01/multiview/')
    parser.add_argument('--landmarks', type=Path, help='folder with .pts or _lm.mat files (default: detect)')
    args = parser.parse_args(argv)
    return run(lambda: items(existing(args.source, 'the folder with data/session01/'), args.landmarks), args, INFO)


if __name__ == '__main__': sys.exit(main())
