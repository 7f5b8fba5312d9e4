"""The client of a replay server: each verb of the protocol as a method, NumPy in and out.

    with ReplayClient("http://127.0.0.1:8000") as client:
        client.create_table("experience", {"capacity": 100_000})
        client.insert("experience", {"observation": observations, "reward": rewards})
        batch = client.sample("experience", 256)
        client.update_priorities("experience", batch.keys, new_priorities)

To send from an environment's loop without waiting see `agent_client.writer`; to have batches ready
before they are needed, `agent_client.prefetcher`.
"""

import ssl
import time
from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import httpx
import msgspec
from numpy.typing import ArrayLike

from agent_client.batches import Batch, DeleteResult, InsertResult, ScanResult, UpdateResult
from agent_client.channel import Channel
from agent_client.columns import (
    Signature,
    as_array,
    as_column,
    as_keys,
    as_signature,
    needs_signature,
)
from agent_client.draws import Draw, Layout, priority_update, read_indexed, read_mixed
from agent_client.errors import (
    InvalidReplyError,
    SchemaMismatchError,
    ServerUnavailableError,
    ServerUnreachableError,
)
from replay_wire import endpoints
from replay_wire.errors import InvalidMessageError
from replay_wire.messages import (
    DeleteRequest,
    InfoReply,
    InsertRequest,
    MixedSampleRequest,
    ScanRequest,
    TableChange,
    WriterStamp,
)

__all__ = ["ReplayClient"]

_READY_POLL_S: Final = 0.05
_READY_POLL_LONGEST_S: Final = 0.5

Result = TypeVar("Result", Batch, ScanResult)


class ReplayClient:
    """Talks to one replay server. Thread-safe; a context manager that closes its connections."""

    def __init__(
        self,
        server: str | httpx.Client = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout_s: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Make a client; connections are made when needed and kept.

        Args:
            server: the server's URL (`http+unix://%2Fpath` for a socket file), or an httpx.Client
                with `base_url` set that does the sending and stays the caller's.
            token: for a server with authentication.
            timeout_s: how long the server may be silent; a request's own `timeout_s` is added.
            ssl_context: for https; None trusts what the system trusts.

        Raises:
            ValueError: the URL is none of a replay server.
        """
        self._channel = Channel(server, token=token, timeout_s=timeout_s, verify=ssl_context)
        self._signatures: dict[str, Signature] = {}

    def without_retries(self) -> Self:
        """Return a client over the same connections that sends each request once.

        For callers with a loop of their own. Closing either closes both.
        """
        twin = copy(self)
        twin._channel = self._channel.without_retries()
        return twin

    def close(self) -> None:
        """Close the connections; an httpx.Client that was given stays open."""
        self._channel.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def info(self) -> InfoReply:
        """Return the server's version and limits."""
        reply: InfoReply = self._channel.call(endpoints.INFO, repeatable=True)
        return reply

    def wait_until_ready(self, timeout_s: float = 30.0) -> None:
        """Return as soon as the server serves.

        Raises:
            ServerUnreachableError, ServerUnavailableError: it does not after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        channel = self._channel.without_retries()
        pause_s = _READY_POLL_S
        while True:
            try:
                channel.call(endpoints.READYZ)
            except (ServerUnreachableError, ServerUnavailableError):
                if time.monotonic() + pause_s > deadline:
                    raise
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _READY_POLL_LONGEST_S)
            else:
                return

    def create_table(self, table: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create a table, or do nothing where one with an equal spec stands; return its document.

        Args:
            table: 1 to 64 of A-Z a-z 0-9 . _ - with a letter or digit first.
            spec: as the protocol has it; only `capacity` is required.

        Raises:
            TableExistsError: one with another spec stands.
            InvalidRequestError: the spec is none, or could never work.
        """
        self._signatures.pop(table, None)
        return _document(
            self._channel.call(
                endpoints.CREATE_TABLE, table=table, message=dict(spec), repeatable=True
            )
        )

    def describe_table(self, table: str) -> dict[str, Any]:
        """Return a table's document: `name`, `spec` and `stats`.

        Raises:
            UnknownTableError: there is none.
        """
        return _document(self._channel.call(endpoints.DESCRIBE_TABLE, table=table, repeatable=True))

    def list_tables(self) -> list[dict[str, Any]]:
        """Return the documents of all tables, by name."""
        reply = self._channel.call(endpoints.LIST_TABLES, repeatable=True)
        return [_document(document) for document in reply.tables]

    def delete_table(self, table: str) -> None:
        """Drop a table with all it holds.

        Raises:
            UnknownTableError: there is none.
        """
        self._signatures.pop(table, None)
        self._channel.call(endpoints.DROP_TABLE, table=table)

    def change_table(
        self,
        table: str,
        *,
        sampler: Mapping[str, Any] | None = None,
        rate_limiter: Mapping[str, Any] | None = None,
        max_times_sampled: int | None = None,
    ) -> dict[str, Any]:
        """Change how a live table is drawn from; return its document.

        What is given is merged into what stands, key by key; another `kind` replaces all of it.

        Args:
            table: its name.
            sampler: such as `{"alpha": 0.7}`; raw priorities are kept.
            rate_limiter: begins anew, with the totals at 0.
            max_times_sampled: draws after which an item goes; 0 is no limit.

        Raises:
            UnknownTableError: there is none.
            InvalidRequestError: the change is none, or could never work; nothing has changed.
        """
        change = TableChange(
            sampler=None if sampler is None else dict(sampler),
            rate_limiter=None if rate_limiter is None else dict(rate_limiter),
            max_times_sampled=max_times_sampled,
        )
        return _document(
            self._channel.call(
                endpoints.CHANGE_TABLE, table=table, message=change, repeatable=rate_limiter is None
            )
        )

    def reset_table(self, table: str) -> None:
        """Empty a table; its signature, key counter, totals and writers' sequences stay."""
        self._channel.call(endpoints.RESET_TABLE, table=table)

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
        reply: list[Batch] = self._channel.call(
            endpoints.MIXED_SAMPLE,
            message=MixedSampleRequest(parts=[draw.part() for draw in draws]),
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
        reply = self._channel.call(
            endpoints.UPDATE_PRIORITIES,
            table=table,
            message=priority_update(keys, priorities),
            repeatable=True,
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

    def signature(self, table: str) -> Signature | None:
        """Return dtype and shape of each column, asked for once; None while they are not fixed.

        Raises:
            UnknownTableError: there is no such table.
        """
        found = self._signatures.get(table)
        if found is None:
            found = as_signature(self.describe_table(table)["spec"])
            if found is not None:
                self._signatures[table] = found
        return found

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


def _document(reply: Any) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(reply)
    return document
