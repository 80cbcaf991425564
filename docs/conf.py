"""The site, which `make docs` builds. Pages are Markdown; docstrings are reStructuredText.

Sphinx, because the equations of the docstrings are written for it, as in Flax and Optax.
"""

import pathlib
import shutil

import gan_restore

ROOT = pathlib.Path(__file__).resolve().parent.parent

# --- Project ---
project = "gan_restore"
author = "The gan_restore authors"
version = release = gan_restore.__version__

# --- Build ---
extensions = [
  "myst_parser",
  "sphinx.ext.apidoc",
  "sphinx.ext.autodoc",
  "sphinx.ext.napoleon",
  "sphinx.ext.viewcode",
  "sphinx_copybutton",
  "sphinx-mathjax-offline",
]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
apidoc_modules = [
  {
    "path": str(ROOT / "gan_restore"),
    "destination": "api",
    "exclude_patterns": [str(ROOT / "gan_restore" / "__main__.py")],
    "separate_modules": True,
    "automodule_options": {"members"},
    "module_first": True,
  }
]
autodoc_typehints = "none"  # The sections Args and Returns say what matters: shapes and ranges.
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "parent, name, setup"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "code"
exclude_patterns = ["api/modules.rst"]
suppress_warnings = ["ref.python"]  # A name that a package takes from its module has two pages.
linkcheck_timeout = 10

# --- Pages ---
html_theme = "furo"
html_title = "gan_restore"
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The model cards and the documents of the root are pages too: {folder: files}.
PAGES = {
  "cards": [
    *(ROOT / "gan_restore/shipped").glob("*.md"),
    *(ROOT / "gan_restore/shipped").glob("*.webp"),
  ],
  "cards/judges": (ROOT / "gan_restore/shipped/judges").glob("*.md"),
  "cards/finders": (ROOT / "gan_restore/shipped/finders").glob("*.md"),
  "project": [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"],
}
LINKS = {"../gan_restore/shipped/": "cards/", "../../docs/": "../"}


def _copy(app) -> None:
  for folder, files in PAGES.items():
    target = pathlib.Path(app.srcdir) / folder
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
      shutil.copy(file, target)


def _follow_links(app, name, source) -> None:
  """Rewrites links that hold in the repository to those of the site."""
  del app, name
  for old, new in LINKS.items():
    source[0] = source[0].replace(f"]({old}", f"]({new}")


def setup(app) -> None:
  app.connect("builder-inited", _copy, priority=100)
  app.connect("source-read", _follow_links)
