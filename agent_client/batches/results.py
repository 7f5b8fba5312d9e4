"""What the server's replies are to a learner: frozen dataclasses of NumPy arrays.

The arrays of one reply are views of the one buffer that its body was received into: writable, and
the caller's own. To keep one small array of a large batch, copy it, or the buffer stays.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_client.batches.indexed_columns import stacked_columns
from replay_wire import messages
from replay_wire.arrays import Array

__all__ = ["Batch", "DeleteResult", "InsertResult", "ScanResult", "UpdateResult"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Items drawn from a table. With ``batches`` K > 1 every array has a leading axis K.

    Attributes:
        keys: [B] int64.
        probabilities: [B] float64, with which each item was drawn.
        weights: [B] float32 importance weights in (0, 1].
        priorities: [B] float64, raw, as they stood after the draw.
        times_sampled: [B] int32, this draw included.
        ages: [B] int64, rows inserted into the table since that one.
        columns: name -> [B, ...]; in the indexed layout without observations (sequences: without
            any stored column), but with `observation_index` and `next_observation_index`, [B, k] or
            [B] int32 (sequences: `sequence_index`, [B, L]).
        size: items in the table.
        updated: keys of the update sent along that were there.
        stale: keys of it that were not.
        rows: name -> [U, ...], what the indices point into, without an axis K; None in the stacked
            layout.
    """

    keys: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    weights: NDArray[np.float32]
    priorities: NDArray[np.float64]
    times_sampled: NDArray[np.int32]
    ages: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    size: int
    updated: int
    stale: int
    rows: dict[str, NDArray[Any]] | None = None

    @classmethod
    def from_reply(
        cls, reply: messages.SampleReply, rows: dict[str, Array] | None = None
    ) -> "Batch":
        """Return the batch of a reply, without a copy.

        Args:
            reply: in either layout, but without `rows` among its columns.
            rows: what that held in the indexed layout.

        Raises:
            InvalidMessageError: an array's bytes are not those of its dtype and shape.
        """
        return cls(
            keys=reply.keys.to_numpy("keys"),
            probabilities=reply.probabilities.to_numpy("probabilities"),
            weights=reply.weights.to_numpy("weights"),
            priorities=reply.priorities.to_numpy("priorities"),
            times_sampled=reply.times_sampled.to_numpy("times_sampled"),
            ages=reply.ages.to_numpy("ages"),
            columns=_columns(reply.columns),
            size=reply.size,
            updated=reply.updated,
            stale=reply.stale,
            rows=None if rows is None else _columns(rows, "columns.rows"),
        )

    def split(self) -> list["Batch"]:
        """Return the K batches of one with a leading axis K, each a view.

        What became of the update that was sent along stands in the first alone.
        """
        return [
            Batch(
                keys=self.keys[place],
                probabilities=self.probabilities[place],
                weights=self.weights[place],
                priorities=self.priorities[place],
                times_sampled=self.times_sampled[place],
                ages=self.ages[place],
                columns={name: values[place] for name, values in self.columns.items()},
                size=self.size,
                updated=0 if place else self.updated,
                stale=0 if place else self.stale,
                rows=self.rows,
            )
            for place in range(len(self.keys))
        ]

    def stacked(self) -> "Batch":
        """Return the batch in the stacked layout: itself, or with its rows put where they belong.

        Of transitions both `observation` and `next_observation` come, whatever columns were asked
        for.
        """
        if self.rows is None:
            return self
        return dataclasses.replace(
            self, columns=stacked_columns(self.columns, self.rows), rows=None
        )


@dataclass(frozen=True, slots=True)
class InsertResult:
    """The keys of the rows inserted.

    Attributes:
        keys: [N] int64, in the order of the rows.
        duplicate: whether the server had done this insert before and only told its keys again.
    """

    keys: NDArray[np.int64]
    duplicate: bool


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """How many keys were there (`updated`) and how many were gone or never issued (`stale`)."""

    updated: int
    stale: int


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """How many keys were there (`deleted`) and how many were gone or never issued (`stale`)."""

    deleted: int
    stale: int


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Rows as they were stored.

    Attributes:
        keys: [n] int64.
        priorities: [n] float64, raw.
        columns: name -> [n, ...].
        more: whether rows are left.
    """

    keys: NDArray[np.int64]
    priorities: NDArray[np.float64]
    columns: dict[str, NDArray[Any]]
    more: bool

    @classmethod
    def from_reply(cls, reply: messages.ScanReply) -> "ScanResult":
        """Return the rows of a reply, without a copy.

        Raises:
            InvalidMessageError: an array's bytes are not those of its dtype and shape.
        """
        return cls(
            keys=reply.keys.to_numpy("keys"),
            priorities=reply.priorities.to_numpy("priorities"),
            columns=_columns(reply.columns),
            more=reply.more,
        )


def _columns(columns: dict[str, Array], where: str = "columns") -> dict[str, NDArray[Any]]:
    return {name: array.to_numpy(f"{where}.{name}") for name, array in columns.items()}
