"""The vectors of `docs/vectors`: bodies and arrays, byte by byte, and what they mean."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from replay_wire.arrays import DTYPES
from replay_wire.codec import encode
from replay_wire.json_codec import encode_json
from replay_wire.messages import Problem
from replay_wire.specs import TableSpec
from tests.vectors.disassembly import assemble, disassemble
from tests.vectors.messages import BY_NAME

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
BODIES = FOLDER / "bodies.json"
ARRAYS = FOLDER / "arrays.json"


def document_of(message: msgspec.Struct) -> Any:
    """Return what goes over the wire of a message."""
    return message.document() if isinstance(message, (TableSpec, Problem)) else message


def bodies() -> dict[str, Any]:
    """Return for each message its meaning, as JSON has it, and its bytes, as lines with remarks."""
    return {
        name: {
            "meaning": json.loads(encode_json(document_of(message))),
            "bytes": disassemble(b"".join(encode(document_of(message)))),
        }
        for name, message in BY_NAME.items()
    }


def arrays() -> list[dict[str, Any]]:
    """Return an array of each dtype at its limits; integers of 64 bits are texts."""
    return [_array(dtype) for dtype in sorted(DTYPES)]


def committed_bodies() -> dict[str, bytes]:
    """Return the bytes that stand in `docs/vectors`, by message."""
    documents = json.loads(BODIES.read_text("utf-8"))
    return {name: assemble(vector["bytes"]) for name, vector in documents.items()}


def text_of(vectors: Any) -> str:
    """Return vectors as they stand in a file."""
    return json.dumps(vectors, indent=1) + "\n"


def _array(name: str) -> dict[str, Any]:
    dtype = np.dtype(name)
    if dtype.kind == "b":
        elements = np.array([[False, True]])
    elif dtype.kind == "f":
        limits = np.finfo(dtype)
        elements = np.array([[0.0, 1.5], [limits.max, -limits.smallest_normal]], dtype)
    else:
        bounds = np.iinfo(dtype)
        elements = np.array([[0, 1], [bounds.min, bounds.max]], dtype)
    values = elements.tolist()
    if dtype.itemsize == 8 and dtype.kind in "iu":
        values = [[str(value) for value in row] for row in values]
    shape = list(elements.shape)
    return {"dtype": name, "shape": shape, "values": values, "data": elements.tobytes().hex(" ")}
