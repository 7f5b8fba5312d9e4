"""Mistakes put into the code on purpose, and the tests that have to notice each of them.

The files `*.toml` beside this hold them: a small change of a source file, `old` to `new`, and the
short names (`tests.names`) of the tests that fail under it, every one of them.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


@dataclass(frozen=True)
class Mutation:
    """A mistake.

    Attributes:
        name: what is wrong.
        file: where, from the repository's root.
        old: a piece of its text that stands there once.
        new: what stands there instead.
        tests: those that fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, root: Path) -> None:
        """Put the mistake into a copy of the repository."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"{self.name}: `old` stands {text.count(self.old)} times"
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def mutations() -> list[Mutation]:
    """Return the whole catalogue."""
    return [
        Mutation(**{**entry, "tests": tuple(entry["tests"])})
        for path in sorted(FOLDER.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]
    ]
