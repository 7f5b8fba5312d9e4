"""What makes up a table beside its arrays.

A few numbers, the last insert of each writer, the open streams: with the arrays by name
(`Allocate`) it is all that is needed to go on elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replay_server.memory.arrays import Int64Array

__all__ = ["TableNumbers", "TableState", "generator_state", "set_generator_state"]

_PCG64_WORD = 16


@dataclass(frozen=True)
class TableNumbers:
    """The numbers; all of them may change with any request.

    Attributes:
        occupancy: keys, rows, items.
        totals: rows inserted, items drawn, keys updated, keys stale, rows deleted.
        highest: the highest raw priority so far.
        limiter: what the rate limiter has counted.
        generator: state of the random generator, 37 bytes.
    """

    occupancy: list[int]
    totals: list[int]
    highest: float
    limiter: list[int]
    generator: bytes


@dataclass(frozen=True)
class TableState:
    """All of it.

    Attributes:
        numbers: the numbers.
        writers: id, sequence and keys [N] of every writer's last insert, the longest silent first.
        streams: writer (None is the anonymous one), stream and last key of every open stream.
    """

    numbers: TableNumbers
    writers: list[tuple[str, int, Int64Array | range]]
    streams: list[tuple[str | None, int, int]]


def generator_state(generator: np.random.Generator) -> bytes:
    """Return the state of a PCG64 generator."""
    state: Any = generator.bit_generator.state
    words = (state["state"]["state"], state["state"]["inc"])
    return b"".join(
        (
            *(word.to_bytes(_PCG64_WORD, "little") for word in words),
            bytes([state["has_uint32"]]),
            state["uinteger"].to_bytes(4, "little"),
        )
    )


def set_generator_state(generator: np.random.Generator, state: bytes) -> None:
    """Put a PCG64 generator into a state of `generator_state`."""
    first, second, rest = state[:_PCG64_WORD], state[_PCG64_WORD : 2 * _PCG64_WORD], state[32:]
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {
            "state": int.from_bytes(first, "little"),
            "inc": int.from_bytes(second, "little"),
        },
        "has_uint32": rest[0],
        "uinteger": int.from_bytes(rest[1:], "little"),
    }
