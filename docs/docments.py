"""Reference pages out of the modules' sources: signatures, docstrings, and the comments that describe each parameter.

The package documents a parameter by the comment behind it (nbdev's docments). Sphinx's autodoc drops comments and wants to
import what it documents; this reads the source with `ast` and `tokenize` instead, so the site is built without torch.
"""
import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Entry:
    "A row of a table: one or more names that share a comment."
    names: list           # ['x0', 'y0'], or [] for what is returned
    type: str = ""        # annotation, as written
    note: str = ""        # the comment


@dataclass
class Thing:
    "A function, class, method, property or constant."
    kind: str                                      # directive of Sphinx's Python domain
    name: str
    signature: str = ""                            # in brackets, without types, which stand in the table
    doc: str = ""
    rows: list = field(default_factory=list)       # Entry for each parameter, and for the result
    fields: list = field(default_factory=list)     # Entry for each commented attribute of a class; a str is a heading
    members: list = field(default_factory=list)    # Things
    options: list = field(default_factory=list)    # of the directive
    bases: list = field(default_factory=list)      # names of the classes it inherits from


@dataclass
class Module:
    name: str            # 'images'
    doc: str
    things: list         # Things, in the order of the chapter
    borrowed: dict       # name -> module of what it passes on from earlier chapters
    chapter: str         # '01a_images'


def comments_of(source):
    "Comments by line: {line: text} of those behind code, and of those that have their line to themselves."
    behind, alone = {}, {}
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("#").strip()
            (behind if lines[token.start[0] - 1][:token.start[1]].strip() else alone)[token.start[0]] = text
    return behind, alone


class Reader:
    "Turns the syntax tree of one module into Things."

    def __init__(self, source):
        self.tree = ast.parse(source)
        self.behind, self.alone = comments_of(source)

    def note(self, line, last):
        "The comment behind a line, and those on lines of their own that carry it on, before `last`."
        words = [self.behind.get(line, "")]
        while words[0] and line + 1 < last and line + 1 in self.alone:
            line += 1
            words.append(self.alone[line])
        return " ".join(words).strip()

    def parameters(self, node):
        "The signature in brackets, and a row for each line of parameters and for the result."
        a = node.args
        plain = [*a.posonlyargs, *a.args]
        defaults = [None] * (len(plain) - len(a.defaults)) + a.defaults
        given = [(p.arg, p, d) for p, d in zip(plain, defaults)]
        if a.vararg: given.append(("*" + a.vararg.arg, a.vararg, None))
        elif a.kwonlyargs: given.append(("*", None, None))
        given += [(p.arg, p, d) for p, d in zip(a.kwonlyargs, a.kw_defaults)]
        if a.kwarg: given.append(("**" + a.kwarg.arg, a.kwarg, None))
        if given and given[0][0] in ("self", "cls"): given = given[1:]
        signature = ", ".join(n + (f"={ast.unparse(d)}" if d is not None else "") for n, _, d in given)
        body = node.body[0].lineno
        # A comment on the line where the result's type stands describes the result.
        answer = node.returns.end_lineno if node.returns else None
        rows, seen = [], None
        for name, p, default in given:
            if p is None: continue
            line = (default or p).end_lineno if (default or p).end_lineno > p.end_lineno else p.end_lineno
            kind = ast.unparse(p.annotation) if p.annotation else ""
            if line == seen and line != answer:
                rows[-1].names.append(name)
                if kind and kind not in rows[-1].type.split(", "): rows[-1].type = ", ".join(filter(None, [rows[-1].type, kind]))
            else:
                rows.append(Entry([name], kind, "" if line == answer else self.note(line, body)))
            seen = line
        if node.returns and not (isinstance(node.returns, ast.Constant) and node.returns.value is None):
            rows.append(Entry([], ast.unparse(node.returns).strip("'\""), self.note(answer, body) if answer < body else self.behind.get(answer, "")))
        return f"({signature})", [r for r in rows if r.type or r.note]

    def function(self, node, method=False):
        signature, rows = self.parameters(node)
        decorators = {ast.unparse(d) for d in node.decorator_list}
        kind = "py:method" if method else "py:function"
        if decorators & {"property", "cached_property"}:
            kind, signature = "py:property", ""
        options = [o for o in ("classmethod", "staticmethod", "abstractmethod") if o in decorators]
        return Thing(kind, node.name, signature, ast.get_docstring(node) or "", rows, options=options)

    def method(self, node, first):
        made = self.function(node, True)
        if first == "cls": made.options = ["classmethod"]
        return made

    def attributes(self, node):
        "Commented or typed attributes of a class; comments on lines of their own between them become headings."
        rows, start = [], node.lineno
        for item in node.body:
            target = item.target if isinstance(item, ast.AnnAssign) else item.targets[0] if isinstance(item, ast.Assign) else None
            if not isinstance(target, ast.Name) or target.id.startswith("_"):
                if isinstance(item, ast.FunctionDef): break
                start = item.end_lineno
                continue
            rows += [self.alone[n].lstrip("- ") for n in range(start, item.lineno) if self.alone.get(n, "").startswith("---")]
            kind = ast.unparse(item.annotation) if isinstance(item, ast.AnnAssign) else ""
            value = f" = {ast.unparse(item.value)}" if item.value is not None and len(ast.unparse(item.value)) < 40 else ""
            rows.append(Entry([target.id], kind + value, self.behind.get(item.end_lineno, "")))
            start = item.end_lineno
        return rows

    def cls(self, node):
        thing = Thing("py:class", node.name, doc=ast.get_docstring(node) or "", bases=[ast.unparse(b) for b in node.bases])
        own = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
        thing.fields = self.attributes(node)
        fields = [r for r in thing.fields if isinstance(r, Entry)]
        if "__init__" in own:
            thing.signature, thing.rows = self.parameters(own["__init__"])
            if not thing.doc: thing.doc = ast.get_docstring(own["__init__"]) or ""
        elif "dataclass" in " ".join(map(ast.unparse, node.decorator_list)) or "NamedTuple" in thing.bases:
            thing.signature = f"({', '.join(r.names[0] for r in fields)})" if len(fields) < 9 else "(**fields)"
        elif any("Error" in b for b in thing.bases):
            thing.kind = "py:exception"
        for name, method in own.items():
            made = self.function(method, True)
            if not name.startswith("_") or (name == "__call__" and (made.doc or made.rows)):
                thing.members.append(made)
        return thing

    def module(self, name):
        public = []
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                public = ast.literal_eval(node.value)
            if isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "__all__":
                public += ast.literal_eval(node.value)
        things, borrowed = {}, {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name in public:
                things[node.name] = self.function(node)
            elif isinstance(node, ast.ClassDef) and node.name in public:
                things[node.name] = self.cls(node)
            elif isinstance(node, ast.FunctionDef) and "patch" in map(ast.unparse, node.decorator_list):   # a method that its class got later
                first = node.args.args[0]
                if not node.name.startswith("_"): things[ast.unparse(first.annotation)].members.append(self.method(node, first.arg))
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [n for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t]) if isinstance(n, ast.Name)]
                for target in names:
                    if target.id in public and target.id not in things:
                        value = ast.unparse(node.value) if len(names) == 1 else ""
                        things[target.id] = Thing("py:data", target.id, doc=self.behind.get(node.end_lineno, ""),
                                                  options=[f"value: {value}"] if value and len(value) < 70 and "\\" not in value else [])
            elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("g2gan")):
                for alias in node.names:
                    if (alias.asname or alias.name) in public:
                        borrowed[alias.asname or alias.name] = (node.module or "").removeprefix("g2gan.")
        return Module(name, ast.get_docstring(self.tree) or "", [things[n] for n in public if n in things], borrowed, "")


def read_module(path):
    "The Module in a file, or None if it exports nothing."
    source = Path(path).read_text(encoding="utf-8")
    module = Reader(source).module(Path(path).stem)
    chapter = re.search(r"File to edit: \S*nbs/(\S+)\.ipynb", source)
    module.chapter = chapter[1] if chapter else ""
    return module if module.things or module.borrowed else None


# --- from Things to MyST Markdown

def prose(text, link):
    "A docstring or comment as Markdown: signs that are arithmetic stay what they are, names in backticks become links."
    def outside(part):
        part = re.sub(r"[$<]", r"\\\g<0>", part)
        return re.sub(r"(?<!\*)\*(?!\*)", r"\\*", part) if not re.search(r"(?<!\w)\*\w[^*]*\w\*(?!\w)", part) else part
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(link(p[1:-1]) if p.startswith("`") and len(p) > 2 else outside(p) for p in parts)


def paragraphs(text, link):
    "Docstring with its code left alone: indented blocks are shown as they are."
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        indented = all(line.startswith(("    ", ">>>")) for line in block.splitlines())
        blocks.append(f"```python\n{block}\n```" if indented else prose(block, link))
    return "\n\n".join(blocks)


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ") or " "


def plain(text):
    "A type as Markdown that means nothing but itself."
    return re.sub(r"[\\`*_<>\[\]$~]", r"\\\g<0>", text)


def table(rows, link, head):
    "Rows as a table; headings between them become rows that span it."
    if not rows: return ""
    lines = [f"| {head} | |", "|---|---|"]
    for row in rows:
        if isinstance(row, str):
            lines.append(f"| **{cell(row)}** | |")
            continue
        name = ", ".join(f"`{n}`" for n in row.names) or "*returns*"
        lines.append(f"| {name}{f' *{cell(plain(row.type))}*' if row.type else ''} | {cell(prose(row.note, link))} |")
    return "\n".join(lines)


def render(thing, link, depth=1):
    "A Thing as a directive of Sphinx's Python domain."
    fence = ":" * (6 - depth)
    out = [f"{fence}{{{thing.kind}}} {thing.name}{thing.signature}"]
    out += [f":{o}:" if ":" not in o else f":{o.split(': ')[0]}: {o.split(': ', 1)[1]}" for o in thing.options]
    out.append("")
    bases = [b for b in thing.bases if b not in ("object", "ABC")]
    if bases and thing.kind == "py:class": out += ["Inherits from " + ", ".join(link(b) for b in bases) + ".", ""]
    if thing.doc: out += [paragraphs(thing.doc, link), ""]
    shown = {n for r in thing.rows for n in r.names}
    if shown: out += [table(thing.rows, link, "parameter"), ""]
    elif thing.rows:
        answer = thing.rows[0]
        if thing.kind == "py:property": out.insert(1, f":type: {answer.type}")
        said = (f" `{answer.type}`" if thing.kind != "py:property" else "") + (f": {prose(answer.note, link)}" if answer.note else "")
        if said: out += [f"Returns{said}.", ""]
    out += [table([f for f in thing.fields if isinstance(f, str) or f.note or f.type and not set(f.names) & shown], link, "field"), ""]
    for member in thing.members: out += [render(member, link, depth + 1), ""]
    return "\n".join(out + [fence])


def page(module, titles, link):
    "The reference page of a module in MyST Markdown."
    out = [f"# g2gan.{module.name}", "", f"> {prose(module.doc, link)}", "",
           f"Developed in [{titles[module.chapter]}](../{module.chapter}.ipynb), whose exported cells are this module.", "",
           f"```{{py:module}} g2gan.{module.name}\n```", ""]
    groups = [("Functions and classes", lambda t: t.kind != "py:data"), ("Constants", lambda t: t.kind == "py:data")]
    for title, chosen in groups:
        things = [t for t in module.things if chosen(t)]
        if things: out += [f"## {title}", ""] + [render(t, link) + "\n" for t in things]
    if module.borrowed:
        out += ["## From earlier chapters", "", "Can be imported from here as well: "
                + ", ".join(link(f"g2gan.{m}.{n}", n) for n, m in module.borrowed.items()) + ".", ""]
    return "\n".join(out)
