"""Builds the documentation site: lays out chapters, solutions and reference pages in _proc/docs, runs Sphinx, checks links.

Usage: python docs/build.py [--out _docs] [--external]

Every link between files must lead somewhere, and every warning of Sphinx ends the build. Links to other sites are only
looked at with --external, which needs a network.
"""
import argparse
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import docments

ROOT = Path(__file__).resolve().parent.parent
STAGE = ROOT / "_proc/docs"
GITHUB = "https://github.com/g2gan/g2gan"
COLAB = "https://colab.research.google.com/github/g2gan/g2gan/blob/main/nbs"
# Names of the chapters that have several parts; the others are called as their only notebook.
PARTED = {1: "From photo to points", 5: "Data", 6: "The generators", 10: "Training", 11: "Editing photos", 12: "Rivals",
          13: "How good is it?", 15: "The command"}
ABOUT = {"CONTRIBUTING.md": "Contributing", "RESPONSIBLE_USE.md": "Responsible use", "CHANGELOG.md": "Changelog",
         "g2gan/assets/weights/default/README.md": "Model card"}
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)")


def source_of(notebook, i):
    return "".join(notebook["cells"][i]["source"])


def title_of(notebook):
    return next(line[2:].strip() for cell in notebook["cells"] for line in "".join(cell["source"]).splitlines() if line.startswith("# "))


def label(stem):
    "'01a' -> '1a', '12_baselines' -> '12'."
    return stem.split("_")[0].lstrip("0") or "0"


class Site:
    "All pages, and where each file of the repository is found in them."

    def __init__(self):
        self.books = {p.relative_to(ROOT / "nbs").as_posix(): json.loads(p.read_text(encoding="utf-8"))
                      for p in sorted([*ROOT.glob("nbs/*.ipynb"), *ROOT.glob("nbs/solutions/*.ipynb")])}
        self.chapters = [n for n in self.books if n[0].isdigit()]
        self.titles = {n.removesuffix(".ipynb"): f"{label(n)} {title_of(self.books[n])}" for n in self.chapters}
        self.modules = {m.name: m for m in map(docments.read_module, sorted(ROOT.glob("g2gan/[a-z]*.py"))) if m and m.chapter}
        self.modules = dict(sorted(self.modules.items(), key=lambda item: item[1].chapter))
        self.pages = {f"nbs/{n}": n for n in self.books}
        self.pages |= {path: ("about/" + (Path(path).name if len(Path(path).parts) == 1 else "model_card.md")) for path in ABOUT}
        self.problems, self.external = [], set()
        self.public = self.names()

    def names(self):
        "Full names by what one writes in backticks: full, with the class, and alone where only one thing is called so."
        found = {}
        for module in self.modules.values():
            for thing in module.things:
                kinds = [(thing.name, f"g2gan.{module.name}.{thing.name}")]
                kinds += [(f"{thing.name}.{m.name}", f"g2gan.{module.name}.{thing.name}.{m.name}") for m in thing.members]
                for name, full in kinds:
                    found.setdefault(name, set()).add(full)
                    found[full] = {full}
        return {name: full.pop() for name, full in found.items() if len(full) == 1}

    def link(self, text, shown=None):
        "A name in backticks as a link to its reference, where there is exactly one."
        name = text.removesuffix("()")
        full = self.public.get(name)
        if not full and name.startswith("g2gan.") and name[6:] in self.modules: full = name
        return f"{{py:obj}}`{shown or text} <{full}>`" if full else f"`{shown or text}`"

    def relink(self, text, where, at):
        "Links of a file at `where` in the repository, for its page at `at`: to pages where there are, to GitHub else."
        def one(match):
            words, target = match.groups()
            if re.match(r"[a-z]+:", target):
                self.external.add(target.split("#")[0])
                return match[0]
            path, _, fragment = target.partition("#")
            if not path: return match[0]
            found = [p for p in ((ROOT / where).parent / unquote(path), ROOT / unquote(path)) if p.exists()]
            if not found:
                self.problems.append(f"{where}: the link to {target} leads nowhere")
                return match[0]
            name = os.path.relpath(found[0].resolve(), ROOT)
            if name == "README.md": name = "nbs/index.ipynb"
            if words.startswith("!"):
                (STAGE / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, STAGE / name)
                page = name
            elif name in self.pages:
                page = self.pages[name]
            else:
                return f"{words}({GITHUB}/{'tree' if found[0].is_dir() else 'blob'}/main/{name})"
            return f"{words}({os.path.relpath(page, Path(at).parent)}{'#' + fragment if fragment else ''})"
        return outside_code(lambda part: LINK.sub(one, part), text)

    def write(self, name, text):
        path = STAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    # --- notebooks

    def line_under_title(self, name):
        "Where else this chapter is: Colab, its solutions, its reference page, the notebook itself."
        stem, up = name.removesuffix(".ipynb"), "../" if "/" in name else ""
        places = [f"[Open in Colab]({COLAB}/{name})"]
        if up: places.append(f"[Back to the chapter](../{Path(name).name})")
        elif f"solutions/{name}" in self.books: places.append(f"[Solutions of the exercises](solutions/{name})")
        places += [f"[Reference: g2gan.{m.name}]({up}api/{m.name}.md)" for m in self.modules.values() if m.chapter == Path(stem).name]
        return "{.where}\n" + " · ".join(places)

    def markdown(self, text, name):
        text = re.sub(r"\[!\[Open In Colab\][^\n]*\n?", "", text)
        text = self.relink(text, f"nbs/{name}", name)
        def names(part):
            return re.sub(r"(?<![\[`\w])`([\w.]+(?:\(\))?)`(?![\]`\w])", lambda m: self.link(m[1]) if self.known(m[1]) else m[0], part)
        return outside_code(names, text)

    def known(self, text):
        "Names that are meant when they stand in a chapter's text: classes, and functions whose name is no everyday word."
        full = self.public.get(text.removesuffix("()"), "")
        return full and (text[0].isupper() or "_" in text or "." in text or text.endswith("()"))

    def notebook(self, name):
        book = json.loads(json.dumps(self.books[name]))
        cells, titled = [], name == "index.ipynb"
        for cell in book["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code":
                marks = re.findall(r"^#\|\s*(\w+)", source, re.M)
                if {"hide", "default_exp"} & set(marks): continue
                source = re.sub(r"^#\|[^\n]*\n?", "", source, flags=re.M).strip("\n")
                if not source and not cell["outputs"]: continue
                cell["metadata"]["tags"] = [m for m in marks if m in ("export", "slow")]
            else:
                source = self.markdown(source, name)
                if not titled and (heading := re.search(r"^# (.*)$", source, re.M)):
                    titled = True
                    # The sidebar and the buttons at the foot of a page show the chapter's number.
                    number = f"{label(Path(name).name)} " if "/" not in name else ""
                    source = f"{source[:heading.start()]}# {number}{heading[1]}{source[heading.end():]}"
                    at = (re.search(r"^> .*$", source, re.M) or heading).end()
                    source = f"{source[:at]}\n\n{self.line_under_title(name)}\n{source[at:]}"
                if not source.strip(): continue
            cell["source"] = source
            cells.append(cell)
        if name == "index.ipynb":
            cells.append({"cell_type": "markdown", "metadata": {}, "id": "contents", "source": self.contents()})
        book["cells"] = cells
        for i, cell in enumerate(cells): cell["id"] = f"cell{i}"
        self.write(name, json.dumps(book))

    # --- pages of our own

    def contents(self):
        "The hidden tables of contents that make the sidebar."
        groups, numbers = {}, {}
        for name in self.chapters: groups.setdefault(int(re.match(r"\d+", name)[0]), []).append(name)
        entries = []
        for number, names in groups.items():
            if len(names) == 1: entries.append(names[0])
            else:
                entries.append(f"chapters/{number:02d}.md")
                self.overview(number, names)
        def tree(caption, items): return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *items, "```", ""])
        more = ["solutions/index.md"] if any("/" in n for n in self.books) else []
        return "\n".join([tree("Chapters", entries), tree("Exercises", more) if more else "", tree("Reference", ["api/index.md"]),
                          tree("About", [f"{title} <{self.pages[path]}>" for path, title in ABOUT.items()])])

    def overview(self, number, names):
        "The page of a chapter that has parts."
        lines = [f"# {number} {PARTED.get(number, title_of(self.books[names[-1]]))}", "", f"This chapter has {len(names)} parts.", ""]
        for name in names:
            text = "".join(self.books[name]["cells"][0]["source"])
            about = re.search(r"^> (.*)$", text, re.M)
            lines += [f"[{self.titles[name.removesuffix('.ipynb')]}](../{name})", f": {about[1] if about else ''}", ""]
        lines += ["```{toctree}", ":hidden:", "", *[f"../{n}" for n in names], "```"]
        self.write(f"chapters/{number:02d}.md", "\n".join(lines))

    def reference(self):
        lines = ["# Reference", "", "One page a module, in the order of the chapters that make them. The command line explains itself: `g2gan --help`.", "",
                 "| module | chapter | what it holds |", "|---|---|---|"]
        for module in self.modules.values():
            self.write(f"api/{module.name}.md", docments.page(module, self.titles, self.link))
            lines.append(f"| [g2gan.{module.name}]({module.name}.md) | [{label(module.chapter)}](../{module.chapter}.ipynb) | {module.doc.splitlines()[0]} |")
        lines += ["", "```{toctree}", ":hidden:", "", *[f"{m}.md" for m in self.modules], "```"]
        self.write("api/index.md", "\n".join(lines))

    def solutions(self):
        names = [n for n in self.books if n.startswith("solutions/")]
        if not names: return
        lines = ["# Solutions", "", "One worked answer to each exercise. Try first: an exercise that was read together with its solution teaches little.", ""]
        lines += [f"- [{self.titles.get(Path(n).stem, title_of(self.books[n]))}]({Path(n).name})" for n in names]
        lines += ["", "```{toctree}", ":hidden:", "", *[f"{self.titles.get(Path(n).stem, Path(n).stem)} <{Path(n).name}>" for n in names], "```"]
        self.write("solutions/index.md", "\n".join(lines))

    def about(self):
        for path in ABOUT:
            text = re.sub(r"\A---\n.*?\n---\n", "", (ROOT / path).read_text(encoding="utf-8"), flags=re.S)
            self.write(self.pages[path], self.relink(text, path, self.pages[path]))

    def lay_out(self):
        shutil.rmtree(STAGE, ignore_errors=True)
        STAGE.mkdir(parents=True)
        for name in self.books: self.notebook(name)
        self.reference(), self.solutions(), self.about()


def outside_code(change, text):
    "Apply `change` to Markdown outside fences."
    parts, last = [], 0
    for match in re.finditer(r"^(```+|~~~+).*?^\1[^\n]*$", text, re.M | re.S):
        parts += [change(text[last:match.start()]), match[0]]
        last = match.end()
    return "".join(parts + [change(text[last:])])


class Page(html.parser.HTMLParser):
    "The ids of a page, and where its links and pictures lead."

    def __init__(self, text):
        super().__init__()
        self.ids, self.targets, self.pictures = set(), set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value: self.ids.add(value)
            if name in ("href", "src") and value and tag in ("a", "img", "script", "link", "source"): self.targets.add(value)
        self.pictures += tag == "img"


def broken_links(out):
    "Links between the built pages that lead nowhere, and how many were looked at."
    pages = {p.resolve(): Page(p.read_text(encoding="utf-8")) for p in out.rglob("*.html") if "_static" not in p.parts}
    broken, looked_at = [], 0
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc: continue
            looked_at += 1
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if there.is_dir(): there /= "index.html"
            if not there.exists() or parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].ids:
                broken.append(f"{path.relative_to(out.resolve())}: {target} leads nowhere")
    return broken, looked_at, len(pages), sum(p.pictures for p in pages.values())


def sphinx(builder, out):
    done = subprocess.run([sys.executable, "-m", "sphinx", "-b", builder, "-c", ROOT / "docs", "-d", ROOT / "_proc/doctrees", "-j", "2",
                           "-W", "--keep-going", "-q", STAGE, out], env=os.environ | {"PYTHONPATH": str(ROOT / "docs")})
    return done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "_docs")
    parser.add_argument("--external", action="store_true", help="ask other sites whether the links to them still work (needs a network)")
    options = parser.parse_args()
    start, site = time.time(), Site()
    site.lay_out()
    if site.problems: sys.exit("\n".join(site.problems))
    if options.external: sys.exit(sphinx("linkcheck", ROOT / "_proc/links"))
    shutil.rmtree(ROOT / "_proc/doctrees", ignore_errors=True)
    shutil.rmtree(options.out, ignore_errors=True)
    if sphinx("html", options.out): sys.exit("Sphinx had something to say: see above.")
    (options.out / ".nojekyll").touch()
    broken, links, pages, pictures = broken_links(options.out)
    if broken: sys.exit("\n".join(sorted(broken)))
    print(f"{options.out}: {pages} pages, {pictures} pictures, {links} links between them, all good; {len(site.external)} links to "
          f"other sites were not followed; {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
