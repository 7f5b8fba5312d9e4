"""The corpus of each target: the valid inputs, and what fuzzing found beyond them.

`python -m tests.fuzz.corpus TARGET FOLDER` takes the inputs of a folder, as libFuzzer's `-merge=1`
leaves the fewest that reach all, into seeds/TARGET.txt. There the bytes that stand for an endpoint,
a message or a name are told in words: what they stand for changes with every new one.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.requests import NAMES, Request, pack, parse
from tests.fuzz.targets import TARGETS

_FOLDER: Final = Path(__file__).parent / "seeds"


def corpus(target: str) -> list[bytes]:
    """Return every input to begin with."""
    path = _path(target)
    told = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [*TARGETS[target].valid_inputs(), *(from_words(line, target) for line in told)]


def take(target: str, folder: Path) -> None:
    """Write the inputs of a folder, but for the valid ones, into the corpus by their length."""
    valid = set(TARGETS[target].valid_inputs())
    inputs = {path.read_bytes() for path in folder.iterdir() if path.is_file()} - valid
    lines = dict.fromkeys(
        in_words(one, target) for one in sorted(inputs, key=lambda i: (len(i), i))
    )
    _path(target).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def in_words(data: bytes, target: str) -> str:
    """Return a line that stands for an input whatever other endpoints, messages and names come."""
    labels = TARGETS[target].labels
    return json.dumps(
        [
            [
                labels[one.endpoint_byte % len(labels)],
                one.name,
                one.flags,
                base64.b64encode(one.body).decode(),
            ]
            for one in parse(data)
        ],
        separators=(",", ":"),
    )


def from_words(line: str, target: str) -> bytes:
    """Return the input that a line stands for. Raises ValueError: it names what is not there."""
    labels = TARGETS[target].labels
    return pack(
        Request(labels.index(label), NAMES.index(name), flags, base64.b64decode(body))
        for label, name, flags, body in json.loads(line)
    )


def _path(target: str) -> Path:
    return _FOLDER / f"{target}.txt"


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
