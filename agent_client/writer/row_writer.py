"""RowWriter: rows from an actor's loop to a table, in the background and exactly once.

    with RowWriter(client, "experience") as writer:
        for ...:
            writer.append({"observation": observation, "action": action, "reward": reward})

`append` copies a row's values into a block (`row_queue`, `row_block`) and returns; a thread sends
blocks (`delivery`). While one is under way the next one grows, so that requests get larger when
rows come faster.
"""

import atexit
import logging
import math
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from agent_client.columns import as_signature
from agent_client.errors import (
    WriterClosedError,
    WriterError,
    WriterFailedError,
    WriterTimeoutError,
)
from agent_client.replay_client import ReplayClient
from agent_client.writer.batching import Batching
from agent_client.writer.delivery import Delivery, UnsentInsert, unique_writer_id
from agent_client.writer.row_queue import RowQueue
from agent_client.writer.sender import Sender

__all__ = ["RowWriter"]

_AT_EXIT_S: Final = 10.0
_logger: Final = logging.getLogger(__name__)


class RowWriter:
    """Sends rows to a table. Thread-safe; the rows of one thread arrive in their order.

    Rows of a table of steps are made by `agent_client.writer.StepWriter`. What is promised when
    the server is away, says no, or comes back empty is told in docs/client.md.

    Make it in the process that appends: a thread does not survive a fork.

    Attributes:
        writer_id: names this writer to the server.
    """

    def __init__(
        self,
        client: ReplayClient,
        table: str,
        *,
        batch_rows: int = 64,
        flush_interval_s: float = 0.05,
        max_buffered_rows: int = 65536,
        max_buffered_bytes: int = 1 << 28,
        writer_id: str | None = None,
        create: Mapping[str, Any] | None = None,
        give_up_after_s: float = 60.0,
        append_timeout_s: float | None = None,
    ) -> None:
        """Ask for the table's signature and start the thread.

        A table without a signature gets that of the first row, in which plain numbers are float64
        and int64.

        Args:
            client: kept, not closed.
            table: its name.
            batch_rows: a request goes out as soon as so many rows are there.
            flush_interval_s: a row waits no longer than this for others.
            max_buffered_rows: unacknowledged rows beyond which `append` waits.
            max_buffered_bytes: the same, in bytes of their values.
            writer_id: unique among the table's writers that live; one of a writer that has ended
                goes on with its streams, above its sequences. None makes one.
            create: the spec to make the table of where there is none, now or later: a server that
                keeps nothing comes back without it. None makes that an error.
            give_up_after_s: how long the server may be away, unavailable or out of space before
                the writer fails, and how long `close` waits if not told otherwise.
            append_timeout_s: how long `append` waits for room; None waits while there is hope.

        Raises:
            UnknownTableError: there is no such table, and no spec to make it of.
            ReplayClientError: the server could not be asked, or refuses the spec.
            ValueError: a number is not positive.
        """
        if min(give_up_after_s, append_timeout_s or 0.0) < 0:
            raise ValueError("expected times of at least 0 s")
        document = (
            client.describe_table(table) if create is None else client.ensure_table(table, create)
        )
        signature = as_signature(document["spec"])
        batching = Batching.for_table(
            document,
            batch_rows=batch_rows,
            flush_interval_s=flush_interval_s,
            max_buffered_rows=max_buffered_rows,
            max_buffered_bytes=max_buffered_bytes,
        )
        self.writer_id = writer_id or unique_writer_id()
        self._table = table
        self._give_up_after_s = give_up_after_s
        self._append_timeout_s = append_timeout_s
        self._queue = RowQueue(batching, signature)
        self._delivery = Delivery(
            client, table, self.writer_id, give_up_after_s=give_up_after_s, create=create
        )
        if writer_id is not None:
            self._delivery.announce(signature)
        self._is_closed = False
        self._process_id = os.getpid()
        self._sender = Sender(self._queue, self._delivery, f"replay-writer-{table}")
        atexit.register(self._close_at_exit)

    @property
    def rows_appended(self) -> int:
        """Rows taken so far."""
        return self._queue.rows_appended

    @property
    def rows_acknowledged(self) -> int:
        """Rows that the server has for sure."""
        return self._queue.rows_acknowledged

    def append(
        self, row: Mapping[str, Any], priority: float | None = None, stream: int = 0
    ) -> None:
        """Take a row; its values are copied. Waits only while too many rows are unacknowledged.

        Args:
            row: a value for each column of the table. Plain numbers and lists take the column's
                dtype; arrays must have it already.
            priority: raw, finite and >= 0; None gives the row the table's highest so far.
            stream: in tables of steps, which of this writer's environments the row is of.

        Raises:
            ColumnMismatchError: the row does not fit the table; it was not taken.
            ValueError: the priority is negative or not finite; the row was not taken.
            WriterTimeoutError: there was no room within `append_timeout_s`; the row was not taken.
            WriterFailedError: the server refused earlier rows, or stayed away too long.
            WriterClosedError: the writer is closed.
        """
        if not self._queue.append(row, priority, stream, self._append_timeout_s):
            raise self._error(self._append_timeout_s)

    def wait_for_room(self, rows: int) -> None:
        """Return when `append` will take so many rows, or all that may be buffered, at once.

        For one who must not stop halfway. Of use only where one thread appends.

        Raises:
            WriterTimeoutError, WriterFailedError, WriterClosedError: as `append`.
        """
        if not self._queue.wait_for_room(rows, self._append_timeout_s):
            raise self._error(self._append_timeout_s)

    def flush(self, timeout_s: float | None = None) -> None:
        """Return when every row appended so far is acknowledged.

        Args:
            timeout_s: how long to wait; None waits for as long as the writer has hope.

        Raises:
            WriterTimeoutError: the time is over; the writer goes on.
            WriterFailedError: the server refused rows, or stayed away too long.
            WriterClosedError: the writer was closed before all could be sent.
        """
        if not self._queue.wait_acknowledged(self._queue.rows_appended, timeout_s):
            raise self._error(timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Send what is left and stop. Closing again does nothing.

        Args:
            timeout_s: how long sending may take; None takes the writer's `give_up_after_s`.

        Raises:
            WriterClosedError: some rows could not be sent. `unsent` and `reason` tell which and
                why, and `unsent_inserts` has them still.
        """
        if self._is_closed:
            return
        self._is_closed = True
        atexit.unregister(self._close_at_exit)
        limit_s = self._give_up_after_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        self._queue.stop_taking()
        self._queue.wait_acknowledged(self._queue.rows_appended, limit_s)
        self._sender.stop()
        if self.rows_acknowledged == self.rows_appended:
            self._sender.join(math.inf)
            return
        error = self._error(limit_s)
        self._sender.join(deadline - time.monotonic())
        raise error

    def unsent_inserts(self) -> list[UnsentInsert]:
        """Return the rows that are not acknowledged, as inserts that can be made once more.

        An insert that was under way comes first; sent with its stamp it happens once.

        Raises:
            ValueError: the writer is at work; it must be closed, or have failed.
        """
        return self._sender.unsent_inserts()

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the writer; an error that is on its way goes first and bears a note of ours."""
        try:
            self.close()
        except WriterClosedError as error:
            if exc_value is None:
                raise
            exc_value.add_note(f"and the writer: {error}")

    def _error(self, timeout_s: float | None) -> WriterError:
        """Return what to raise where rows could not be taken or sent."""
        unsent, cause = self._sender.unsent(), self._sender.cause()
        reason = "the server was too slow" if cause is None else str(cause)
        error: WriterError
        if self._is_closed:
            error = WriterClosedError(unsent, f"the writer is closed; {reason}")
        elif self._sender.failure is not None:
            error = WriterFailedError(unsent, reason)
        else:
            error = WriterTimeoutError(unsent, f"{timeout_s:g} s are over; {reason}")
        error.__cause__ = cause
        return error

    def _close_at_exit(self) -> None:
        """Send what is left when the program ends and nobody has closed the writer."""
        if self._process_id != os.getpid():
            return  # the parent's
        try:
            self.close(min(_AT_EXIT_S, self._give_up_after_s))
        except WriterClosedError as error:
            _logger.error("a writer that was never closed: %s", error)
