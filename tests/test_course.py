"""The course as a book: each chapter has the parts that a reader relies on, and the package keeps its order and its size."""
import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
CHAPTERS = sorted(p.stem for p in NBS.glob("[0-9]*.ipynb"))
SOLUTIONS = sorted(p.stem for p in NBS.glob("solutions/*.ipynb"))
BOOKS = [*CHAPTERS, *(f"solutions/{s}" for s in SOLUTIONS), "index"]
MODULES = sorted(p for p in ROOT.glob("g2gan/[a-z]*.py"))
BADGE = "https://colab.research.google.com/github/g2gan/g2gan/blob/main/nbs/{}.ipynb"
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
each_book = pytest.mark.parametrize("book", BOOKS)
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda p: p.stem)
loaded = {}


def cells(name, kind=None):
    "Cells of a notebook, or only their text: `cells('02_heatmaps', 'markdown')`."
    if name not in loaded: loaded[name] = json.loads((NBS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [("".join(c["source"]) if kind else c) for c in loaded[name] if kind in (None, c["cell_type"])]


def text(name):
    return "\n\n".join(cells(name, "markdown"))


def section(name, title):
    found = re.search(rf"^## {title}.*?$(.*?)(?=^## |\Z)", text(name), re.M | re.S)
    assert found, f"nbs/{name}.ipynb has no section '## {title}'"
    return found[1]


def home(module):
    "The chapter that exports a module."
    found = re.search(r"File to edit: \S*nbs/(\S+)\.ipynb", module.read_text(encoding="utf-8"))
    assert found, f"{module.name} was not exported by any notebook"
    return found[1]


# --- chapters

def test_numbers_are_fifteen_and_without_gaps():
    labels = [c.split("_")[0] for c in CHAPTERS]
    assert len(set(labels)) == len(labels), f"two chapters have one number: {sorted({n for n in labels if labels.count(n) > 1})}"
    assert {int(n[:2]) for n in labels} == set(range(16)), "00 is the tour, then fifteen chapters"
    for number in range(16):
        parts = [n[2:] for n in labels if int(n[:2]) == number]
        assert "".join(parts) in ("", "abcdefghijkl"[:len(parts)]), f"chapter {number} has the parts {parts}"


@each_chapter
def test_title_and_line_below(chapter):
    lines = cells(chapter, "markdown")[0].splitlines()
    assert lines[0].startswith("# ") and lines[2].startswith("> ")


@each_chapter
def test_badge_opens_this_chapter(chapter):
    assert re.findall(r"https://colab\.research\.google\.com/github/[^)\s]*", text(chapter)) == [BADGE.format(chapter)]


@pytest.mark.parametrize("book", BOOKS[:-1])
def test_guard_installs_the_package_on_colab(book):
    first = [c for c in cells(book, "code")[:4] if re.search(r"^! \[ -e /content \] && pip install -Uqq '?g2gan", c, re.M)]
    assert len(first) == 1 and "#| hide" in first[0]


@each_chapter
def test_last_link_leads_to_the_next_chapter(chapter):
    following = [*CHAPTERS[1:], "index"][CHAPTERS.index(chapter)]
    last = re.findall(r"\]\(([^)#]+\.ipynb)", text(chapter))[-1]
    assert last == f"{following}.ipynb"


@each_chapter
def test_what_we_built(chapter):
    if chapter == "00_tour": return  # it shows, and builds nothing
    assert len(section(chapter, "What we built").split()) > 10


@each_chapter
def test_four_to_six_exercises(chapter):
    assert 4 <= len(re.findall(r"^\d+\. ", section(chapter, "Exercises"), re.M)) <= 6


@each_chapter
def test_solutions(chapter):
    assert chapter in SOLUTIONS, f"nbs/solutions/{chapter}.ipynb is missing"
    name = f"solutions/{chapter}"
    assert f"(../{chapter}.ipynb)" in text(name), "a solution links back to its chapter"
    code = "\n".join(cells(name, "code"))
    assert "assert " in code and "default_exp" not in code
    asked = len(re.findall(r"^\d+\. ", section(chapter, "Exercises"), re.M))
    assert len(re.findall(r"^## ", text(name), re.M)) >= asked, "each exercise has a heading of its own"


def test_every_solution_has_its_chapter():
    assert not set(SOLUTIONS) - set(CHAPTERS)


@each_book
def test_size(book):
    size = (NBS / f"{book}.ipynb").stat().st_size
    assert size < (300_000 if "/" in book else 2_000_000)


@each_book
def test_outputs_are_clean(book):
    "No traceback, no warning, and no path of the machine on which the chapter was run."
    for i, cell in enumerate(cells(book)):
        for output in cell.get("outputs", []):
            said = "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
            assert output["output_type"] != "error" and output.get("name") != "stderr", f"cell {i}: {said[:200]}"
            assert not re.search(r"(^|[\s'\"(])/(root|home|work|Users)/|Warning: ", said), f"cell {i}: {said[:200]}"


# --- the package

@each_module
def test_module_is_short(module):
    "Written lines: blank ones and the marks that nbdev puts between cells do not count, or small cells would be punished."
    if module.stem == "_modidx": return
    lines = module.read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) and not line.startswith("# %%") for line in lines) <= 250


@each_module
def test_functions_are_short(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    long = {n.name: n.end_lineno - n.lineno + 1 for n in ast.walk(tree)
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n.end_lineno - n.lineno >= 40}
    assert not long


@each_module
def test_imports_come_from_earlier_chapters(module):
    "Imports inside functions count too; parts of a chapter stand in the order of their letters."
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            inside = node.level or (node.module or "").split(".")[0] == "g2gan"
            path = (node.module or "").removeprefix("g2gan").strip(".")
            names = [path] if path else [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name.removeprefix("g2gan.") for a in node.names if a.name.startswith("g2gan.")]
            inside = bool(names)
        else: continue
        for name in names if inside else []:
            if name == "__version__": continue
            assert home(ROOT / f"g2gan/{name}.py") < home(module), f"line {node.lineno}: {home(module)} uses g2gan.{name}"
