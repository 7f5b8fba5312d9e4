"""docs/protocol.md cut into statements, and which tests hold each of them.

`sentences.txt` beside this is the text of sections 1 to 9, whole and in its order, cut at
least at every full stop, semicolon, row and line of code. Under each statement stand, indented, the
tests that hold it, or after a dash why no test does. A test is `module.name`, both without `test_`,
of this folder, or `folder/module.name` of another one in `tests`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent
SECTIONS = ("1", "2", "3", "4", "5", "6", "7", "8", "9")
_PROTOCOL = TESTS.parent / "docs" / "protocol.md"
_TABLE = FOLDER / "sentences.txt"


@dataclass(frozen=True)
class Statement:
    """A piece of the protocol: a sentence, or the part of one that promises one thing."""

    section: str
    text: str
    tests: tuple[str, ...]
    reason: str
    """Why no test holds it; empty where one does."""


def statements() -> list[Statement]:
    """Return the table."""
    found: list[Statement] = []
    section, text, notes = "", "", list[str]()
    for line in [*_TABLE.read_text(encoding="utf-8").splitlines(), "## end"]:
        if line.startswith("    "):
            notes.append(line.strip())
            continue
        if notes:
            tests = tuple(note for note in notes if not note.startswith("- "))
            reason = " ".join(note[2:] for note in notes if note.startswith("- "))
            found.append(Statement(section, text, tests, reason))
            text, notes = "", []
        if line.startswith("## "):
            section = line.removeprefix("## ").partition(".")[0]
        else:
            text = f"{text} {line}".strip()
    assert not text, f"nothing is said of {text!r}"
    return found


def sentences(section: str) -> list[str]:
    """Return the sentences of a section of the protocol, its bullets, rows and lines of code."""
    protocol = _PROTOCOL.read_text(encoding="utf-8")
    body = re.split(rf"^## {section}\. .*$", protocol, flags=re.MULTILINE)[1]
    body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
    found: list[str] = []
    for block in re.split(r"\n\s*\n", body.strip("\n")):
        lines = block.splitlines()
        if lines[0].startswith("    "):
            found += lines
        elif lines[0].startswith("|"):
            cells = [line.strip("|").replace(" | ", " ") for line in lines]
            found += [row for row in cells if set(row) - set(" -|")]
        else:
            for item in re.split(r"^\s*- ", block, flags=re.MULTILINE):
                found += _split(" ".join(item.split()))
    return [sentence for sentence in found if sentence.strip()]


def _split(item: str) -> list[str]:
    """Return the parts of a paragraph that end with a full stop or a semicolon, outside of code."""
    ends = [
        match.end()
        for match in re.finditer(r"[.;](?=\s)", item)
        if item.count("`", 0, match.start()) % 2 == 0
    ]
    starts = [0, *ends]
    return [item[start:end] for start, end in zip(starts, [*ends, len(item)], strict=True)]


def squeezed(text: str) -> str:
    """Return a text without its white space, which says nothing."""
    return "".join(text.split())
