"""The site, built by `make docs` into docs/_build, for readers online and from a folder.

Why Sphinx with MyST and Furo: all three are kept by large communities. Sphinx reads docstrings and checks every
reference, MyST lets pages be Markdown that is readable in the repository, too, and the index of Sphinx's search is a
script, so that search works from a folder without a server (that of MkDocs does not; Material for MkDocs is in
maintenance only).
"""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from mlp_exp import __version__  # noqa: E402 (found by the line above)

project = "mlp_exp"
author = "the authors of mlp_exp"
copyright = f"{author}, MIT licence"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "site_pages"]
exclude_patterns = ["_build"]
smartquotes = False  # a quote of a command is one that a shell knows
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!mlp_exp\.(components\.)?\w+$).*")]  # types of others, and inner ones of ours

myst_heading_anchors = 4

default_role = "code"  # of docstrings, where `this` is code
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_use_rtype = False

copybutton_prompt_text = "$ "  # what is copied: commands alone, without prompt and output
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"

html_theme = "furo"
html_title = f"mlp_exp {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["from_disk.js"]
html_show_sourcelink = False
html_copy_source = False
