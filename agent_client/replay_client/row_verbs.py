"""The verbs of rows and items: insert, sample, update priorities, delete, scan."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, TypeVar

from numpy.typing import ArrayLike

from agent_client.batches import Batch, DeleteResult, InsertResult, ScanResult, UpdateResult
from agent_client.batches.draws import Draw, Layout, priority_update, read_indexed, read_mixed
from agent_client.columns import as_array, as_column, as_keys, needs_signature
from agent_client.errors import InvalidReplyError, SchemaMismatchError, ServerUnavailableError
from agent_client.replay_client.direct_path import DirectPath
from agent_client.replay_client.table_verbs import TableVerbs
from replay_wire import endpoints
from replay_wire.errors import InvalidMessageError
from replay_wire.messages import (
    DeleteRequest,
    InsertRequest,
    MixedSampleRequest,
    ScanRequest,
    WriterStamp,
)
from replay_wire.sharding import drawing, inserting, updates
from replay_wire.sharding.exchange import Drawn
from replay_wire.sharding.merging import merged

__all__ = ["RowVerbs"]

Result = TypeVar("Result", Batch, ScanResult)


class RowVerbs(TableVerbs):
    """What a `ReplayClient` does with rows."""

    _direct_path: DirectPath | None

    def insert(
        self,
        table: str,
        columns: Mapping[str, ArrayLike],
        *,
        priorities: ArrayLike | None = None,
        writer: WriterStamp | tuple[str, int] | None = None,
        streams: ArrayLike | None = None,
        timeout_s: float = 0.0,
    ) -> InsertResult:
        """Insert N rows and return their keys.

        Arrays are sent as they are and must have the table's dtypes. Lists of Python numbers take
        the dtype of the table's signature, which is asked for once.

        Args:
            table: its name.
            columns: name -> [N, ...]. Not copied, and read until the return.
            priorities: [N] raw priorities, finite and >= 0; None gives each row the highest so far.
            writer: id and sequence, which make the insert happen once however often it is sent:
                only with it is an insert whose answer was lost sent again.
            streams: [N] integers, for tables of steps.
            timeout_s: how long the server waits for the rate limiter.

        Raises:
            SchemaMismatchError, ColumnMismatchError: the columns are not those of the table.
            BadPriorityError: a priority is negative or not finite.
            RateLimitedError: the limiter still said no.
            StaleSequenceError: the writer has sent a higher sequence before.
        """
        request = InsertRequest(
            columns=self._columns(table, columns),
            priorities=None if priorities is None else as_array(priorities),
            writer=WriterStamp(id=writer[0], sequence=writer[1])
            if isinstance(writer, tuple)
            else writer,
            streams=None if streams is None else as_keys(streams),
            timeout=timeout_s,
        )
        shards = self._shards()
        if shards is not None:
            try:
                done = shards.run(inserting.insert(shards.cluster, table, request))
            except ServerUnavailableError as error:
                if error.facts.get("may_have_happened"):
                    raise
            else:
                return InsertResult(done.keys.to_numpy("keys"), done.duplicate)
        try:
            reply = self._channel.call(
                endpoints.INSERT,
                table=table,
                message=request,
                repeatable=writer is not None,
                wait_s=timeout_s,
            )
        except SchemaMismatchError:
            self._signatures.pop(table, None)  # the table may have been made anew
            raise
        return InsertResult(reply.keys.to_numpy("keys"), reply.duplicate)

    def sample(
        self,
        table: str,
        batch_size: int,
        *,
        batches: int = 1,
        beta: float | None = None,
        normalize: Literal["batch", "table"] | None = None,
        columns: Sequence[str] | None = None,
        layout: Layout = "stacked",
        update: tuple[ArrayLike, ArrayLike] | None = None,
        timeout_s: float = 0.0,
    ) -> Batch:
        """Draw `batch_size` items. A draw whose answer was lost is not sent again.

        Args:
            table: its name.
            batch_size: B.
            batches: K; with K > 1 every array of the batch has a leading axis K.
            beta: importance-sampling exponent; None takes the table's.
            normalize: over what the highest weight is taken; None takes the table's.
            columns: only these.
            layout: "indexed" has each distinct row of a table of steps sent once: the batch then
                has `rows`, and its `stacked` puts them where they belong.
            update: keys and raw priorities, stored at the moment of the draw.
            timeout_s: how long the server waits for the rate limiter.

        Raises:
            RateLimitedError: the table has too few items, or the limiter still said no.
            NothingToDrawError: no item has mass.
        """
        draw = Draw(
            table=table,
            batch_size=batch_size,
            batches=batches,
            beta=beta,
            normalize=normalize,
            columns=columns,
            layout=layout,
            update=update,
            timeout_s=timeout_s,
        )
        shards = self._shards()
        if shards is not None:
            with suppress(ServerUnavailableError):
                return _batch(shards.run(drawing.draw(shards.cluster, table, draw.request())))
        reply = self._channel.call(
            endpoints.SAMPLE,
            table=table,
            message=draw.request(),
            wait_s=timeout_s,
            reader=read_indexed if layout == "indexed" else None,
        )
        return reply if isinstance(reply, Batch) else self._result(Batch, reply, table)

    def sample_mixed(self, draws: Sequence[Draw]) -> list[Batch]:
        """Draw from several tables in one answer: half fresh, half replayed, say.

        All draws are made or none, in their order; the longest `timeout_s` holds for all. As with
        `sample`, draws whose answer was lost are not sent again.

        Args:
            draws: at least one; a table may appear twice.

        Returns:
            A batch for each draw.

        Raises:
            RateLimitedError: a table has too few items, or a limiter still said no.
            NothingToDrawError: no item of a table has mass.
        """
        request = MixedSampleRequest(parts=[draw.part() for draw in draws])
        shards = self._shards()
        if shards is not None:
            with suppress(ServerUnavailableError):
                found = shards.run(drawing.draw_mixed(shards.cluster, request))
                return [_batch(each) for each in found]
        reply: list[Batch] = self._channel.call(
            endpoints.MIXED_SAMPLE,
            message=request,
            wait_s=max((draw.timeout_s for draw in draws), default=0.0),
            reader=partial(read_mixed, layouts=[draw.layout for draw in draws]),
        )
        return reply

    def update_priorities(self, table: str, keys: ArrayLike, priorities: ArrayLike) -> UpdateResult:
        """Store new raw priorities; of one key given twice the last wins.

        Args:
            table: its name.
            keys: [B] item keys. Those that are gone are counted as stale.
            priorities: [B] finite and >= 0.

        Raises:
            BadPriorityError: a priority is negative or not finite.
        """
        update = priority_update(keys, priorities)
        shards = self._shards()
        if shards is not None:
            with suppress(ServerUnavailableError):
                done = shards.run(updates.update_priorities(shards.cluster, table, update))
                return UpdateResult(done.updated, done.stale)
        reply = self._channel.call(
            endpoints.UPDATE_PRIORITIES, table=table, message=update, repeatable=True
        )
        return UpdateResult(reply.updated, reply.stale)

    def delete(self, table: str, keys: ArrayLike) -> DeleteResult:
        """Delete the rows of these keys, [B] integers; those that are gone count as stale."""
        reply = self._channel.call(
            endpoints.DELETE_ROWS, table=table, message=DeleteRequest(keys=as_keys(keys))
        )
        return DeleteResult(reply.deleted, reply.stale)

    def scan(
        self,
        table: str,
        *,
        after: int = -1,
        limit: int = 4096,
        columns: Sequence[str] | None = None,
        order: Literal["key", "priority"] = "key",
    ) -> ScanResult:
        """Return rows as they were stored.

        Args:
            table: its name.
            after: only rows with a greater key.
            limit: at most so many rows; the server may send fewer, and `more` tells of the rest.
            columns: only these.
            order: "key", ascending, or "priority": the highest, descending.
        """
        request = ScanRequest(
            after=after,
            limit=limit,
            columns=None if columns is None else list(columns),
            order=order,
        )
        reply = self._channel.call(endpoints.SCAN, table=table, message=request, repeatable=True)
        return self._result(ScanResult, reply, table)

    def _shards(self) -> DirectPath | None:
        """Return the way to the shards, where there are some."""
        return self._direct_path if self._channel.is_cluster else None

    def _columns(self, table: str, columns: Mapping[str, ArrayLike]) -> dict[str, Any]:
        signature = None
        if any(needs_signature(values) for values in columns.values()):
            signature = self.signature(table)
        return {name: as_column(name, values, signature) for name, values in columns.items()}

    def _result(self, result_type: type[Result], reply: Any, table: str) -> Result:
        try:
            return result_type.from_reply(reply)
        except InvalidMessageError as error:
            raise InvalidReplyError(f"{self._channel.base_url} ({table})", str(error)) from error


def _batch(drawn: Drawn) -> Batch:
    whole = merged(drawn)
    return Batch(
        **whole.items,
        columns=whole.columns,
        size=drawn.size,
        updated=drawn.updated,
        stale=drawn.stale,
        rows=whole.rows,
    )
