"""How the site is made of this folder: `make docs` builds it and fails at anything broken.

The pages are plain Markdown that reads as well without being built. Nothing is fetched while
building, and a built page asks no other host for anything.
"""

import importlib.metadata
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "replay-server"
release = importlib.metadata.version(project)
copyright = "The replay-server authors"
html_title = f"{project} {release}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_site"]
suppress_warnings = ["ref.python"]  # errors of server and client bear the same names

myst_heading_anchors = 4
myst_enable_extensions = ["fieldlist"]
highlight_language = "text"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
napoleon_include_init_with_doc = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
default_role = "code"

html_theme = "furo"
html_static_path: list[str] = []
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

_CODE = re.compile(r"(``.+?``|`[^`]+?`(?!`)(?:_)?)")
_MARKUP = re.compile(r"\s*(?::[^`]*?:(?=\s|$)|\.\. \S+)")  # what Napoleon has made


def _in_plain_words(line: str) -> str:
    """Return a line of a docstring with what reStructuredText would take for markup made plain."""
    pieces = _CODE.split(line)
    pieces[::2] = [re.sub(r"([*|\\])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[::2] = [re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", piece) for piece in pieces[::2]]
    return "".join(
        f"``{piece.strip('`')}``" if place % 2 else piece for place, piece in enumerate(pieces)
    )


def _read_as_markdown(
    _app: Sphinx, _what: str, _name: str, _it: object, _options: object, lines: list[str]
) -> None:
    """Let a docstring's backquotes be code, and its indented blocks be blocks of code.

    Runs after Napoleon, whose fields (`:param x:`) and directives (`..`) are left as they are.
    """
    made: list[str] = []
    block_from = None  # indentation of the block of code that the line stands in
    for number, line in enumerate(lines):
        indentation = len(line) - len(line.lstrip())
        if block_from is not None and line.strip() and indentation < block_from:
            block_from = None
        if block_from is not None or not line.strip():
            made.append(line)
            continue
        before = lines[:number]
        opens = before and not before[-1].strip() and _opens_a_block(before, indentation)
        if opens:
            block_from = indentation
            made += [" " * (indentation - 4) + "::", "", line]
        elif markup := _MARKUP.match(line):
            made.append(markup[0] + _in_plain_words(line[markup.end() :]))
        else:
            made.append(_in_plain_words(line))
    lines[:] = made


def _opens_a_block(before: list[str], indentation: int) -> bool:
    above = next((line for line in reversed(before) if line.strip()), None)
    if above is None:
        return False
    return not _MARKUP.match(above) and indentation - (len(above) - len(above.lstrip())) >= 4


def _without_missing_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Leave out of the index the pages that have a place there before they are written."""
    if docname == "index":
        expected = re.findall(r"^([a-z_]+)\*$", source[0], re.MULTILINE)
        for page in expected:
            if not list(Path(app.srcdir).glob(f"{page}*.md")):
                source[0] = source[0].replace(f"\n{page}*\n", "\n")


def setup(app: Sphinx) -> None:
    """Have docstrings read as they are written."""
    app.connect("source-read", _without_missing_pages)
    app.connect("autodoc-process-docstring", _read_as_markdown, priority=900)
