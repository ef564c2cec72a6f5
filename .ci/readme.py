"""Write README.md from nbs/index.ipynb: its markdown and code cells, without those marked `#| hide`."""
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(__file__).resolve().parent.parent
notebook = nbformat.read(root / "nbs/index.ipynb", as_version=4)
notebook.cells = [c for c in notebook.cells if not c.source.startswith("#| hide")]
for cell in notebook.cells:
    lines = cell.source.splitlines()
    cell.source = "\n".join(line for line in lines if not line.startswith("#|")).strip("\n")
text, _ = MarkdownExporter().from_notebook_node(notebook)
# Pictures and chapters lie beside the index, one folder below the README.
text = text.replace("](images/", "](nbs/images/").replace('src="images/', 'src="nbs/images/')
text = text.replace("](0", "](nbs/0").replace("](1", "](nbs/1").replace("](../", "](")
(root / "README.md").write_text(text.strip() + "\n", encoding="utf-8")
