"""RowWriter: rows from an actor's loop to a table, in the background and exactly once.

    with RowWriter(client, "experience") as writer:
        for ...:
            writer.append({"observation": observation, "action": action, "reward": reward})

`append` copies a row's values into a block (`row_block`) and returns; a thread sends blocks
(`delivery`). While one is under way the next one grows, so that requests get larger when rows come
faster.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from agent_client.columns import Signature, as_signature
from agent_client.errors import (
    ReplayClientError,
    WriterClosedError,
    WriterError,
    WriterFailedError,
    WriterTimeoutError,
)
from agent_client.replay_client import ReplayClient
from agent_client.writer.delivery import Delivery, unique_writer_id
from agent_client.writer.row_block import RowBlock, row_bytes, signature_of_row

__all__ = ["RowWriter"]

_BLOCK_BYTES: Final = 1 << 20
_MAX_BLOCK_ROWS: Final = 4096
_SPARE_BLOCKS: Final = 4
_JOIN_S: Final = 1.0


class RowWriter:
    """Sends rows to a table. Thread-safe; the rows of one thread arrive in their order.

    Rows of a table of steps are made by `agent_client.writer.step_writer`.

    Make it in the process that appends: a thread does not survive a fork.

    Attributes:
        writer_id: names this writer to the server.
        rows_appended: rows taken so far.
        rows_acknowledged: rows that the server has for sure.
    """

    def __init__(
        self,
        client: ReplayClient,
        table: str,
        *,
        batch_rows: int = 64,
        flush_interval_s: float = 0.05,
        max_buffered_rows: int = 65536,
        writer_id: str | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Ask for the table's signature and start the thread.

        A table without a signature gets that of the first row, in which plain numbers are float64
        and int64.

        Args:
            client: kept, not closed.
            table: its name; it must exist.
            batch_rows: a request goes out as soon as so many rows are there.
            flush_interval_s: a row waits no longer than this for others.
            max_buffered_rows: unacknowledged rows beyond which `append` waits.
            writer_id: unique among the table's writers; None makes one.
            timeout_s: how long the server may be away before the writer gives up, and how long
                `close` waits if not told otherwise.

        Raises:
            UnknownTableError: there is no such table.
            ReplayClientError: the server could not be asked.
            ValueError: a number is not positive.
        """
        if min(batch_rows, max_buffered_rows) < 1 or min(flush_interval_s, timeout_s) < 0:
            raise ValueError("expected row counts of at least 1 and times of at least 0 s")
        self.writer_id = writer_id or unique_writer_id()
        self.rows_appended = 0
        self.rows_acknowledged = 0
        spec = client.describe_table(table)["spec"]
        self._signature = as_signature(spec)
        self._batch_rows = min(batch_rows, max_buffered_rows, _largest_insert(spec))
        self._max_block_rows = _largest_block(spec, self._batch_rows, max_buffered_rows)
        self._flush_interval_s = flush_interval_s
        self._max_buffered_rows = max_buffered_rows
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._to_send = threading.Condition(self._lock)
        self._acknowledged = threading.Condition(self._lock)
        self._filling: RowBlock | None = None
        self._full: deque[RowBlock] = deque()
        self._spare: list[RowBlock] = []
        self._room = max_buffered_rows  # rows that append may take without looking any further
        self._rows_taken = 0
        self._flush_until = 0
        self._is_closing = False
        self._is_asleep = False
        self._failure: Exception | None = None
        self._delivery = Delivery(client, table, self.writer_id, timeout_s)
        self._thread = threading.Thread(
            target=self._run, name=f"replay-writer-{table}", daemon=True
        )
        self._thread.start()

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
            WriterFailedError: the server refused earlier rows, or stayed away too long.
            WriterClosedError: the writer is closed.
        """
        with self._lock:
            if self._room <= 0:
                self._wait_for_room()
            block = self._filling
            if block is None or (block.count and block.has_priorities != (priority is not None)):
                block = self._begin_block(row)
            block.append(row, priority, stream)
            self.rows_appended += 1
            self._room -= 1
            count = block.count
            if count == 1:
                block.begun_at = time.monotonic()
                if self._is_asleep:
                    self._to_send.notify()
            if count == self._batch_rows:
                self._to_send.notify()
            if count == block.capacity:
                self._full.append(block)
                self._filling = None

    def flush(self, timeout_s: float | None = None) -> None:
        """Return when every row appended so far is acknowledged.

        Args:
            timeout_s: how long to wait; None waits for as long as the writer has hope.

        Raises:
            WriterTimeoutError: the time is over; the writer goes on.
            WriterFailedError: the server refused rows, or stayed away too long.
        """
        with self._lock:
            until = self.rows_appended
            if not self._wait_acknowledged(until, timeout_s):
                raise WriterTimeoutError(
                    until - self.rows_acknowledged, f"{timeout_s:g} s are over; {self._why()}"
                ) from self._delivery.last_refusal
            if self.rows_acknowledged < until:
                raise self._failed()

    def close(self, timeout_s: float | None = None) -> None:
        """Send what is left and stop. Closing again does nothing.

        Args:
            timeout_s: how long sending may take; None takes the writer's `timeout_s`.

        Raises:
            WriterClosedError: some rows could not be sent; `rows_unsent` and `reason` tell.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
            self._room = 0
            self._acknowledged.notify_all()
            self._wait_acknowledged(self.rows_appended, limit_s)
            self._to_send.notify()
            why, cause = self._why(), self._failure or self._delivery.last_refusal
        self._delivery.stop()
        self._thread.join(_JOIN_S)
        unsent = self.rows_appended - self.rows_acknowledged
        if unsent:
            raise WriterClosedError(unsent, why) from cause

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

    def _wait_for_room(self) -> None:
        """Wait, under the lock, until another row may be taken."""
        while True:
            if self._is_closing:
                raise WriterClosedError(
                    self.rows_appended - self.rows_acknowledged, "the writer is closed"
                )
            if self._failure is not None:
                raise self._failed()
            self._room = self.rows_acknowledged + self._max_buffered_rows - self.rows_appended
            if self._room > 0:
                return
            self._acknowledged.wait()

    def _wait_acknowledged(self, until: int, timeout_s: float | None) -> bool:
        """Have rows sent at once; return whether it came to an end in time, good or bad."""
        self._flush_until = max(self._flush_until, until)
        self._to_send.notify()
        return self._acknowledged.wait_for(
            lambda: self.rows_acknowledged >= until or self._failure is not None, timeout_s
        )

    def _failed(self) -> WriterError:
        error = WriterFailedError(self.rows_appended - self.rows_acknowledged, self._why())
        error.__cause__ = self._failure
        return error

    def _why(self) -> str:
        refusal = self._failure or self._delivery.last_refusal
        return str(refusal) if refusal is not None else "the server was too slow"

    def _begin_block(self, row: Mapping[str, Any]) -> RowBlock:
        """Put the block that is being filled, if any, in line, and return an empty one."""
        if self._filling is not None:
            self._full.append(self._filling)
            self._to_send.notify()
        if self._signature is None:
            self._signature = signature_of_row(row)
        self._filling = self._spare.pop() if self._spare else self._new_block(self._signature)
        return self._filling

    def _new_block(self, signature: Signature) -> RowBlock:
        rows = _BLOCK_BYTES // max(1, row_bytes(signature))
        return RowBlock(signature, min(max(rows, self._batch_rows), self._max_block_rows))

    def _run(self) -> None:
        """Send blocks until the writer is closed and none is left."""
        try:
            while (block := self._next_block()) is not None:
                self._delivery.deliver(block)
                with self._lock:
                    self.rows_acknowledged += block.count
                    if not self._is_closing:
                        self._room = (
                            self.rows_acknowledged + self._max_buffered_rows - self.rows_appended
                        )
                    block.clear()
                    if len(self._spare) < _SPARE_BLOCKS:
                        self._spare.append(block)
                    self._acknowledged.notify_all()
        except Exception as error:
            with self._lock:
                self._failure = error
                self._room = 0
                self._acknowledged.notify_all()
            if not isinstance(error, ReplayClientError):
                raise  # a fault of ours: let the thread's excepthook print it, too

    def _next_block(self) -> RowBlock | None:
        """Return the next block to send, as soon as there is cause to; None at the end."""
        was_idle = False
        with self._lock:
            while True:
                if self._full:
                    return self._taken(self._full.popleft())
                block = self._filling
                if block is not None and block.count:
                    age_s = time.monotonic() - block.begun_at
                    if (
                        block.count >= self._batch_rows
                        or age_s >= self._flush_interval_s
                        or self._flush_until > self._rows_taken
                    ):
                        self._filling = None
                        return self._taken(block)
                    wait_s = self._flush_interval_s - age_s
                elif self._is_closing:
                    return None
                else:
                    wait_s = self._flush_interval_s
                    self._is_asleep = was_idle
                    was_idle = True
                self._to_send.wait(None if self._is_asleep else wait_s)
                self._is_asleep = False

    def _taken(self, block: RowBlock) -> RowBlock:
        self._rows_taken += block.count
        return block


def _largest_insert(spec: Mapping[str, Any]) -> int:
    """Return the rows of the largest insert that the table's spec lets pass at all."""
    rows: int = spec["capacity"]
    limiter = spec["rate_limiter"]
    match limiter["kind"]:
        case "queue":
            rows = min(rows, limiter["size"])
        case "sample_to_insert_ratio":
            rows = min(rows, int(2 * limiter["error_buffer"] / limiter["samples_per_insert"]))
    return max(1, rows)


def _largest_block(spec: Mapping[str, Any], batch_rows: int, max_buffered_rows: int) -> int:
    """Return how far a block may grow while the thread is busy with the one before.

    Where inserts and draws wait for one another a large insert could wait for a draw that waits for
    it, so there blocks stay at `batch_rows`.
    """
    if spec["rate_limiter"]["kind"] != "min_size":
        return batch_rows
    return min(_MAX_BLOCK_ROWS, max_buffered_rows, _largest_insert(spec))
