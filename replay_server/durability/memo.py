"""What makes a table up beside its arrays, as a base record or a checkpoint tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from replay_server.durability.redo import Blobs, Reader, packed_keys, unpacked_keys
from replay_server.memory.arrays import Int64Array
from replay_server.memory.signature import ColumnType, Signature
from replay_server.memory.table_state import TableNumbers, TableState

__all__ = [
    "Description",
    "TableMemo",
    "packed_numbers",
    "packed_signature",
    "unpacked_numbers",
    "unpacked_signature",
]

Description: TypeAlias = dict[str, Any]
"""A table's spec as plain values; what they mean is the service's."""


@dataclass
class TableMemo:
    """What makes a table up beside its arrays.

    Attributes:
        uid: its number.
        name: its name.
        description: its spec.
        signature: its columns, where they are known.
        state: the rest.
    """

    uid: int
    name: str
    description: Description
    signature: Signature | None
    state: TableState

    def encode(self, blobs: Blobs) -> dict[str, Any]:
        """Return it as values that MessagePack takes, with arrays among the blobs."""
        return {
            "uid": self.uid,
            "name": self.name,
            "description": self.description,
            "columns": packed_signature(self.signature),
            "numbers": packed_numbers(self.state.numbers),
            "writers": [
                [writer, sequence, packed_keys(keys, blobs)]
                for writer, sequence, keys in self.state.writers
            ],
            "streams": self.state.streams,
        }

    @classmethod
    def decode(cls, told: dict[str, Any], reader: Reader) -> TableMemo:
        """Return what `encode` has told."""
        writers: list[tuple[str, int, Int64Array | range]] = [
            (writer, sequence, unpacked_keys(keys, reader))
            for writer, sequence, keys in told["writers"]
        ]
        streams = [(writer, stream, key) for writer, stream, key in told["streams"]]
        return cls(
            told["uid"],
            told["name"],
            told["description"],
            unpacked_signature(told["columns"]),
            TableState(unpacked_numbers(told["numbers"]), writers, streams),
        )


def packed_numbers(numbers: TableNumbers) -> list[Any]:
    """Return a table's numbers as values that MessagePack takes."""
    return [
        numbers.occupancy,
        numbers.totals,
        numbers.highest,
        numbers.limiter,
        numbers.generator,
    ]


def unpacked_numbers(told: list[Any]) -> TableNumbers:
    """Return numbers of `packed_numbers`."""
    return TableNumbers(*told)


def packed_signature(signature: Signature | None) -> dict[str, Any] | None:
    """Return columns as values that MessagePack takes."""
    if signature is None:
        return None
    return {
        name: [column.dtype.str, list(column.shape), column.compression]
        for name, column in signature.columns.items()
    }


def unpacked_signature(told: dict[str, Any] | None) -> Signature | None:
    """Return columns of `packed_signature`."""
    if told is None:
        return None
    return Signature(
        {
            name: ColumnType(np.dtype(dtype), tuple(shape), *compression)
            for name, (dtype, shape, *compression) in told.items()
        }
    )
