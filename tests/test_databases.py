"""Every database from a small tree in its official layout; every kind of bad input; the download from figshare.

The trees are made of the faces that come with the package, put into larger photos, with their exact points as the
landmark files. No network but a local server, no detector but where one is tested.
"""
import csv
import functools
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

SCRIPTS = Path(__file__).parent.parent/'data_scripts'
sys.path.insert(0, str(SCRIPTS))

import ckplus, folder, frll, inputs, multipie, open_mouths, oulu_casia, preparation   # noqa: E401, E402
from g2gan.faces import FacePairs, FaceSet   # noqa: E402
from g2gan.facesets import FaceSetError, subject_rank   # noqa: E402
from g2gan.landmarks import LandmarkDetector, align_by_eyes, scale_points   # noqa: E402

QUIET = ['--jobs', '1', '--detector', 'dlib']


@functools.cache
def faces(): return FaceSet.builtin()


@functools.cache
def photo(i, width=320, height=280):
    "(uint8 photo, points): built-in face i at 1.5 times its size, somewhere in a larger picture."
    source, rng = faces(), np.random.default_rng(i)
    side = 216
    face = np.asarray(Image.fromarray(source.image(i % len(source))).resize((side, side), Image.Resampling.BICUBIC))
    left, top = rng.integers(0, width-side), rng.integers(0, height-side)
    picture = np.full((height, width, 3), face[:4].mean((0, 1)), np.uint8)
    picture[top:top+side, left:left+side] = face
    picture[0, 0] = [i % 251, i//251 % 251, 7]                              # no two photos are the same
    return picture, scale_points(source.points[i % len(source)], 144, side)+[left, top]


def save(path, i, grey=False, **size):
    "Write photo i; returns its points."
    path.parent.mkdir(parents=True, exist_ok=True)
    picture, points = photo(i, **size)
    image = Image.fromarray(picture)
    (image.convert('L') if grey else image).save(path, quality=95)
    return points


def save_points(path, points, pts=False):
    "68 lines as CK+ writes them, or an iBUG .pts, which counts from 1."
    path.parent.mkdir(parents=True, exist_ok=True)
    if pts: text = 'version: 1\nn_points: 68\n{\n' + ''.join(f'{x+1:.6f} {y+1:.6f}\n' for x, y in points) + '}\n'
    else: text = ''.join(f'   {x:.7e}   {y:.7e}\n' for x, y in points)
    path.write_text(text)


def opened(out, inputs=None):
    "The face set, after checking that the counts add up."
    made, left = FaceSet(out), pd.read_csv(out/'quarantine.csv')
    assert made.info['faces'] == len(made) and made.info['left_out'] == len(left)
    if inputs is not None: assert len(made)+len(left) == inputs
    assert {p.relative_to(out).as_posix() for p in (out/'images').rglob('*') if p.is_file()} == set(made.table.file_name)
    return made


def tree(out): return {p: (out/p).read_bytes() for p in ('metadata.parquet', 'quarantine.csv', 'dataset.json')}


def reasons(out): return dict(pd.read_csv(out/'quarantine.csv').itertuples(index=False))


# ---------------------------------------------------------------- London Set

def london(root, people=('001', '002', '026'), csv_file=True, **size):
    rows = []
    for k, who in enumerate(people):
        for j, (name, label) in enumerate((('neutral_front', '03'), ('smiling_front', '08'))):
            points = save(root/name/f'{who}_{label}.jpg', 2*k+j, **size)
            (root/name/f'{who}_{label}.tem').write_text('189\n')                # Webmorph's file in the archives
            rows.append([f'{name}/{who}_{label}.jpg', who, ['neutral', 'smile'][j], *points.round(3).ravel()])
    if csv_file:
        with open(root/'landmarks68.csv', 'w', newline='') as file:
            csv.writer(file).writerows([['file', 'subject', 'expression'] + [f'{c}{i}' for i in range(68) for c in 'xy'], *rows])
    return rows


def test_frll(tmp_path):
    rows = london(tmp_path/'set')
    assert frll.main(['--from', str(tmp_path/'set'), '--out', str(tmp_path/'out'), *QUIET]) == 0
    made = opened(tmp_path/'out', 6)
    assert made.subjects == ['001', '002', '026'] and sorted(made.table.expression) == ['happiness']*3+['neutral']*3
    assert set(made.table.subject[made.table.split == 'test']) == {'026'}      # by name, whoever else is there
    assert list(made.table.intensity[made.table.expression == 'neutral']) == [0, 0, 0]
    for row in rows:
        i = made.table.index[made.table.source == row[0]][0]
        points = np.array(row[3:]).reshape(68, 2)
        assert np.allclose(made.points[i], align_by_eyes(points, 144).apply(points), atol=0.01)
    assert len(FacePairs(made, crop=128)) == 3


def test_frll_archives_as_unpacked(tmp_path):
    "Nested folders, macOS shadows, no landmark file: points are detected."
    pytest.importorskip('dlib')
    london(tmp_path/'set'/'neutral_front', csv_file=False, people=('001', '002'), width=640, height=640)
    shutil.move(tmp_path/'set'/'neutral_front'/'smiling_front', tmp_path/'set'/'smiling_front')
    shadow = tmp_path/'set'/'__MACOSX'/'neutral_front'/'._001_03.jpg'
    shadow.parent.mkdir(parents=True); shadow.write_bytes(b'Mac')
    assert frll.main(['--from', str(tmp_path/'set'), '--out', str(tmp_path/'out'), *QUIET]) == 0
    made = opened(tmp_path/'out', 4)
    assert len(made) == 4 and made.info['preparation']['detector'] == 'dlib'
    exact = np.stack([align_by_eyes(p, 144).apply(p) for p in (photo(2*k+j, 640, 640)[1] for k in (0, 1) for j in (1, 0))])
    assert np.linalg.norm(made.points-exact, axis=-1).mean() < 4               # dlib's points, not ours, but of that face


# ---------------------------------------------------------------- CK+

def cohn_kanade(root, people=('S005', 'S010'), frames=6, labels=(3, None)):
    truth, i = {}, 0
    for who, label in zip(people, labels):
        for n in range(1, frames+1):
            stem = f'{who}_001_{n:08d}'
            truth[stem] = save(root/'cohn-kanade-images'/who/'001'/f'{stem}.png', i := i+1, grey=True, width=640, height=490)
            save_points(root/'Landmarks'/who/'001'/f'{stem}_landmarks.txt', truth[stem])
        if label is not None:
            path = root/'Emotion'/who/'001'/f'{who}_001_{frames:08d}_emotion.txt'
            path.parent.mkdir(parents=True); path.write_text(f'   {label:.7e}\n')
    (root/'cohn-kanade-images'/people[0]/'.DS_Store').write_bytes(b'x')
    return truth


def test_ckplus(tmp_path):
    truth = cohn_kanade(tmp_path/'ck')
    assert ckplus.main(['--from', str(tmp_path/'ck'), '--out', str(tmp_path/'out'), *QUIET]) == 0
    made = opened(tmp_path/'out', 12)
    first = made.table[made.table.subject == 'S005'].sort_values('frame')
    assert list(first.expression) == ['neutral']*3+['disgust']*3 and list(first.frame) == [1, 2, 3, 4, 5, 6]
    assert np.allclose(first.intensity, [0, 0, 0, 1/3, 2/3, 1]) and set(first.sequence) == {'001'}
    assert set(made.table.expression[made.table.subject == 'S010']) == {'neutral', 'unlabelled'}
    assert (made.image(0)[..., 0] == made.image(0)[..., 1]).all()
    for i, source in enumerate(made.table.source):
        points = truth[Path(source).stem]
        assert np.allclose(made.points[i], align_by_eyes(points, 144).apply(points), atol=0.01)


def test_ckplus_protocol(tmp_path):
    "100 to train and 23 to test; a short film has no expressive frame, a bad label only costs the expressive ones."
    people = [f'S{n:03d}' for n in range(1, 124)]
    for who in people:
        path = tmp_path/'cohn-kanade-images'/who/'001'/f'{who}_001_00000001.png'
        path.parent.mkdir(parents=True); path.touch()
    found = ckplus.items(tmp_path)
    assert pd.Series([i.split for i in found]).value_counts().to_dict() == {'train': 100, 'test': 23}
    cohn_kanade(tmp_path/'b', labels=(9, None))
    bad = [i for i in ckplus.items(tmp_path/'b') if i.subject == 'S005']
    assert [bool(i.reason) for i in sorted(bad, key=lambda i: i.frame)] == [False]*3+[True]*3


# ---------------------------------------------------------------- Oulu-CASIA

def test_oulu_casia(tmp_path):
    root, truth, i = tmp_path/'oulu', {}, 100
    for who in ('P001', 'P060'):
        for label in ('Anger', 'Surprise'):
            for n in range(5):
                i += 1
                truth[f'{who}/{label}/{n:03d}.jpeg'] = save(root/'OriginalImg'/'VL'/'Strong'/who/label/f'{n:03d}.jpeg', i)
                save_points(root/'points'/who/label/f'{n:03d}.pts', truth[f'{who}/{label}/{n:03d}.jpeg'], pts=True)
                for other in ('VL/Weak', 'VL/Dark', 'NI/Strong'): save(root/'OriginalImg'/other/who/label/f'{n:03d}.jpeg', i)
    (root/'OriginalImg'/'VL'/'Strong'/'P001'/'Anger'/'Thumbs.db').write_bytes(b'x')
    assert oulu_casia.main(['--from', str(root), '--landmarks', str(root/'points'), '--out', str(tmp_path/'out'), *QUIET]) == 0
    made = opened(tmp_path/'out', 20)
    film = made.table[(made.table.subject == 'P001') & (made.table.sequence == 'anger')].sort_values('frame')
    assert list(film.expression) == ['neutral']*3+['anger']*2 and np.allclose(film.intensity, [0, 0, 0, 0.5, 1])
    for k, source in enumerate(made.table.source):
        assert np.allclose(made.points[k], align_by_eyes(truth[source], 144).apply(truth[source]), atol=0.01)
    surprise = made.table.index[(made.table.sequence == 'surprise') & (made.table.subject == 'P060')]
    assert all(set(made.neutrals[k]) <= set(surprise) for k in surprise)       # the neutral of the same film


def test_oulu_casia_split():
    test = oulu_casia.test_subjects()
    assert sum(s <= 'P050' for s in test) == 13 and sum(s > 'P050' for s in test) == 7     # 37 + 23 = 60 remain


# ---------------------------------------------------------------- MultiPIE

def multi_pie(root):
    truth, i = {}, 200
    for who in ('250', '251'):
        for session, recordings in (('01', ('01', '02')), ('02', ('01', '02', '03')), ('04', ('01', '02', '03'))):
            for recording in recordings:
                for light in ('00', '07'):
                    stem = f'{who}_{session}_{recording}_051_{light}'
                    truth[stem] = save(root/'data'/f'session{session}'/'multiview'/who/recording/'05_1'/f'{stem}.png', i := i+1)
        side = root/'data'/'session01'/'multiview'/who/'01'/'19_0'/f'{who}_01_01_190_00.png'      # not frontal
        side.parent.mkdir(parents=True); side.touch()
    return truth


@pytest.mark.parametrize('kind', ['pts', 'mat'])
def test_multipie(tmp_path, kind):
    truth = multi_pie(tmp_path/'mp')
    for stem, points in truth.items():
        if kind == 'pts': save_points(tmp_path/'points'/f'{stem}.pts', points, pts=True)
        else:
            from scipy.io import savemat
            (tmp_path/'points').mkdir(exist_ok=True); savemat(tmp_path/'points'/f'{stem}_lm.mat', {'pts': points+1})
    assert multipie.main(['--from', str(tmp_path/'mp'), '--landmarks', str(tmp_path/'points'), '--out', str(tmp_path/'out'), *QUIET]) == 0
    made = opened(tmp_path/'out', 32)
    t = made.table
    assert set(t.subject[t.split == 'train']) == {'250'} and set(t.subject[t.split == 'test']) == {'251'}
    spoken = {k: sorted(set(g)) for k, g in t.groupby(t.sequence.str[:2]).expression}
    assert spoken == {'01': ['happiness', 'neutral'], '02': ['neutral', 'squint', 'surprise'], '04': ['neutral', 'scream']}
    for i in t.index[t.expression == 'scream']:
        assert {t.sequence[n] for n in made.neutrals[i]} == {t.sequence[i]} and len(made.neutrals[i]) == 2
    for i, source in enumerate(t.source):
        points = truth[Path(source).stem]
        assert np.allclose(made.points[i], align_by_eyes(points, 144).apply(points), atol=0.01)


# ---------------------------------------------------------------- own photos

def own_photos(root, people=('ann', 'Bo é'), csv_name='list.csv', count=3):
    rows, i = [], 300
    for who in people:
        for label in ('Neutral', 'Happy', 'left wink')[:count]:
            name = f'{who}/{label}/a.jpg'
            save_points(root/f'{name}.txt', save(root/name, i := i+1))
            rows.append({'file': name, 'subject': who, 'expression': label, 'landmarks': f'{name}.txt'})
    pd.DataFrame(rows).to_csv(root/csv_name, index=False)
    return rows


def own(tmp_path, *more, table=True):
    where = ['--table', str(tmp_path/'in'/'list.csv')] if table else []
    return folder.main(['--from', str(tmp_path/'in'), '--out', str(tmp_path/'out'), *where, *QUIET, *more])


def test_table_of_own_photos(tmp_path):
    own_photos(tmp_path/'in')
    assert own(tmp_path) == 0
    made = opened(tmp_path/'out', 6)
    assert sorted(set(made.table.expression)) == ['happiness', 'left_wink', 'neutral'] and made.subjects == ['Bo é', 'ann']
    assert set(made.table.split) <= {'train', 'test'}
    assert all((s == 'test') == (subject_rank(who) < 0.2) for who, s in zip(made.table.subject, made.table.split))


def test_folders_of_own_photos(tmp_path):
    pytest.importorskip('dlib')
    for k, label in enumerate(('neutral', 'smile')): save(tmp_path/'in'/'ann'/label/'x.png', k, width=400, height=400)
    save(tmp_path/'in'/'stray.png', 5)
    assert own(tmp_path, table=False) == 0
    made = opened(tmp_path/'out', 3)
    assert sorted(made.table.expression) == ['happiness', 'neutral'] and 'expected <subject>' in reasons(tmp_path/'out')['stray.png']


def film(path, count=12):
    av = pytest.importorskip('av')
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as out:
        stream = out.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 320, 'yuv420p', 8_000_000
        for k in range(count):
            picture = photo(0, 320, 320)[0].copy()
            picture[:16] = 20*k
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')): out.mux(packet)
        for packet in stream.encode(): out.mux(packet)


def test_films_of_own(tmp_path):
    pytest.importorskip('dlib')
    film(tmp_path/'in'/'ann'/'happy'/'clip.mp4')
    (tmp_path/'in'/'ann'/'happy'/'broken.mp4').write_bytes(b'no film')
    assert own(tmp_path, '--frames', '7', table=False) == 0
    made = opened(tmp_path/'out', 8)
    t = made.table.sort_values('frame')
    assert list(t.expression) == ['neutral']*3+['happiness']*4 and list(t.frame)[:3] == [0, 1, 2] and list(t.frame)[-1] == 11
    assert t.intensity.is_monotonic_increasing and t.intensity.iloc[-1] == 1 and set(t.sequence) == {'clip'}
    before = tree(tmp_path/'out')
    assert own(tmp_path, '--frames', '7', table=False) == 0 and tree(tmp_path/'out') == before


# ---------------------------------------------------------------- bad input: nothing is silently dropped

def _bytes(data): return lambda path, row: path.write_bytes(data)

def _half(path, row): data = path.read_bytes(); path.write_bytes(data[:len(data)//3])

def _png(change):
    def spoil(path, row):
        buffer = io.BytesIO(); Image.open(path).save(buffer, 'png'); data = bytearray(buffer.getvalue())
        change(data); path.write_bytes(data)
    return spoil

def _flip_bits(data): data[200:260] = bytes(60)

def _bomb(path, row): Image.new('1', (30000, 30000)).save(path, 'png')

def _link(target): return lambda path, row: (path.unlink(), path.symlink_to(target))

def _folder(path, row): path.unlink(); path.mkdir()

def _points(change):
    def spoil(path, row):
        file = path.with_name(path.name+'.txt')
        change(file, np.loadtxt(file))
    return spoil

def _row(**change): return lambda path, row: row.update(change)

def _swap(file, p): save_points(file, p[[*range(36), *range(42, 48), *range(36, 42), *range(48, 68)]])

def _twin(path, row):
    twin = path.parent.parent/'Neutral'/'b.jpg'
    shutil.copy(twin.with_name('a.jpg'), twin)
    row.update(file='ann/Neutral/b.jpg', landmarks='ann/Neutral/a.jpg.txt')


BAD = {   # what is done to one good photo, its landmark file or its row -> what the quarantine must say
    'empty file': (_bytes(b''), 'unreadable: the file is empty'),
    'text called jpg': (_bytes(b'these are not the pixels you are looking for'), 'unreadable'),
    'html instead of a picture': (_bytes(b'<!doctype html><title>404</title>'), 'unreadable'),
    'truncated jpeg': (_half, 'unreadable'),
    'header only': (lambda path, row: path.write_bytes(path.read_bytes()[:20]), 'unreadable'),
    'damaged png': (_png(_flip_bits), 'unreadable'),
    'png without its end': (_png(lambda data: data.__delitem__(slice(5000, None))), 'unreadable'),
    'decompression bomb': (_bomb, 'unreadable'),
    'dangling link': (_link('nowhere.jpg'), 'no such file'),
    'link to itself': (lambda path, row: (path.unlink(), path.symlink_to(path.name)), 'no such file'),
    'folder called jpg': (_folder, 'unreadable'),
    'ten pixels': (lambda path, row: Image.new('RGB', (10, 10)).save(path), 'landmarks outside the image'),
    'unknown kind of file': (_row(file='ann/Happy/a.jpg.txt'), 'is no kind of photo'),
    'landmarks outside': (_points(lambda f, p: save_points(f, p+[150, 0])), 'landmarks outside the image'),
    'negative landmarks': (_points(lambda f, p: save_points(f, p-[0, 150])), 'landmarks outside the image'),
    'eyes too close': (_points(lambda f, p: save_points(f, p.mean(0)+(p-p.mean(0))*0.2)), 'eyes too close'),
    'all points the same': (_points(lambda f, p: save_points(f, p*0+100)), 'eyes too close'),
    'left and right exchanged': (_points(_swap), 'landmarks out of order'),
    '67 points': (_points(lambda f, p: save_points(f, p[:67])), 'does not hold 68 points'),
    'three columns': (_points(lambda f, p: np.savetxt(f, np.hstack([p, p[:, :1]]))), 'does not hold 68 points'),
    'nan point': (_points(lambda f, p: save_points(f, np.where(np.arange(68)[:, None] == 5, np.nan, p))), 'not 68 finite points'),
    'words for numbers': (_points(lambda f, p: f.write_text('x y\n'*68)), 'landmarks unreadable'),
    'empty landmark file': (_points(lambda f, p: f.write_text('')), 'does not hold 68 points'),
    'no landmark file': (_points(lambda f, p: f.unlink()), 'landmarks missing'),
    'binary landmark file': (_points(lambda f, p: f.write_bytes(bytes(range(256))*9)), 'landmarks unreadable'),
    'photo outside the folder': (_row(file='../secret.jpg'), 'outside the folder'),
    'absolute path': (_row(file='/etc/passwd'), 'outside the folder'),
    'landmarks outside the folder': (_row(landmarks='../points.txt'), 'outside the folder'),
    'no such photo': (_row(file='ann/Happy/b.jpg'), 'no such file'),
    'no file named': (_row(file=''), 'not named'),
    'no subject': (_row(subject=''), 'subject or expression is empty'),
    'intensity 2': (_row(intensity='2'), 'not in 0 to 1'),
    'intensity in words': (_row(intensity='strong'), 'no number'),
    'intensity nan': (_row(intensity='nan'), 'not in 0 to 1'),
    'unknown split': (_row(split='validation'), 'neither train nor test'),
    'named twice': (_row(file='ann/Neutral/a.jpg'), 'named twice'),
    'the same picture under two names': (_twin, 'duplicate'),
    'no neutral face': (_row(subject='somebody else'), 'subject with no neutral face'),
}


@pytest.mark.parametrize('kind', BAD)
def test_bad_input(tmp_path, kind):
    spoil, expected = BAD[kind]
    rows = own_photos(tmp_path/'in', people=('ann',), count=2)
    row = rows[1]
    spoil(tmp_path/'in'/'ann'/'Happy'/'a.jpg', row)
    pd.DataFrame(rows).to_csv(tmp_path/'in'/'list.csv', index=False)
    assert own(tmp_path) == 0
    made = FaceSet(tmp_path/'out')
    left = reasons(tmp_path/'out')
    assert len(made) == 1 and any(expected in r for r in left.values()), left
    assert all(n in ' '.join(left) or n in set(made.table.source) for n in [r['file'] for r in rows if r['file']])


def test_enough_kinds(): assert len(BAD) >= 20


def test_printed_counts_add_up(tmp_path, capsys):
    rows = own_photos(tmp_path/'in', people=('ann', 'ben', 'cleo', 'dan'), count=2)
    kinds = ['truncated jpeg', 'eyes too close', 'no landmark file', 'unknown split']
    for k, kind in enumerate(kinds): BAD[kind][0](tmp_path/'in'/rows[2*k+1]['file'], rows[2*k+1])
    pd.DataFrame(rows).to_csv(tmp_path/'in'/'list.csv', index=False)
    assert own(tmp_path) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    inputs_, made, left = map(int, re.search(r'(\d+) inputs = (\d+) faces \+ (\d+) left out', first).groups())
    assert (inputs_, made, left) == (8, 4, 4) == (len(rows), len(opened(tmp_path/'out')), len(reasons(tmp_path/'out')))
    assert sum(int(line.split()[0]) for line in lines if line.split()[0].isdigit()) == left


@pytest.mark.parametrize('several, count', [('refuse', 0), ('largest', 1)])
def test_several_faces_and_none(tmp_path, several, count):
    pytest.importorskip('dlib')
    save(tmp_path/'in'/'ann'/'neutral'/'a.png', 0, width=400, height=400)
    one = Image.open(tmp_path/'in'/'ann'/'neutral'/'a.png')
    crowd = Image.new('RGB', (800, 400)); crowd.paste(one, (0, 0)); crowd.paste(one, (400, 0))
    (tmp_path/'in'/'ann'/'happy').mkdir()
    crowd.save(tmp_path/'in'/'ann'/'happy'/'crowd.png')
    Image.new('RGB', (300, 300), 'grey').save(tmp_path/'in'/'ann'/'happy'/'wall.png')
    assert own(tmp_path, '--several', several, table=False) == 0
    made, left = opened(tmp_path/'out', 3), reasons(tmp_path/'out')
    assert len(made) == 1+count and left['ann/happy/wall.png'] == 'no face'
    assert ('ann/happy/crowd.png' in left) == (several == 'refuse')


class Fatal(LandmarkDetector):
    "A detector whose process dies on a black photo."
    name = 'fatal'
    def __init__(self): self.points = photo(0)[1]
    def boxes(self, image): return []
    def landmarks(self, image, box): return None
    def detect(self, image):
        if image.max() < 0.1: os._exit(9)
        return [self.points]


def test_input_that_kills_its_process(tmp_path):
    items = []
    for k in range(7):
        path = tmp_path/f'{k}.png'
        if k == 3: Image.new('RGB', (320, 280)).save(path)
        else: save(path, 10+k)
        items.append(inputs.Item(path.name, path, 'ann', 'neutral'))
    counts = preparation.prepare(items, tmp_path/'out', {'name': 'x'}, detector=Fatal(), jobs=2, quiet=True)
    assert counts['faces'] == 6 and reasons(tmp_path/'out') == {'3.png': 'unreadable: reading it ends the process'}


# ---------------------------------------------------------------- the same result however it is made

def test_order_shards_and_jobs(tmp_path):
    cohn_kanade(tmp_path/'ck', people=('S005', 'S010', 'S011'), labels=(3, None, 5))
    items = ckplus.items(tmp_path/'ck')
    info = ckplus.INFO
    preparation.prepare(items, tmp_path/'a', info, quiet=True)
    preparation.prepare(items[::-1], tmp_path/'b', info, jobs=2, quiet=True)
    for number in (3, 1, 2):
        counts = preparation.prepare(items, tmp_path/'c', info, shard=f'{number}/3', quiet=True)
        assert (counts['waiting'] == 0) == (number == 2)
    assert tree(tmp_path/'a') == tree(tmp_path/'b') == tree(tmp_path/'c')
    pictures = [{p.relative_to(tmp_path/o): p.read_bytes() for p in (tmp_path/o).rglob('*.png')} for o in 'abc']
    assert pictures[0] == pictures[1] == pictures[2]


def test_changed_and_new_inputs_are_noticed(tmp_path):
    own_photos(tmp_path/'in')
    assert own(tmp_path) == 0
    first = opened(tmp_path/'out', 6)
    before = [first.image(i) for i in range(6)]
    path = tmp_path/'in'/'ann'/'Happy'/'a.jpg'
    Image.open(path).point(lambda v: v//2).save(path)                          # one photo is replaced by a darker one
    (tmp_path/'in'/'ann'/'Neutral'/'b.jpg').write_bytes(b'')                   # and one more appears
    assert own(tmp_path) == 0
    second = opened(tmp_path/'out', 7)
    changed = [i for i in range(len(first)) if not np.array_equal(before[i], second.image(i))]
    assert list(first.table.source[changed]) == ['ann/Happy/a.jpg'] and len(reasons(tmp_path/'out')) == 1


def _many(root, count=40):
    rows = []
    for k in range(count):
        name, label = f'{k:03d}/{("neutral", "happy")[k % 2]}/a.jpg', ('neutral', 'happy')[k % 2]
        save_points(root/f'{name}.txt', save(root/name, 400+k))
        rows.append({'file': name, 'subject': f'{k//2:03d}', 'expression': label, 'landmarks': f'{name}.txt'})
    pd.DataFrame(rows).to_csv(root/'list.csv', index=False)


def _start(tmp_path, out, *more):
    return subprocess.Popen([sys.executable, str(SCRIPTS/'folder.py'), '--from', str(tmp_path/'in'), '--table', str(tmp_path/'in'/'list.csv'),
                             '--out', str(tmp_path/out), '--jobs', '1', *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _lines(path): return path.read_bytes().count(b'\n') if path.exists() else 0


@pytest.mark.parametrize('blow', [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path, blow):
    _many(tmp_path/'in')
    journal = tmp_path/'out'/'.journal'/'1-of-1.jsonl'
    for lines in (3, 17) if blow == signal.SIGKILL else (9,):
        run = _start(tmp_path, 'out')
        while run.poll() is None and _lines(journal) < lines: time.sleep(0.002)
        run.send_signal(blow)
        run.wait()
        if blow != signal.SIGKILL and run.returncode != 0:
            assert run.returncode == 130 and 'the same command goes on' in run.stderr.read()
            FaceSet(tmp_path/'out')                                            # what is done can be used already
    assert own(tmp_path) == 0 and own(tmp_path, '--out', str(tmp_path/'whole')) == 0
    opened(tmp_path/'out', 40)
    assert tree(tmp_path/'out') == tree(tmp_path/'whole')


def test_two_machines_at_once(tmp_path):
    _many(tmp_path/'in')
    runs = [_start(tmp_path, 'out', '--shard', f'{n}/2') for n in (1, 2)]
    assert [r.wait() for r in runs] == [0, 0]
    assert len(opened(tmp_path/'out', 40)) == 40


@pytest.mark.parametrize('options, words', [(['--size', '5'], '--size 5'), (['--shard', '0/2'], '--shard 0/2'), (['--shard', 'x'], '--shard x')])
def test_absurd_options(tmp_path, capsys, options, words):
    own_photos(tmp_path/'in')
    assert own(tmp_path, *options) == 1 and words in capsys.readouterr().err


def test_wrong_folders(tmp_path, capsys):
    for script in (frll, ckplus, oulu_casia, multipie, folder):
        for where in ([], ['--from', str(tmp_path/'nowhere')], ['--from', str(tmp_path)]):
            assert script.main([*where, '--out', str(tmp_path/'out'), *QUIET]) == 1
            error = capsys.readouterr().err
            assert error.startswith('Error: ') and error.count('\n') == 1
    own_photos(tmp_path/'in')
    assert own(tmp_path) == 0 and own(tmp_path, '--size', '72') == 1
    assert 'was begun with' in capsys.readouterr().err


def test_imagefolder_reads_it(tmp_path):
    datasets = pytest.importorskip('datasets')
    own_photos(tmp_path/'in')
    own(tmp_path)
    rows = datasets.load_dataset('imagefolder', data_dir=str(tmp_path/'out'), cache_dir=str(tmp_path/'cache'), split='train')
    made = FaceSet(tmp_path/'out')
    assert len(rows) == 6 and len(rows[0]['landmarks']) == 136
    by_name = {r['subject']+r['expression']: np.asarray(r['image']) for r in rows}
    for i in range(6): assert np.array_equal(by_name[made.table.subject[i]+made.table.expression[i]], made.image(i))


# ---------------------------------------------------------------- download

class Figshare(http.server.BaseHTTPRequestHandler):
    "Answers as figshare does; `plan` says what goes wrong, one entry a download."
    files, plan, asked, ranges, listing = {}, [], [], True, ''

    def log_message(self, *_): pass

    def do_GET(self):
        if self.path == '/v2/articles/5047666':
            listed = [{'id': i, 'name': n, 'size': len(d), 'is_link_only': False, 'download_url': f'http://localhost:{self.server.server_port}/files/{n}',
                       'supplied_md5': hashlib.md5(d).hexdigest(), 'computed_md5': hashlib.md5(d).hexdigest(), 'mimetype': 'application/zip'}
                      for i, (n, d) in enumerate(self.files.items())]
            data = {'cut': b'{"files": [', 'page': b'<html>busy</html>', 'other': b'[]'}.get(self.listing) or json.dumps({'id': 5047666, 'version': 5, 'files': listed}).encode()
            return self._answer(data + b' '*99*(self.listing == 'cut'), stop=11 if self.listing == 'cut' else None)
        name, trouble = self.path.rpartition('/')[2], self.plan.pop(0) if self.plan else ''
        start = int(self.headers.get('Range', 'bytes=0-')[6:-1]) if self.ranges else 0
        self.asked.append((name, start))
        if trouble in (404, 503): return self.send_error(trouble)
        data = self.files[name][start:]
        if trouble == 'damage': data = data[:100]+bytes(50)+data[150:]
        self._answer(data, 206 if start else 200, len(data)//2 if trouble == 'cut' else None)

    def _answer(self, data, status=200, stop=None):
        self.send_response(status)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data[:stop])
        self.close_connection = True


@pytest.fixture
def figshare(tmp_path):
    london(tmp_path/'origin', people=('001', '002'))
    class Server(Figshare): plan, asked, files = [], [], {}
    for name in ('neutral_front', 'smiling_front'):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w') as zipped:
            for path in sorted((tmp_path/'origin'/name).iterdir()): zipped.write(path, f'{name}/{path.name}')
            zipped.writestr(f'__MACOSX/{name}/._001_03.jpg', b'shadow')
            zipped.writestr('../../outside.txt', b'a file that wants to be elsewhere')
        Server.files[f'{name}.zip'] = buffer.getvalue()
    Server.files['london_faces_info.csv'] = b'face_id\n'
    server = http.server.ThreadingHTTPServer(('localhost', 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Server.api = f'http://localhost:{server.server_port}/v2/articles/5047666'
    yield Server
    server.shutdown(); server.server_close()


def test_download(tmp_path, figshare):
    frll.download(tmp_path/'got', figshare.api, wait=0.01)
    assert len(list((tmp_path/'got'/'neutral_front').glob('*.jpg'))) == 2 == len(list((tmp_path/'got'/'smiling_front').glob('*.jpg')))
    assert not list(tmp_path.rglob('outside.txt')) or (tmp_path/'got'/'neutral_front'/'outside.txt').exists()
    assert not (tmp_path/'outside.txt').exists() and not (tmp_path.parent/'outside.txt').exists()
    frll.download(tmp_path/'got', figshare.api, wait=0.01)                     # what is there and whole is not fetched again
    assert [n for n, _ in figshare.asked] == ['neutral_front.zip', 'smiling_front.zip']
    shutil.copy(tmp_path/'origin'/'landmarks68.csv', tmp_path/'got'/'landmarks68.csv')
    assert frll.main(['--download', str(tmp_path/'got'), '--api', figshare.api, '--out', str(tmp_path/'out'), *QUIET]) == 0
    assert len(opened(tmp_path/'out', 4)) == 4


def test_download_goes_on_after_a_cut(tmp_path, figshare):
    figshare.plan += ['cut', 'cut', '']
    frll.download(tmp_path/'got', figshare.api, wait=0.01)
    starts = [s for n, s in figshare.asked if n == 'neutral_front.zip']
    assert len(starts) == 3 and starts[0] == 0 < starts[1] < starts[2]
    assert (tmp_path/'got'/'neutral_front.zip').read_bytes() == figshare.files['neutral_front.zip']


def test_download_from_a_server_without_ranges(tmp_path, figshare):
    figshare.ranges = False
    figshare.plan += ['cut', '']
    frll.download(tmp_path/'got', figshare.api, wait=0.01)
    assert (tmp_path/'got'/'neutral_front.zip').read_bytes() == figshare.files['neutral_front.zip']


def test_download_that_stays_cut_goes_on_next_time(tmp_path, figshare):
    figshare.plan += ['cut']*5
    with pytest.raises(FaceSetError, match='the same command again'): frll.download(tmp_path/'got', figshare.api, wait=0.01)
    assert not (tmp_path/'got'/'neutral_front.zip').exists()
    frll.download(tmp_path/'got', figshare.api, wait=0.01)
    assert figshare.asked[5][1] > 0


def test_download_with_a_wrong_checksum(tmp_path, figshare):
    figshare.plan += ['damage', '']
    frll.download(tmp_path/'got', figshare.api, wait=0.01)                     # once: fetched again
    assert len(figshare.asked) == 3
    shutil.rmtree(tmp_path/'got')
    figshare.plan += ['damage']*5
    with pytest.raises(FaceSetError, match='checksum is wrong'): frll.download(tmp_path/'got', figshare.api, wait=0.01)
    assert not list((tmp_path/'got').glob('neutral_front*'))                   # nothing that is wrong is kept


def test_download_of_a_missing_file(tmp_path, figshare):
    figshare.plan += [404]
    with pytest.raises(FaceSetError, match='404'): frll.download(tmp_path/'got', figshare.api, wait=0.01)
    figshare.plan += [503, '']
    frll.download(tmp_path/'got', figshare.api, wait=0.01)                     # a busy server is asked again
    del figshare.files['smiling_front.zip']
    with pytest.raises(FaceSetError, match='no longer lists smiling_front.zip'): frll.download(tmp_path/'other', figshare.api, wait=0.01)


def test_download_without_a_server(tmp_path, capsys):
    assert frll.main(['--download', str(tmp_path/'got'), '--api', 'http://localhost:9/v2/articles/5047666', '--out', str(tmp_path/'out'), *QUIET]) == 1
    assert 'download the archives by hand' in capsys.readouterr().err


@pytest.mark.parametrize('listing', ['cut', 'page', 'other'])
def test_list_of_files_that_is_none(tmp_path, figshare, listing):
    figshare.listing = listing
    with pytest.raises(FaceSetError, match='cannot be read'): frll.download(tmp_path/'got', figshare.api, wait=0.01)


def test_archive_that_is_none(tmp_path, figshare):
    figshare.files['neutral_front.zip'] = b'not a zip archive at all'
    with pytest.raises(FaceSetError, match='cannot be unpacked'): frll.download(tmp_path/'got', figshare.api, wait=0.01)


def test_open_mouths(tmp_path, capsys):
    out = tmp_path/'open'
    open_mouths.main(['--from', 'builtin', '--out', str(out), '--people', '2', '--faces', '4'])
    made, source = FaceSet(out), faces()
    assert len(made.subjects) == 2 and not set(made.subjects) & set(source.subset(split='test').subjects)
    for i, (person, expression) in enumerate(zip(made.table.subject, made.table.expression)):
        calm = source.subset(subjects=person, expression='neutral')
        if expression == 'neutral':
            assert np.array_equal(made.image(i), calm.image(0))
            continue
        assert open_mouths.gap(made.points[i:i+1]) > 0.7*open_mouths.OPEN > open_mouths.gap(calm.points[:1])
        assert np.median(np.abs(made.image(i)[:, :4].astype(int)-calm.image(0)[:, :4])) <= 3, 'the frame stays'
    assert {'anger', 'disgust', 'fear', 'surprise'} >= set(made.table.expression) - {'neutral'} and len(FacePairs(made)) >= 6
    row = open_mouths.donors(source)['surprise'][-1]
    calm = source.subset(split='train', expression='neutral')
    picture, target = open_mouths.open_mouth(calm.image(1), calm.points[1], source, row)
    x, y = target[[61, 62, 63, 65, 66, 67]].mean(0).round().astype(int)
    assert np.median(picture[y-2:y+1, x-3:x+4]) < 0.7*open_mouths.light(calm.image(1), calm.points[1]), 'dark between the lips'
    with pytest.raises(SystemExit): open_mouths.main(['--from', 'builtin', '--out', str(out)])
    assert 'is a face set already' in capsys.readouterr().err
