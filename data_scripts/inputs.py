"""One input of a database: a photo or a video in, aligned faces or the reason why not out.

Nothing here raises for bad input; what cannot be used becomes a sentence that `preparation` notes in quarantine.csv.
"""
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from g2gan.landmarks import ImageError, align_by_eyes, eye_centers, get_detector, inter_ocular, read_image

IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.gif', '.ppm', '.pgm'}
VIDEOS = {'.mp4', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.mpeg', '.m4v', '.wmv'}
MIN_EYES = 20      # px between the eye centres in the photo; the aligned face of 144 px has 43
SIX = ['anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise']
SYNONYMS = {**{e: e for e in SIX}, 'neutral': 'neutral', 'angry': 'anger', 'disgusted': 'disgust', 'afraid': 'fear',
            'fearful': 'fear', 'scared': 'fear', 'happy': 'happiness', 'smile': 'happiness', 'smiling': 'happiness',
            'joy': 'happiness', 'sad': 'sadness', 'surprised': 'surprise', 'none': 'neutral'}


@dataclass(frozen=True)
class Item:
    "One input of a database: a photo, or a video of which some frames are taken."
    key: str                 # its name among all inputs, the same on every machine: the path below the database's root
    path: Path
    subject: str = ''
    expression: str = ''
    intensity: float = 1.
    sequence: str = ''
    frame: int = 0
    split: str = 'train'
    landmarks: object = None  # None: detect; a (68, 2) array in the photo's pixels; or the path of a landmark file
    reason: str = ''          # why it cannot be used, where that is known without opening it
    grey: bool = False        # make three equal channels of it
    video: tuple = ()         # for a video: (frames to take, how many of the first are neutral)

    @property
    def stamp(self):
        "Changes when one of its files does."
        files = [self.path] + [self.landmarks]*isinstance(self.landmarks, Path)
        return ' '.join(f'{s.st_size}-{s.st_mtime_ns}' for s in map(_stat, files) if s)


def _stat(path):
    try: return path.stat()
    except OSError: return None


def file_digest(path: Path, kind: str = 'sha1') -> str:
    "Hex digest of a file of any length."
    digest = hashlib.new(kind)
    with open(path, 'rb') as file:
        while block := file.read(1 << 20): digest.update(block)
    return digest.hexdigest()


class Unusable(ValueError):
    "Why an input is left out: a kind, and after a colon what exactly."


def read_points(path: Path) -> np.ndarray:
    "(68, 2) points of a landmark file: lines of 'x y' (CK+), iBUG .pts (counted from 1), or .mat with `pts`."
    try:
        if path.suffix == '.mat':
            from scipy.io import loadmat
            points = np.asarray(loadmat(path)['pts'], float) - 1      # MATLAB counts pixels from 1
        else:
            text = path.read_text(encoding='utf-8', errors='replace')
            pts = '{' in text
            if pts: text = text[text.index('{')+1:text.rindex('}')]
            points = np.array([[float(v) for v in line.replace(',', ' ').split()] for line in text.splitlines() if line.strip()])
            if pts: points = points - 1
    except FileNotFoundError:
        raise Unusable(f'landmarks missing: no file {path.name}') from None
    except Exception as error:   # a reader meets every kind of broken file
        raise Unusable(f'landmarks unreadable: {path.name} ({type(error).__name__})') from None
    if points.shape != (68, 2): raise Unusable(f'landmarks unreadable: {path.name} does not hold 68 points')
    return points


def find_points(item, image, detector, several):
    "(68, 2) points given with the item, or detected."
    if isinstance(item.landmarks, Path): return read_points(item.landmarks)
    if item.landmarks is not None: return np.asarray(item.landmarks, float)
    faces = get_detector(detector).detect(image)
    if not faces: raise Unusable('no face')
    large = [f for f in faces if inter_ocular(f) > 0.5*inter_ocular(faces[0])]   # far smaller ones are onlookers
    if len(large) > 1 and several != 'largest': raise Unusable(f'several faces: {len(large)} of them')
    return faces[0]


def check_points(points, image):
    "Refuse points that no face in this photo can have (Unusable)."
    height, width = image.shape[:2]
    if points.shape != (68, 2) or not np.isfinite(points).all(): raise Unusable('landmarks unreadable: not 68 finite points')
    eyes = np.linalg.norm(np.subtract(*eye_centers(points)))
    if eyes < MIN_EYES: raise Unusable(f'eyes too close: {eyes:.0f} px apart, fewer than {MIN_EYES}')
    slack = 0.05*eyes
    if (points < -slack).any() or (points > np.array([width-1, height-1])+slack).any():
        raise Unusable('landmarks outside the image: the face is cut by the border, or these belong to another photo')
    upright = align_by_eyes(points, 144).apply(points)
    if upright[48:].mean(0)[1] <= upright[36:48].mean(0)[1]:
        raise Unusable('landmarks out of order: the mouth is not below the eyes (left and right exchanged?)')


def align(item, image, size, detector, several):
    "((size, size, 3) uint8, (68, 2)) of the face in one photo."
    points = find_points(item, image, detector, several)
    check_points(points, image)
    alignment = align_by_eyes(points, size)
    face = alignment.warp(image)
    if item.grey: face = np.repeat((face @ np.array([0.299, 0.587, 0.114], np.float32))[..., None], 3, -1)
    return (face.clip(0, 1)*255 + 0.5).astype(np.uint8), alignment.apply(points)


def video_frames(path: Path, wanted: int, neutral: int):
    "Yield (number, total, image): the first `neutral` frames of a video and others evenly spaced, `wanted` in all."
    try: import av
    except ImportError: raise SystemExit("Videos need PyAV: pip install av.") from None
    try:
        with av.open(str(path)) as film: total = sum(1 for _ in film.decode(video=0))
    except Exception as error: raise Unusable(f'unreadable: the video cannot be decoded ({type(error).__name__})') from None
    first = min(neutral, wanted, total)
    take = {*range(first), *np.linspace(first, total-1, max(0, min(wanted, total)-first)).round().astype(int).tolist()}
    with av.open(str(path)) as film:
        for number, frame in enumerate(film.decode(video=0)):
            if number in take: yield number, total, frame.to_ndarray(format='rgb24').astype(np.float32)/255


def prepare_item(item: Item, size: int, detector, several: str) -> list:
    "What the writer needs for one input: (key, fields) of faces, (key, reason) of what is left out. Never raises for bad input."
    if item.reason: return [(item.key, item.reason)]
    fields = dict(subject=item.subject, sequence=item.sequence, frame=item.frame, expression=item.expression,
                  intensity=item.intensity, split=item.split, source=item.key)
    try:
        if item.video: return _prepare_video(item, fields, size, detector, several)
        try: data = item.path.read_bytes()
        except OSError as error: raise Unusable(f'unreadable: {error.strerror or error}') from None
        if not data: raise Unusable('unreadable: the file is empty')
        try: image = read_image(data, name='it')
        except ImageError as error: raise Unusable(f'unreadable: {str(error).removeprefix("it: ")}') from None
        face, points = align(item, image, size, detector, several)
        return [(item.key, {**fields, 'image': face, 'points': points, 'digest': hashlib.sha1(data).hexdigest()})]
    except Unusable as error: return [(item.key, str(error))]


def _prepare_video(item, fields, size, detector, several):
    results, neutral = [], item.video[1]*(item.expression != 'neutral')
    digest = file_digest(item.path)
    for number, total, image in video_frames(item.path, item.video[0], neutral):
        key = f'{item.key}#{number:05d}'
        grows = (number-neutral+1)/max(1, total-neutral)      # from the neutral start to the apex at the end
        expression = 'neutral' if number < neutral else item.expression
        try: face, points = align(item, image, size, detector, several)
        except Unusable as error: results.append((key, str(error))); continue
        results.append((key, {**fields, 'frame': number, 'expression': expression, 'image': face, 'points': points,
                              'intensity': item.intensity*(grows if neutral else 1), 'source': key,
                              'digest': f'{digest}#{number}'}))     # equal frames of one film are no duplicates
    if not results: raise Unusable('unreadable: the video has no frames')
    return results
