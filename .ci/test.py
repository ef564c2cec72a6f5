"""All checks of the project: notebooks clean, package and README as exported, chapters and tests pass.

Usage: python .ci/test.py [part of a check's name ...]

Each notebook is what `nbdev_test` makes of it, each file in tests/ one pytest; two run at a time, one thread each. Importing
PyTorch and the package takes longer than many a chapter, so they are loaded once, here, and each check is a fork of this process.
"""
import filecmp
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "PATH": f"{BIN}:{os.environ['PATH']}",
               "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore::DeprecationWarning"}
SECONDS = 900  # no single check may take longer
AT_ONCE = 2


def command(*args, cwd=ROOT):
    """Run a command; says the last lines of its output when it fails."""
    done = subprocess.run([str(BIN / args[0]), *map(str, args[1:])], cwd=cwd, capture_output=True, text=True)
    if done.returncode: print((done.stdout + done.stderr)[-6000:])
    return done.returncode == 0


def notebook(path):
    """Run a notebook as `nbdev_test` does, without the cells marked `#| slow`."""
    from nbdev.config import get_config
    from nbdev.test import test_nb
    os.chdir(ROOT / "nbs")
    return test_nb(path, skip_flags=get_config().tst_flags.split(), basepath=ROOT)[0]


def in_step():
    """Clean, export and write the README in a copy: nothing may differ from what is here."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "g2gan"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", "runs", "demo", "_docs", "_proc", "__pycache__"))
        if not (command("nbdev_clean", cwd=copy) and command("nbdev_export", cwd=copy) and command("python", ".ci/readme.py", cwd=copy)):
            return False
        files = [*ROOT.glob("nbs/**/*.ipynb"), *ROOT.glob("g2gan/*.py"), ROOT / "README.md"]
        stale = [str(f.relative_to(ROOT)) for f in files if ".ipynb_checkpoints" not in str(f)
                 and not filecmp.cmp(f, copy / f.relative_to(ROOT), shallow=False)]
        made = {f.name for f in copy.glob("g2gan/*.py")} - {f.name for f in ROOT.glob("g2gan/*.py")}
    if stale or made: print("run `make export` and commit:", ", ".join(stale + sorted(made)))
    return not (stale or made)


def checks():
    """Name and function of each check, the longest first so that two workers end together."""
    found = {"notebooks clean, package and README in step": in_step}
    for path in sorted([*ROOT.glob("tests/test_*.py")]):
        found[str(path.relative_to(ROOT))] = lambda p=path: command("python", "-m", "pytest", "-q", "-x", p)
    for path in sorted([*ROOT.glob("nbs/[0-9i]*.ipynb"), *ROOT.glob("nbs/solutions/*.ipynb")]):
        found[str(path.relative_to(ROOT))] = lambda p=path: notebook(p)
    return found


def start(check):
    """Fork; the child runs the check and ends. Returns its process id and the file of what it says."""
    said = tempfile.TemporaryFile("w+")
    sys.stdout.flush()
    if pid := os.fork(): return pid, said
    for stream in (1, 2): os.dup2(said.fileno(), stream)
    signal.alarm(SECONDS)
    good = False
    try: good = check()
    except BaseException: traceback.print_exc()
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(not good)


def run(todo):
    """All checks, AT_ONCE at a time; the names of those that fail."""
    waiting, running, failed = list(todo), {}, []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            name, check = waiting.pop(0)
            pid, said = start(check)
            running[pid] = name, said, time.time()
        pid, status = os.wait()
        name, said, begun = running.pop(pid)
        print(f"{'FAIL' if status else 'ok':>4} {time.time() - begun:6.1f} s  {name}", flush=True)
        if status:
            said.seek(0)
            print(f"took longer than {SECONDS} s" if status == signal.SIGALRM else said.read()[-6000:], flush=True)
            failed.append(name)
    return failed


if __name__ == "__main__":
    begun, wanted = time.time(), sys.argv[1:]
    todo = [(n, c) for n, c in checks().items() if not wanted or any(w in n for w in wanted)]
    import matplotlib.pyplot, nbdev.test, skimage.transform, g2gan.evaluation, g2gan.studio, g2gan.trainer  # noqa: E401, F401
    failed = run(todo)
    print(f"{len(todo) - len(failed)} passed, {len(failed)} failed in {time.time() - begun:.0f} s")
    sys.exit(bool(failed))
