"""Settings of the documentation site; `docs/build.py` lays out the pages in _proc/docs and runs Sphinx."""
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

settings = ConfigParser(delimiters=["="])
settings.read(Path(__file__).resolve().parent.parent / "settings.ini", encoding="utf-8")
facts = settings["DEFAULT"]

project, author, release = facts["title"], facts["author"], facts["version"]
project_copyright = facts["copyright"]
html_title = project
extensions = ["myst_nb", "sphinx.ext.mathjax"]
exclude_patterns = []

# The notebooks keep their outputs: nothing is run here.
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_block", "deflist"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
suppress_warnings = []
nitpicky = False                  # types are shown as written, not as links
smartquotes = False               # quotation marks in types and comments are code
maximum_signature_line_length = 72
python_maximum_signature_line_length = 72
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries = True
toc_object_entries_show_parents = "hide"
modindex_common_prefix = ["g2gan."]

html_theme = "sphinx_book_theme"
html_static_path = [str(Path(__file__).resolve().parent / "_static")]
html_css_files = ["course.css"]
html_baseurl = facts["doc_host"] + facts["doc_baseurl"] + "/"
html_show_sourcelink = False
html_copy_source = False
html_domain_indices = False
html_theme_options = {
    "repository_url": facts["git_url"],
    "repository_branch": facts["branch"],
    "path_to_docs": facts["nbs_path"],
    "use_repository_button": True,
    "use_issues_button": True,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "show_navbar_depth": 1,
    "max_navbar_depth": 3,
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navigation_with_keys": False,
    "navbar_persistent": [],      # one search field is enough: the sidebar's
}
# MathJax comes with the pages, so that equations need no network.
html_static_path += [str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static")]
mathjax_path = "mathjax/tex-chtml.js"
