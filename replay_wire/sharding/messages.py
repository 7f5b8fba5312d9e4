"""What the parts of a cluster say to a shard, beside the protocol (docs/protocol.md, section 12).

Keys in these messages are a shard's own, without its number.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from replay_wire.arrays import Array
from replay_wire.messages import (
    ColumnNames,
    InsertRequest,
    PriorityUpdate,
    Sequence,
    WriterId,
)
from replay_wire.specs import NonNegative

__all__ = [
    "RetractReply",
    "RetractRequest",
    "ShardDrawReply",
    "ShardDrawRequest",
    "ShardInsertReply",
    "ShardInsertRequest",
    "ShardReport",
    "ShardTable",
    "WritersReply",
    "WritersRequest",
]

_MOST_SHARDS = 4096
_MOST_WRITERS = 65536
ShardNumber = Annotated[int, msgspec.Meta(ge=0, lt=_MOST_SHARDS)]


class _Request(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    pass


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    pass


class ShardReport(_Reply, frozen=True, kw_only=True):
    """A table on one shard, at the moment of an answer.

    Attributes:
        mass: the sum of the masses that draws go by.
        smallest: the smallest of them above 0; null where it was not asked for or there is none.
        size: items.
        inserted, drawn: rows and items since the limiter was set.
        inserted_total: rows ever inserted.
        highest: the highest raw priority so far.
        spec: a number that is another one when the spec has changed.
    """

    mass: float
    smallest: float | None = None
    size: int
    inserted: int
    drawn: int
    inserted_total: int
    highest: float
    spec: int


class ShardTable(_Reply, frozen=True, kw_only=True):
    """A table's spec as it stands on a shard, and a report."""

    spec: dict[str, Any]
    report: ShardReport


class _Gossip(_Request, frozen=True, kw_only=True):
    """What travels from shard to shard with requests.

    Attributes:
        highest: the highest raw priority of the cluster, as far as is known.
        seen: that of this shard, as it last told. Where its own is lower now the table has been
            emptied since, and `highest` is an old story.
    """

    highest: NonNegative = 0.0
    seen: NonNegative = 0.0


class ShardInsertRequest(_Gossip, frozen=True, kw_only=True):
    """Rows for a shard; its limiter is not asked.

    Attributes:
        rows: the insert.
        left: shards that the writer has left without knowing whether this very insert, or the one
            before it, was done there.
    """

    rows: InsertRequest
    left: Annotated[list[ShardNumber], msgspec.Meta(max_length=_MOST_SHARDS)] = []


class ShardInsertReply(_Reply, frozen=True, kw_only=True):
    """The [N] int64 keys, whether the insert had been done before, and a report."""

    keys: Array
    duplicate: bool
    report: ShardReport


class ShardDrawRequest(_Gossip, frozen=True, kw_only=True):
    """A shard's part of a draw.

    Attributes:
        targets: [B] float64 in [0, 1), where the shard's mass of now is 1. B may be 0.
        columns, layout: as of any draw.
        update: applied before, whatever comes of the draw.
        smallest: whether the report is to tell the smallest mass.
    """

    targets: Array
    columns: ColumnNames | None = None
    layout: Annotated[str, msgspec.Meta(pattern="^(stacked|indexed)$")] = "stacked"
    update: PriorityUpdate | None = None
    smallest: bool = False


class ShardDrawReply(_Reply, frozen=True, kw_only=True):
    """What was drawn, in the order of the targets.

    Attributes:
        drawn: false where too few items, or none with mass, are left; then what is here is of the
            first targets only.
        keys: [B] int64.
        probabilities: [B] float64, mass of the item / mass of the shard when it was drawn.
        priorities, times_sampled, ages: as of any draw.
        columns: NAME -> [B, ...].
        rows: NAME -> [U, ...] in the indexed layout.
        updated, stale: of the update's keys.
    """

    drawn: bool
    keys: Array
    probabilities: Array
    priorities: Array
    times_sampled: Array
    ages: Array
    columns: dict[str, Array]
    rows: dict[str, Array] | None = None
    updated: int
    stale: int
    report: ShardReport


class WritersRequest(_Request, frozen=True, kw_only=True):
    """Asks for the last sequences of writers.

    Attributes:
        ids: of these; those that are not remembered are left out.
        left: and of those who have left this shard for the one that is asked: the sequence is that
            of their first insert here.
    """

    ids: Annotated[list[WriterId], msgspec.Meta(max_length=_MOST_WRITERS)] = []
    left: ShardNumber | None = None


class WritersReply(_Reply, frozen=True, kw_only=True):
    """Last sequences by id."""

    last: dict[str, int]
    left: dict[str, int]


class RetractRequest(_Request, frozen=True, kw_only=True):
    """Deletes the rows of inserts that were done elsewhere as well: writer -> its last sequence."""

    inserts: Annotated[dict[str, Sequence], msgspec.Meta(max_length=_MOST_WRITERS)]


class RetractReply(_Reply, frozen=True, kw_only=True):
    """How many rows went."""

    deleted: int
