"""The corpus: the valid requests, and what fuzzing found beyond them.

`python -m tests.fuzz.corpus FOLDER` takes the inputs of a folder, as libFuzzer's `-merge=1` leaves
the fewest that reach all, into corpus.txt.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.requests import valid_inputs

CORPUS: Final = Path(__file__).with_name("corpus.txt")


def corpus() -> list[bytes]:
    """Return every input to begin with."""
    found = CORPUS.read_text().splitlines() if CORPUS.exists() else []
    return [*valid_inputs(), *map(base64.b64decode, found)]


def take(folder: Path) -> None:
    """Write the inputs of a folder, but for the valid ones, into the corpus by their length."""
    valid = set(valid_inputs())
    inputs = {path.read_bytes() for path in folder.iterdir() if path.is_file()} - valid
    lines = [base64.b64encode(one).decode() for one in sorted(inputs, key=lambda i: (len(i), i))]
    CORPUS.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    take(Path(sys.argv[1]))
