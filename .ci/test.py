"""All checks of the project: notebooks clean, package and README as exported, chapters and tests pass.

Usage: python .ci/test.py [part of a check's name ...]

Each notebook is one `nbdev_test`, each file in tests/ one pytest; two run at a time, one thread each.
"""
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ENV = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "PATH": f"{BIN}:{os.environ['PATH']}",
                    "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore::DeprecationWarning"}
SECONDS = 900  # no single check may take longer


def command(*args, cwd=ROOT):
    """Run a command; the last lines of its output when it fails, else ''."""
    args = [str(BIN / args[0]), *map(str, args[1:])]
    try:
        done = subprocess.run(args, cwd=cwd, env=ENV, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"took longer than {SECONDS} s"
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-6000:]


def in_step():
    """Clean, export and write the README in a copy: nothing may differ from what is here."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "g2gan"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", "runs", "demo", "_docs", "_proc", "__pycache__"))
        problem = (command("nbdev_clean", cwd=copy) or command("nbdev_export", cwd=copy)
                   or command("python", ".ci/readme.py", cwd=copy))
        if problem:
            return problem
        files = [*ROOT.glob("nbs/**/*.ipynb"), *ROOT.glob("g2gan/*.py"), ROOT / "README.md"]
        stale = [str(f.relative_to(ROOT)) for f in files if ".ipynb_checkpoints" not in str(f)
                 and not filecmp.cmp(f, copy / f.relative_to(ROOT), shallow=False)]
        made = {f.name for f in copy.glob("g2gan/*.py")} - {f.name for f in ROOT.glob("g2gan/*.py")}
    return f"run `make export` and commit: {', '.join(stale + sorted(made))}" if stale or made else ""


def checks():
    """Name and function of each check, the longest first so that two workers end together."""
    found = {"notebooks clean, package and README in step": in_step}
    for path in sorted([*ROOT.glob("tests/test_*.py")]):
        found[str(path.relative_to(ROOT))] = lambda p=path: command("python", "-m", "pytest", "-q", "-x", p)
    for path in sorted([*ROOT.glob("nbs/[0-9i]*.ipynb"), *ROOT.glob("nbs/solutions/*.ipynb")]):
        found[str(path.relative_to(ROOT))] = lambda p=path: command("nbdev_test", "--path", p, "--n_workers", 0)
    return found


def run(item):
    name, check = item
    start = time.time()
    problem = check()
    print(f"{'FAIL' if problem else 'ok':>4} {time.time() - start:6.1f} s  {name}", flush=True)
    if problem:
        print(problem, flush=True)
    return not problem


if __name__ == "__main__":
    wanted = sys.argv[1:]
    todo = [(n, c) for n, c in checks().items() if not wanted or any(w in n for w in wanted)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, todo))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))
