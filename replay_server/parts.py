"""One table's part of a draw: its request, checked, and its reply."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any, Final, TypeAlias

from replay_server.durability.keeper import Room
from replay_server.errors import TooLargeError
from replay_server.memory.arrays import AnyArray
from replay_server.memory.draws import Draw
from replay_server.memory.errors import InvalidArgumentError, SignatureMismatchError
from replay_server.memory.gathering import Gathering
from replay_server.memory.layouts import Indexed
from replay_server.memory.table import Table
from replay_server.waiting import Demand
from replay_wire.arrays import Array
from replay_wire.messages import Limits, PriorityUpdate, SampleReply, SampleRequest

__all__ = ["Drawn", "Part", "decoded_update", "wired"]

Drawn: TypeAlias = dict[str, AnyArray] | Indexed
"""The columns of a draw in either layout."""

_BYTES_A_PLACE: Final = 8


class Part:
    """A request to draw from a table.

    Attributes:
        table: where from.
        request: what.
        reply_bytes: of the columns, at the most; known once `names` was asked.
    """

    def __init__(self, table: Table, request: SampleRequest) -> None:
        """Take a request as it came; `names` checks it."""
        self.table = table
        self.request = request
        self.reply_bytes = 0

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `Table.draw`.

        Raises:
            InvalidMessageError: the update's arrays are none.
        """
        request = self.request
        update = request.update
        return {
            "batch_size": request.batch_size,
            "batches": request.batches,
            "beta": request.beta,
            "normalize": request.normalize,
            "update": None if update is None else decoded_update(update, "update."),
        }

    def demand(self) -> Demand:
        """Return what it asks of the limiter; an update may give items the mass to be drawn."""
        request, has_update = self.request, self.request.update is not None
        return Demand(
            ("draw", request.batch_size, request.batches, has_update),
            partial(self.table.holds_back_draw, request.batch_size * request.batches),
            is_all=not has_update,
        )

    @property
    def room(self) -> Room:
        """How much the draw may change."""
        update = self.arguments["update"]
        request = self.request
        named = 0 if update is None else update[0].size
        places = request.batch_size * request.batches + named
        return Room(places, spreads=self.table.takes_away)

    @property
    def takes_away(self) -> bool:
        """Whether what the draw does has to be durable before it is answered."""
        return self.request.update is not None or self.table.takes_away

    def names(self, limits: Limits) -> list[str]:
        """Return the names of the columns to draw, after refusing more than an answer may hold.

        Raises:
            InvalidArgumentError: an indexed layout of a table of rows.
            SignatureMismatchError: a column that is not drawn from this table.
            TooLargeError: too many draws, or too many bytes.
        """
        request, table = self.request, self.table
        if request.layout == "indexed" and not table.has_steps:
            raise InvalidArgumentError("layout", "only tables of steps have an indexed layout")
        draws = request.batch_size * request.batches
        if draws > limits.max_draws_per_request:
            raise TooLargeError("batch_size * batches", limits.max_draws_per_request, draws)
        if table.signature is None:
            return []
        stored = table.signature.columns
        drawn = table.layout.names(list(stored))
        for name in request.columns or ():
            if name not in drawn:
                raise SignatureMismatchError(
                    name, f"one of the columns {', '.join(drawn):.200}", "this name"
                )
        names = drawn if request.columns is None else list(dict.fromkeys(request.columns))
        item_bytes = sum(
            stored[column].nbytes * table.layout.rows_an_item(name)
            for name in names
            if (column := name.removeprefix("next_")) in stored
        )
        self.reply_bytes = draws * item_bytes
        if self.reply_bytes > limits.max_reply_bytes:
            raise TooLargeError("bytes of an answer", limits.max_reply_bytes, self.reply_bytes)
        window_bytes = draws * table.layout.places_an_item * _BYTES_A_PLACE
        if window_bytes > limits.max_reply_bytes:
            raise TooLargeError("bytes of windows", limits.max_reply_bytes, window_bytes)
        return names

    def gathering(self, draw: Draw, names: list[str]) -> Gathering[Drawn]:
        """Return what makes the columns of a draw that was not settled yet, or just now."""
        if self.request.layout == "indexed":
            return self.table.gathering_indexed(draw.slots, names)
        return self.table.gathering(draw.slots, names)

    def reply(self, draw: Draw, drawn: Drawn) -> SampleReply:
        """Return the reply to a draw with these columns."""
        columns: dict[str, Any]
        if isinstance(drawn, Indexed):
            columns = {**wired(drawn.columns), "rows": wired(drawn.rows)}
        else:
            columns = wired(drawn)
        return SampleReply(
            keys=Array.from_numpy(draw.keys),
            probabilities=Array.from_numpy(draw.probabilities),
            weights=Array.from_numpy(draw.weights),
            priorities=Array.from_numpy(draw.priorities),
            times_sampled=Array.from_numpy(draw.times_sampled),
            ages=Array.from_numpy(draw.ages),
            columns=columns,
            size=draw.size,
            updated=draw.updated,
            stale=draw.stale,
        )


def decoded_update(update: PriorityUpdate, where: str) -> tuple[AnyArray, AnyArray]:
    """Return an update's keys and priorities as arrays; `where` begins the field of an error."""
    return update.keys.to_numpy(f"{where}keys"), update.priorities.to_numpy(f"{where}priorities")


def wired(columns: dict[str, AnyArray]) -> dict[str, Array]:
    """Return columns in their wire form."""
    return {name: Array.from_numpy(array) for name, array in columns.items()}
