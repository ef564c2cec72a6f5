"""What the tests of training run in processes of their own: a server that trains in killable children, and one rank of two.

Usage: python training_worker.py kill FACES FOLDER KILLS STEPS | torchrun ... training_worker.py rank FACES FOLDER
"""
import json
import os
import random
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

torch.set_num_threads(1)   # forks are safe only while no second thread of OpenMP exists; and one thread is as fast here
from g2gan.faces import FaceSet   # noqa: E402
from g2gan.trainer import Trainer, preset   # noqa: E402

SMALL = dict(size=32, base=4, max_channels=8, d_base=4, d_layers=2, identity='none', batch_size=4, logger='none',
             log_every=5, valid_every=0, save_every=2, precision='fp32')


def trainer(faces, folder, **changes):
    return Trainer(preset('tiny', **{**SMALL, **changes}), FaceSet(faces), folder=folder)


def train(faces, folder, steps, ready=None):
    """A child's whole life; its exit code is that of a training command."""
    t = trainer(faces, folder, steps=steps)
    t.resume()
    if ready is not None: os.write(ready, b'.')
    t.fit(resume=True)
    return t.exit_code


def spawn(*args):
    """Fork a training run; returns its process id and a pipe that speaks when its training starts."""
    listen, tell = os.pipe()
    pid = os.fork()
    if pid: return os.close(tell) or (pid, listen)
    code = 99
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)    # progress bars
        code = train(*args, ready=tell)
    finally:
        sys.stdout.flush()
        os._exit(code)


def kill_often(faces, folder, kills, steps):
    """SIGKILL at random moments, every second one while a checkpoint is being written; then signals that may be obeyed."""
    random.seed(0)
    folder, during = Path(folder), 0
    for k in range(kills):
        pid, listen = spawn(faces, folder / 'killed', steps)
        os.read(listen, 1)
        goal = newest(folder / 'killed') + random.choice([0, 0, 2, 4])   # a life is measured in steps: any machine gets on
        wait(pid, lambda: newest(folder / 'killed') >= goal)
        if k % 2: time.sleep(random.uniform(0, 0.05))
        else: during += hold_in_write(pid, lambda: list(folder.glob(f'killed/checkpoints/.writing_*_{pid}')))   # its own, not what the dead have left
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        os.close(listen)
        print('reached', newest(folder / 'killed'), 'killed' if os.WIFSIGNALED(status) else 'ended', flush=True)
    codes = {}
    for name in ('SIGTERM', 'SIGINT'):
        pid, listen = spawn(faces, folder / 'killed', steps)
        os.read(listen, 1)
        time.sleep(0.1)
        os.kill(pid, getattr(signal, name))
        codes[name] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    stopped = newest(folder / 'killed')
    pid, _ = spawn(faces, folder / 'killed', steps)
    assert os.waitpid(pid, 0)[1] == 0
    pid, _ = spawn(faces, folder / 'whole', steps)
    assert os.waitpid(pid, 0)[1] == 0
    (folder / 'result.json').write_text(json.dumps(dict(during=during, codes=codes, stopped=stopped)))


def hold_in_write(pid, writing, tries=4):
    """Stop the run somewhere in a write, and look only then: a write that was over already lets it go on to the next one."""
    for delay in [random.uniform(0, 0.004)] + [0] * (tries - 1):
        wait(pid, writing)
        time.sleep(delay)
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if writing(): return True
        os.kill(pid, signal.SIGCONT)
    return False


def wait(pid, happened, seconds=60):
    """Until something happened; it is no use to wait for the dead."""
    end = time.time() + seconds
    while not happened() and time.time() < end and not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT): time.sleep(0.0005)


def newest(folder):
    steps = [int(p.name[5:]) for p in (folder / 'checkpoints').glob('step_*')]
    return max(steps, default=0)


def full_disk(faces, folder):
    """From step 4 on no file may grow beyond 2 KB, as on a full disk: the run goes on, the checkpoint of step 4 stays."""
    t = trainer(faces, folder, steps=8)
    t.fit(4)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        for _ in range(4):
            t.pace()
            t.step(*t.batches(t.count))
            t.save()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    print(json.dumps(dict(count=t.count, newest=newest(Path(folder)), said=[str(w.message) for w in said])))


def gradients(t, batch_size):
    """The gradients of one step, in the moment before the optimisers use them."""
    kept = {}
    def keep(optimizer, module):
        kept.update({f'{type(module).__name__}.{n}': p.grad.clone().contiguous() for n, p in module.named_parameters()})
        optimizer.zero_grad()
        return torch.zeros(())
    t.update = keep
    t.step(*t.batches(0))
    del t.update
    return kept


def one_rank(faces, folder):
    """Gradients of this share of a batch of 8, then a short run with validation and checkpoints."""
    t = trainer(faces, Path(folder) / 'run', batch_size=8, steps=4, valid_every=2, kind='warped', cpu=True, ema=0.9)
    found, rank = gradients(t, 8), t.accelerator.process_index
    t = trainer(faces, Path(folder) / 'run', batch_size=8, steps=4, valid_every=2, kind='warped', cpu=True, ema=0.9)
    t.fit()
    save_file({**found, **{'after.' + n: p.detach().contiguous() for n, p in t.G.named_parameters()}}, Path(folder) / f'rank{rank}.safetensors')


if __name__ == '__main__':
    task, faces, folder, *numbers = sys.argv[1:]
    if task == 'kill': kill_often(faces, folder, *map(int, numbers))
    elif task == 'full': full_disk(faces, folder)
    else: one_rank(faces, folder)
