"""Training that survives: kills, signals, full disks, damaged and hostile checkpoints, bad numbers, several processes."""
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

WORKER = Path(__file__).parent / 'training_worker.py'
sys.path.insert(0, str(WORKER.parent))
from training_worker import gradients, newest, trainer   # noqa: E402
from g2gan.checkpoints import damage, list_checkpoints, sha256   # noqa: E402
from g2gan.facesets import FaceSetWriter   # noqa: E402

ENV = os.environ | {'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '', 'PYTHONWARNINGS': 'ignore'}


@pytest.fixture(scope='session')
def faces(tmp_path_factory):
    """Ten drawn people, each neutral and 'happy': dots where the points are, on skin of their own colour."""
    root, rng, size = tmp_path_factory.mktemp('faces') / 'set', np.random.default_rng(0), 36
    y, x = np.mgrid[:size, :size]
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    base = size / 2 + (size / 3) * np.stack([np.cos(3 * angle) * np.cos(angle), np.sin(angle)], 1)
    with FaceSetWriter(root, {'name': 'drawn'}, size=size) as writer:
        for person in range(10):
            own, skin = base + rng.normal(0, 0.7, (68, 2)), rng.uniform(80, 220, 3)
            for expression in ('neutral', 'happiness'):
                points = own + (expression != 'neutral') * np.stack([0.1 * (own[:, 0] - size / 2), 0 * own[:, 1]], 1)
                dots = np.exp(-((x[..., None] - points[:, 0])**2 + (y[..., None] - points[:, 1])**2) / 2).max(-1)
                image = (skin * (1 - 0.7 * dots[..., None])).astype(np.uint8)
                writer.add(image, points, f'p{person}', expression, split='test' if person < 2 else 'train', source=f'{person}{expression}')
    return str(root)


def run(*args, seconds=500):
    done = subprocess.run([sys.executable, *map(str, args)], env=ENV, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def weights(folder):
    last = list_checkpoints(Path(folder) / 'checkpoints')[0]
    return {p.stem: load_file(p) for p in last.glob('*.safetensors')}


def test_twenty_kills(faces, tmp_path):
    "Killed 20 times, ten of them while writing, stopped twice by signals: the same bits as the run that was left alone."
    run(WORKER, 'kill', faces, tmp_path, 20, 80)
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['codes'] == {'SIGTERM': 0, 'SIGINT': 130} and result['during'] >= 5
    assert 0 < result['stopped'] < 80                     # it really was interrupted
    killed, whole = weights(tmp_path / 'killed'), weights(tmp_path / 'whole')
    assert killed.keys() == whole.keys()
    for part in whole: assert all(torch.equal(killed[part][n], t) for n, t in whole[part].items()), part
    assert not list((tmp_path / 'killed/checkpoints').glob('.writing_*'))


def test_full_disk(faces, tmp_path):
    result = json.loads(run(WORKER, 'full', faces, tmp_path).splitlines()[-1])
    assert result['count'] == 8 and result['newest'] == 4
    assert len(result['said']) == 4 and 'the run goes on' in result['said'][0]
    assert damage(list_checkpoints(tmp_path / 'checkpoints')[0]) == ''


def test_two_processes(faces, tmp_path):
    "2 processes x batch 4 give the gradients of 1 process x batch 8, and stay equal; one of them writes the files."
    run('-m', 'torch.distributed.run', '--nproc_per_node', 2, '--master_port', 29511, WORKER, 'rank', faces, tmp_path)
    a, b = load_file(tmp_path / 'rank0.safetensors'), load_file(tmp_path / 'rank1.safetensors')
    assert all(torch.equal(a[n], b[n]) for n in a)
    alone = gradients(trainer(faces, tmp_path / 'alone', batch_size=8, steps=4, kind='warped', ema=0.9), 8)
    for name, g in alone.items(): assert (a[name] - g).abs().max() <= 1e-5 * max(1, g.abs().max()), name
    cut = gradients(trainer(faces, tmp_path / 'alone', batch_size=8, accumulate=4, steps=4, kind='warped', ema=0.9), 8)
    for name, g in alone.items(): assert (cut[name] - g).abs().max() <= 1e-5 * max(1, g.abs().max()), name
    assert newest(tmp_path / 'run') == 4
    assert len((tmp_path / 'run/validation.csv').read_text().splitlines()) == 3
    assert (tmp_path / 'run/best/model.safetensors').exists()


def test_newest_whole_checkpoint(faces, tmp_path, capsys):
    t = trainer(faces, tmp_path, steps=6, keep=5)
    t.fit()
    six, four, two = list_checkpoints(tmp_path / 'checkpoints')
    (six / 'state.json').unlink()
    weights = four / 'adam_G.safetensors'
    weights.write_bytes(weights.read_bytes()[:-1] + b'x')
    again = trainer(faces, tmp_path, steps=6, keep=5)
    assert again.resume() and again.count == 2
    said = capsys.readouterr().out
    assert 'state.json is missing' in said and 'adam_G.safetensors is not what was written' in said and 'step_00000002' in said


class Hostile:
    def __init__(self, path): self.path = path
    def __reduce__(self): return (open, (str(self.path), 'w'))


@pytest.mark.parametrize('name', ['generators.safetensors', 'state.json'])
def test_hostile_checkpoint(faces, tmp_path, name, capsys):
    "A pickle in place of a file, with a manifest that vouches for it: refused, and it does not run."
    t = trainer(faces, tmp_path, steps=2)
    t.fit()
    last, = list_checkpoints(tmp_path / 'checkpoints')
    (last / name).write_bytes(pickle.dumps(Hostile(tmp_path / 'harm')))
    manifest = json.loads((last / 'manifest.json').read_text()) | {name: sha256(last / name)}
    (last / 'manifest.json').write_text(json.dumps(manifest))
    assert trainer(faces, tmp_path, steps=2).resume() is False
    assert 'cannot be used' in capsys.readouterr().out and not (tmp_path / 'harm').exists()


def poison(t, steps, times):
    "Makes the pictures of some steps infinite, a limited number of times."
    honest, left = t.batches, [times]
    def batches(step):
        found = honest(step)
        if step in steps and left[0] > 0:
            left[0] -= 1
            found[0]['I_E'] = found[0]['I_E'] + float('inf')
        return found
    t.batches = batches
    return t


def test_bad_numbers_are_skipped(faces, tmp_path):
    t = poison(trainer(faces, tmp_path, steps=10, save_every=0), {3, 4}, 2)
    t.fit(3)
    before = [p.clone() for p in t.G.parameters()]
    t.fit(5)
    assert all(torch.equal(a, b) for a, b in zip(before, t.G.parameters()))
    history = t.fit(10)
    assert history.skipped.iloc[-1] == 2 and not torch.equal(before[0], next(t.G.parameters()))
    assert all(p.isfinite().all() for p in [*t.G.parameters(), *t.D.parameters()])


def test_many_bad_numbers_go_back(faces, tmp_path, capsys):
    t = poison(trainer(faces, tmp_path, steps=20, save_every=5, log_every=2, max_skips=3), set(range(12, 20)), 4)
    history = t.fit()
    assert t.count == 20 and t.returns == 1 and 'Going on from' in capsys.readouterr().out
    assert history.step.is_monotonic_increasing
    with pytest.raises(RuntimeError, match='broken down'):
        poison(trainer(faces, tmp_path / 'other', steps=20, save_every=0, log_every=2, max_skips=3), set(range(20)), 999).fit()


@pytest.mark.parametrize('changes, words', [
    (dict(lr=-1e-4), 'lr must be positive'), (dict(size=96), 'power of two'), (dict(size=64), 'too small'),
    (dict(batch_size=500), 'larger than the set'), (dict(kind='magic'), 'kind'), (dict(configuration='E'), 'configuration'),
    (dict(alpha1=float('nan')), 'alpha1'), (dict(batch_size=4, accumulate=3), 'micro-batches'), (dict(learning_rate=1), 'Unknown setting')])
def test_absurd_settings(faces, tmp_path, changes, words):
    with pytest.raises(ValueError, match=words) as caught: trainer(faces, tmp_path, **changes)
    assert '\n' not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_same_seed_same_run(faces, tmp_path):
    a, b, c = (trainer(faces, tmp_path / n, steps=3, save_every=0, seed=s) for n, s in (('a', 1), ('b', 1), ('c', 2)))
    for t in (a, b, c): t.fit()
    same = lambda s, t: all(torch.equal(p, q) for p, q in zip(s.G.parameters(), t.G.parameters()))
    assert same(a, b) and not same(a, c)


def test_validation_people_are_others(faces, tmp_path):
    from g2gan.faces import FaceSet
    from g2gan.trainer import Trainer
    every = FaceSet(faces)
    with pytest.raises(ValueError, match='split by person'):
        Trainer(trainer(faces, tmp_path).config, every, every.subset(subjects=['p1']), tmp_path)


def test_logger_that_is_not_there(faces, tmp_path, monkeypatch):
    monkeypatch.setattr('g2gan.trainer.find_spec', lambda name: None)
    with pytest.raises(ValueError, match='pip install wandb'): trainer(faces, tmp_path, logger='wandb')


def streamed(faces, folder, **changes):
    "A trainer whose faces flow past, as from another machine."
    from g2gan.streaming import DatasetFaces
    from g2gan.trainer import Trainer, preset
    from training_worker import SMALL
    return Trainer(preset('tiny', **{**SMALL, **changes}), DatasetFaces(faces, streaming=True), folder=folder)


def test_stream(faces, tmp_path):
    "A streamed set trains, validates on other people, holds few faces, and goes on bit for bit after an interruption."
    pytest.importorskip('datasets')
    whole = streamed(faces, tmp_path / 'whole', steps=5, valid_every=5)
    whole.fit()
    assert whole.validation and len(whole.pairs.faces._pixels) < len(whole.faces) + len(whole.valid.faces) and len(whole.valid) == 2
    streamed(faces, tmp_path / 'cut', steps=5, valid_every=5).fit(2)
    resumed = streamed(faces, tmp_path / 'cut', steps=5, valid_every=5)
    resumed.fit(resume=True)
    assert all(torch.equal(p, q) for p, q in zip(whole.G.parameters(), resumed.G.parameters()))


def test_stream_is_shared(faces):
    "Each of two processes gets its own faces, together they get all; a stored set gives the same batches as its folder."
    pytest.importorskip('datasets')
    from g2gan.faces import FacePairs, FaceSet
    from g2gan.streaming import DatasetFaces, StreamedPairs
    pairs = StreamedPairs(DatasetFaces(faces, streaming=True), crop=32)
    seen = [[tuple(p.flatten().tolist()) for step in range(5) for p in pairs.batch(step, 2, rank, 2)['s_E']] for rank in (0, 1)]
    assert len(set(seen[0])) == len(set(seen[1])) == 5 and not set(seen[0]) & set(seen[1])
    here, there = FacePairs(FaceSet(faces), crop=32).batch(1, 4), FacePairs(DatasetFaces(faces), crop=32).batch(1, 4)
    assert all(torch.allclose(here[k].float(), there[k].float(), atol=1e-3) for k in here)


def test_colab_cell(faces, tmp_path):
    "The cell of the trainer's chapter that is run again after a disconnect, in a process that is killed in the middle."
    cells = json.loads((WORKER.parents[1] / 'nbs/10e_trainer.ipynb').read_text())['cells']
    cell, = (''.join(c['source']) for c in cells if ''.join(c['source']).startswith('# colab'))
    code = f"""import sys, types
from pathlib import Path
sys.path.insert(0, {str(WORKER.parent)!r})
from training_worker import SMALL, FaceSet, Trainer, preset
work, faces = types.SimpleNamespace(name={str(tmp_path)!r}), FaceSet({faces!r})
short = preset('tiny', **{{**SMALL, 'steps': 100, 'save_every': 10}})
{cell}"""
    first = subprocess.Popen([sys.executable, '-c', code], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while first.poll() is None and newest(tmp_path / 'drive') < 20: time.sleep(0.02)
    first.kill()
    first.wait()
    reached = newest(tmp_path / 'drive')
    assert 20 <= reached < 100
    assert 'Going on from' in run('-c', code) and newest(tmp_path / 'drive') == 100


def test_processes_that_see_different_checkpoints(faces, tmp_path, monkeypatch):
    from g2gan.checkpoints import CheckpointError
    t = trainer(faces, tmp_path, steps=2)
    t.fit()
    monkeypatch.setattr(t.accelerator, 'gather', lambda step: torch.tensor([step.item(), -1]))   # the other machine has none
    with pytest.raises(CheckpointError, match='folder that all of them share'): t.resume()


def test_settings_from_files(faces, tmp_path):
    "YAML, the settings that a run left behind, and the command line, which has the last word."
    from dataclasses import asdict
    from g2gan.cli import parse
    from g2gan.trainer import preset
    (tmp_path / 'night.yaml').write_text('preset: tiny\nkind: warped\nsize: 32\nd_layers: 2\nlogger: none\n')
    options = parse('train', ['--config', str(tmp_path / 'night.yaml'), '--ema', '0.9', '--configuration', 'A'])
    assert (options.kind, options.size, options.steps, options.ema, options.configuration) == ('warped', 32, preset('tiny').steps, 0.9, 'A')
    t = trainer(faces, tmp_path, steps=1)
    t.fit()
    again = parse('train', ['--config', str(tmp_path / 'settings.json')])
    assert all(getattr(again, name) == value for name, value in asdict(t.config).items())
