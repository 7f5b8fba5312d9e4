"""Draws: what one asks for, and how a reply in the indexed layout is read.

In that layout `columns` holds, beside ARRAYs, a map `rows` of ARRAYs. Which of the two a value is
only the request tells, so values are left as they came until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from agent_client.batches.results import Batch
from agent_client.columns import as_array, as_keys
from replay_wire.arrays import Array
from replay_wire.codec import Buffer, decode
from replay_wire.errors import InvalidMessageError
from replay_wire.messages import PriorityUpdate, SamplePart, SampleReply, SampleRequest

__all__ = ["Draw", "Layout", "priority_update", "read_indexed", "read_mixed"]

Layout: TypeAlias = Literal["stacked", "indexed"]
_ROWS: Final = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw from one table.

    Attributes:
        table: its name.
        batch_size: B.
        batches: K; with K > 1 every array of the batch has a leading axis K.
        beta: importance-sampling exponent; None takes the table's.
        normalize: over what the highest weight is taken; None takes the table's.
        columns: only these.
        layout: "indexed" has each distinct row of a table of steps sent once.
        update: keys and raw priorities, stored at the moment of the draw.
        timeout_s: how long the server waits for the rate limiter.
    """

    table: str
    batch_size: int
    batches: int = 1
    beta: float | None = None
    normalize: Literal["batch", "table"] | None = None
    columns: Sequence[str] | None = None
    layout: Layout = "stacked"
    update: tuple[ArrayLike, ArrayLike] | None = None
    timeout_s: float = 0.0

    def request(self) -> SampleRequest:
        """Return the message for the table's own endpoint.

        Raises:
            ValueError: keys of the update are not integers.
        """
        return SampleRequest(**self._fields())

    def part(self) -> SamplePart:
        """Return the message as one part of a mixed draw.

        Raises:
            ValueError: keys of the update are not integers.
        """
        return SamplePart(table=self.table, **self._fields())

    def _fields(self) -> dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "batches": self.batches,
            "beta": self.beta,
            "normalize": self.normalize,
            "columns": None if self.columns is None else list(self.columns),
            "layout": self.layout,
            "update": None if self.update is None else priority_update(*self.update),
            "timeout": self.timeout_s,
        }


class _DrawReply(msgspec.Struct, frozen=True, kw_only=True):
    """`replay_wire.messages.SampleReply` with its columns not decoded yet: views of the body."""

    keys: Array
    probabilities: Array
    weights: Array
    priorities: Array
    times_sampled: Array
    ages: Array
    columns: dict[str, msgspec.Raw]
    size: int
    updated: int
    stale: int


class _MixedDrawReply(msgspec.Struct, frozen=True, kw_only=True):
    parts: list[_DrawReply]


def read_indexed(body: Buffer) -> Batch:
    """Return the batch of a reply in the indexed layout, its arrays views of the body.

    Raises:
        WireFormatError: it is no such reply.
    """
    return _batch(decode(body, _DrawReply), "indexed", memoryview(body))


def read_mixed(body: Buffer, layouts: Sequence[Layout]) -> list[Batch]:
    """Return the batches of a reply to a mixed draw, their arrays views of the body.

    Args:
        body: of the reply.
        layouts: in which each part was asked for.

    Raises:
        WireFormatError: it is no such reply, or has more or fewer parts.
    """
    parts = decode(body, _MixedDrawReply).parts
    if len(parts) != len(layouts):
        raise InvalidMessageError("parts", f"expected {len(layouts)}, got {len(parts)}")
    view = memoryview(body)
    return [_batch(part, layout, view) for part, layout in zip(parts, layouts, strict=True)]


def priority_update(keys: ArrayLike, priorities: ArrayLike) -> PriorityUpdate:
    """Return the message of new priorities.

    Raises:
        ValueError: keys are not integers.
    """
    return PriorityUpdate(keys=as_keys(keys), priorities=as_array(priorities))


def _batch(reply: _DrawReply, layout: Layout, body: memoryview) -> Batch:
    undecoded = dict(reply.columns)
    rows: dict[str, Array] | None = None
    if layout == "indexed":
        found = undecoded.pop(_ROWS, None)
        rows = {} if found is None else decode(_in_body(found, body), dict[str, Array])
    columns = {name: decode(_in_body(raw, body), Array) for name, raw in undecoded.items()}
    fields = {name: getattr(reply, name) for name in reply.__struct_fields__}
    return Batch.from_reply(SampleReply(**{**fields, "columns": columns}), rows)


def _in_body(raw: msgspec.Raw, body: memoryview) -> memoryview:
    """Return the bytes of a Raw as a slice of the body that it lies in.

    A Raw gives its bytes as read-only; learners want arrays that they may write to.
    """
    view = memoryview(raw)
    start = _address(view) - _address(body)
    return body[start : start + view.nbytes]


def _address(buffer: Buffer) -> int:
    address: int = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    return address
