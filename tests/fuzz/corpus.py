"""The corpus of each target: the valid inputs, and what fuzzing found beyond them.

`python -m tests.fuzz.corpus TARGET FOLDER` takes the inputs of a folder, as libFuzzer's `-merge=1`
leaves the fewest that reach all, into seeds/TARGET.txt.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.targets import TARGETS

_FOLDER: Final = Path(__file__).parent / "seeds"


def corpus(target: str) -> list[bytes]:
    """Return every input to begin with."""
    path = _path(target)
    found = path.read_text().splitlines() if path.exists() else []
    return [*TARGETS[target].valid_inputs(), *map(base64.b64decode, found)]


def take(target: str, folder: Path) -> None:
    """Write the inputs of a folder, but for the valid ones, into the corpus by their length."""
    valid = set(TARGETS[target].valid_inputs())
    inputs = {path.read_bytes() for path in folder.iterdir() if path.is_file()} - valid
    lines = [base64.b64encode(one).decode() for one in sorted(inputs, key=lambda i: (len(i), i))]
    _path(target).write_text("".join(f"{line}\n" for line in lines))


def _path(target: str) -> Path:
    return _FOLDER / f"{target}.txt"


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
