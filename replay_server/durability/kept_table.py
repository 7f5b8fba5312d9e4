"""A table that is kept, and what a base record of the journal tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from replay_server.durability.keeper import Description, StandingTable
from replay_server.durability.redo import Blobs, ChangeSet, Reader, packed_keys, unpacked_keys
from replay_server.durability.table_files import TableFiles
from replay_server.memory.arrays import Int64Array
from replay_server.memory.signature import ColumnType, Signature
from replay_server.memory.table_state import TableNumbers, TableState

__all__ = [
    "KeptTable",
    "TableMemo",
    "unpacked_numbers",
    "unpacked_signature",
]


@dataclass(eq=False)
class KeptTable(StandingTable):
    """A table with its files.

    Attributes:
        uid: a number that no other table of the data directory ever had.
        files: its folder.
        changes: collects what a request changes in it.
        freed_for_good: of `table.freed`, as many as no failure of the machine can undo.
        knows_signature: whether the journal tells the columns.
        is_risky: whether the step under way stores rows where a failure of the machine may bring
            back others.
    """

    uid: int
    files: TableFiles
    changes: ChangeSet
    freed_for_good: int = field(init=False)
    knows_signature: bool = field(init=False)
    is_risky: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """What stands when it is made is in the record that tells of it."""
        self.knows_signature = self.table.signature is not None
        self.freed_for_good = self.table.freed

    def memo(self) -> TableMemo:
        """Return what makes the table up beside its arrays. Cost: O(writers + streams)."""
        table = self.table
        return TableMemo(self.uid, self.name, self.description, table.signature, table.state)

    def encode_step(self, blobs: Blobs) -> dict[str, Any]:
        """Return what the request under way has changed, as values that MessagePack takes."""
        part = self.changes.encode(self.files.index, blobs)
        part["uid"] = self.uid
        part["numbers"] = packed_numbers(self.table.numbers)
        if not self.knows_signature and self.table.signature is not None:
            part["columns"] = packed_signature(self.table.signature)
            self.knows_signature = True
        return part


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
        name: [column.dtype.str, list(column.shape)] for name, column in signature.columns.items()
    }


def unpacked_signature(told: dict[str, Any] | None) -> Signature | None:
    """Return columns of `packed_signature`."""
    if told is None:
        return None
    return Signature(
        {name: ColumnType(np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in told.items()}
    )
