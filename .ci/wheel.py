"""Does the package work where there is no repository? Builds the wheel as PyPI would get it, installs it into an empty
environment in a folder of its own, and runs there `g2gan demo`, every chapter and every solution.

Usage: python .ci/wheel.py [--extras offline,judges] [--keep FOLDER] [part of a notebook's name ...]

Nothing but the wheel, a Jupyter kernel and the libraries that first cells name besides is installed, and before a notebook
whose first cells ask for an extra (as in `pip install -Uqq 'g2gan[streaming]'`) that extra; those come last. `#| slow` cells
are left out, as in `make test`. One notebook at a time. The Python is the one that runs this file: another is checked by `make wheel PYTHON=python3.13`.
"""
import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 300  # no chapter may take longer: the limit for a reader on Colab

RUN = '''
import re, sys
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
book = nbformat.read(sys.argv[1], as_version=4)
skipped = re.compile(r"^#\\|\\s*(slow|eval:\\s*false)\\s*$", re.M)
for cell in book.cells:
    if cell.cell_type == "code" and skipped.search(cell.source):
        cell.source = ""
    cell["outputs"] = [] if cell.cell_type == "code" else cell.get("outputs")
    if cell.cell_type != "code": del cell["outputs"]
at = [None]
client = NotebookClient(book, timeout=SECONDS, kernel_name="python3", on_cell_start=lambda cell, cell_index: at.append(cell_index))
try:
    client.execute()
except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
    print(f"cell {at[-1]}:", re.sub(r"\\x1b\\[[0-9;]*m", "", str(error))[-2500:])
    sys.exit(1)
'''.replace("SECONDS", str(SECONDS))


def environment(home):
    """What a fresh machine's shell would hold: nothing of the project, no caches, no data sets."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("G2GAN_", "PYTHON", "JUPYTER", "IPYTHON", "HF_", "TORCH_", "MPL"))
            and k not in ("VIRTUAL_ENV", "IN_TEST")}
    return kept | {"HOME": str(home), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(args, cwd, env, seconds=1800):
    """Run a command; its last lines when it fails, else ''."""
    try:
        done = subprocess.run([str(a) for a in args], cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"took longer than {seconds} s"
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-4000:] or f"exit code {done.returncode}"


def build(work, env):
    """The wheel, made from the source archive, made from the files that git knows (no left-overs of this folder)."""
    source = work / "source"
    for name in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    tool = work / "tool"
    problem = (run([sys.executable, "-m", "venv", tool], work, env)
               or run([tool / "bin/pip", "install", "-q", "setuptools>=77", "wheel"], work, env)
               or run([tool / "bin/python", "setup.py", "-q", "sdist", "--dist-dir", work / "dist"], source, env))
    if problem:
        sys.exit(f"the source archive cannot be built:\n{problem}")
    archive, = (work / "dist").glob("*.tar.gz")
    problem = run([tool / "bin/pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", work / "dist", archive], work, env)
    if problem:
        sys.exit(f"the wheel cannot be built from {archive.name}:\n{problem}")
    wheel, = (work / "dist").glob("*.whl")
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    wanted = {p.relative_to(source).as_posix() for p in (source / "g2gan").rglob("*") if p.is_file()}
    if inside != wanted:
        sys.exit(f"{wheel.name} lacks {sorted(wanted - inside)[:5]} and should not hold {sorted(inside - wanted)[:5]}")
    size = tarfile.open(archive).getnames()
    print(f"  ok {wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {len(inside)} files; source archive {archive.stat().st_size / 1e6:.1f} MB, "
          f"{len(size)} files", flush=True)
    return wheel


def install(wheel, extras, work, env):
    """An empty environment with the wheel, what it asks for, and a Jupyter kernel."""
    start, place = time.time(), work / "venv"
    problem = (run([sys.executable, "-m", "venv", place], work, env)
               or run([place / "bin/pip", "install", "-q", f"{wheel}[{extras}]" if extras else wheel, "nbclient", "ipykernel"], work, env)
               or run([place / "bin/python", "-c", f"import g2gan, sys; assert sys.prefix == {str(place)!r} and g2gan.__file__.startswith(sys.prefix)"], work, env))
    if problem:
        sys.exit(f"{wheel.name} does not install:\n{problem}")
    print(f"  ok {time.time() - start:6.1f} s  installed on Python {sys.version.split()[0]}", flush=True)
    return place / "bin"


def check(name, args, cwd, env, seconds):
    start = time.time()
    problem = run(args, cwd, env, seconds)
    print(f"{'FAIL' if problem else 'ok':>4} {time.time() - start:6.1f} s  {name}", flush=True)
    if problem:
        print(problem, flush=True)
    return not problem


def everything(work, options):
    """Names of the checks that failed, and how many passed."""
    home, books = work / "home", work / "books"
    for folder in (home, books, work / "dist"):
        folder.mkdir(parents=True, exist_ok=True)
    env = environment(home)
    # pip keeps its cache where it is: what torch weighs need not come twice.
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True).stdout.strip()
    wheel = build(work, env | {"PIP_CACHE_DIR": cache})
    bin = install(wheel, options.extras, work, env | {"PIP_CACHE_DIR": cache})
    env["PATH"] = f"{bin}:{env['PATH']}"
    todo = [("g2gan --version", [bin / "g2gan", "--version"], "", ""), ("g2gan demo", [bin / "g2gan", "demo", "--out", "demo"], "", "")]
    script = work / "run_notebook.py"
    script.write_text(RUN)
    others = set()    # what first cells ask for besides the package: libraries that a chapter checks its own functions against
    for path in [*sorted(ROOT.glob("nbs/[01]*.ipynb")), *sorted(ROOT.glob("nbs/solutions/*.ipynb"))]:
        name = path.relative_to(ROOT / "nbs")
        (books / name).parent.mkdir(exist_ok=True)
        (books / name).write_bytes(path.read_bytes())
        asked = re.search(r"pip install -Uqq '?g2gan(?:\[([\w,]+)\])?'?([\w -]*)(?:&& pip install -Uqq --no-deps ([\w-]+))?", path.read_text(encoding="utf-8"))
        others.update(asked[2].split() if asked else ())
        todo.append((str(name), [bin / "python", script, books / name], (asked[1] or "") if asked else "", (asked[3] or "") if asked else ""))
    if problem := run([bin / "pip", "install", "-q", *sorted(others)], work, env | {"PIP_CACHE_DIR": cache}): sys.exit(problem)
    results, here = {}, options.extras
    for name, args, extras, alone in sorted(todo, key=lambda item: item[2:]):
        if extras not in (here, "") and (not options.names or any(part in name for part in options.names)):
            problem = (run([bin / "pip", "install", "-q", f"{wheel}[{extras}]"], work, env | {"PIP_CACHE_DIR": cache})
                       or alone and run([bin / "pip", "install", "-q", "--no-deps", alone], work, env | {"PIP_CACHE_DIR": cache}))
            print(f"{'FAIL' if problem else 'ok':>4}           pip install g2gan[{extras}] {alone} {problem}", flush=True)
            here = extras
        if not options.names or any(part in name for part in options.names):
            cwd = work / "here" / name.replace("/", "_").replace(" ", "_")  # an empty folder for each: nothing may be left lying about for the next
            cwd.mkdir(parents=True)
            results[name] = check(name, args, cwd, env, SECONDS + 60)
    if results.get("g2gan demo") and not any((work / "here/g2gan_demo/demo").iterdir()):
        results["g2gan demo"] = False
    print(f"{sum(results.values())} passed, {len(results) - sum(results.values())} failed")
    return [n for n, ok in results.items() if not ok]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--extras", default="", help="such as offline,judges")
    parser.add_argument("--keep", type=Path, help="work in this new folder, and leave it there")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True)
        sys.exit(bool(everything(options.keep.resolve(), options)))
    with tempfile.TemporaryDirectory(prefix="g2gan_wheel_") as folder:
        sys.exit(bool(everything(Path(folder).resolve(), options)))
