"""Blocks of code in the Markdown of this repository.

A fenced block says in its first line what becomes of it:

- `python`: run, after those of its page before it, as one would type them in;
- `sh`: run by bash in the reader's folder; `sh server`: a command that goes on until it is stopped,
  or until the next one is started; `sh slow`: run by `make test-docs` only; `sh elsewhere`: needs
  what a test has not (containers, another host, hours), so its commands are looked up
  (`tests.documents.commands`);
- `text printed`: what the block before it prints, `...` for what may differ;
- `json`, `toml`, `yaml`: read by a parser;
- `ts`: run by a test of the client that it is about (`clients/javascript/test/readme.test.ts`);
- `text`: for the eye. `file=NAME` behind any of them saves it in the reader's folder.

A block that is indented is for the eye; where it names our commands, they are looked up, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = (
    "python", "sh", "sh server", "sh slow", "sh elsewhere", "text", "text printed",
    "json", "toml", "yaml", "ts", "{eval-rst}", "{toctree}",
)  # fmt: skip
_INDENTED = "indented"


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: the document, from the root of the repository.
        line: of its first line of code, from 1.
        kind: one of `KINDS`, or "indented".
        code: without fence and indentation.
        file: the name that it is saved under; empty where it is not.
    """

    page: str
    line: int
    kind: str
    code: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def documents() -> list[Path]:
    """Return all Markdown files that people read."""
    folders = ("docs", "examples", "benchmarks", "docker", "tests", "clients", "agent_client",
               "replay_server", "replay_wire")  # fmt: skip
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *(p for p in found if "node_modules" not in p.parts)])


def blocks(document: Path) -> list[Block]:
    """Return the blocks of a document, in their order."""
    return list(_blocks(document.relative_to(ROOT).as_posix(), document.read_text("utf-8")))


def _blocks(page: str, text: str) -> Iterator[Block]:
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = re.match(r"( *)(```+)(.*)", line)
        if fence:
            end = number + 1
            while not re.match(rf" *{fence[2]}`* *$", lines[end]):
                end += 1
            inside = [line.removeprefix(fence[1]) for line in lines[number + 1 : end]]
            words = fence[3].split()
            file = next((word[5:] for word in words if word.startswith("file=")), "")
            kind = " ".join(word for word in words if not word.startswith("file="))
            yield Block(page, number + 2, kind, "\n".join(inside) + "\n", file)
            number = end + 1
        elif line.startswith("    ") and (not number or not lines[number - 1].strip()):
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            inside = [line.strip() for line in lines[number:end]]
            yield Block(page, number + 1, _INDENTED, "\n".join(inside).rstrip() + "\n")
            number = end
        else:
            number += 1
