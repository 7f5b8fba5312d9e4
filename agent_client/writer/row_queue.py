"""Rows in line between those who append them and the one who sends them.

Bounded: whoever appends waits while too many rows are unacknowledged. Rows lie in blocks that are
filled in place; while one is under way the next grows.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from agent_client.columns import Signature
from agent_client.writer.batching import Batching
from agent_client.writer.row_block import RowBlock, signature_of_row

__all__ = ["RowQueue"]

_SPARE_BLOCKS: Final = 4


class RowQueue:
    """A line of blocks. Thread-safe; one thread takes and acknowledges.

    Attributes:
        rows_appended: rows taken so far.
        rows_acknowledged: rows that have left the line for good.
        room: rows that `append` takes without waiting; 0 once it takes none any more.
    """

    def __init__(self, batching: Batching, signature: Signature | None) -> None:
        """Make an empty line.

        Args:
            batching: how many rows go out together, and how many may be here.
            signature: of the rows; None takes that of the first.
        """
        self.rows_appended = 0
        self.rows_acknowledged = 0
        self.room = batching.max_buffered_rows if signature is None else 0
        self._batching = batching
        self._signature = signature
        self._lock = threading.Lock()
        self._to_send = threading.Condition(self._lock)
        self._acknowledged = threading.Condition(self._lock)
        self._filling: RowBlock | None = None
        self._full: deque[RowBlock] = deque()
        self._under_way: RowBlock | None = None
        self._spare: list[RowBlock] = []
        self._buffer_rows = 0
        self._batch_rows = 0
        self._rows_taken = 0
        self._flush_until = 0
        self._takes_rows = True
        self._gives_blocks = True
        self._is_asleep = False
        if signature is not None:
            self._fix(signature)

    def append(
        self,
        row: Mapping[str, Any],
        priority: float | None,
        stream: int,
        timeout_s: float | None,
    ) -> bool:
        """Take a row; return whether there was room for it in time.

        Raises:
            ColumnMismatchError, ValueError: the row does not fit; it was not taken.
        """
        with self._lock:
            if self.room <= 0 and not self._wait_for_room(1, timeout_s):
                return False
            block = self._filling
            if block is None or (block.count and block.has_priorities != (priority is not None)):
                block = self._begin_block(row)
            block.append(row, priority, stream)
            self.rows_appended += 1
            self.room -= 1
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
            return True

    def wait_for_room(self, rows: int, timeout_s: float | None) -> bool:
        """Return whether there is room for so many rows, or for all that the line holds, in time.

        Never if it takes no rows any more.
        """
        if self.room >= rows:
            return True
        with self._lock:
            return self._wait_for_room(rows, timeout_s)

    def wait_acknowledged(self, until: int, timeout_s: float | None) -> bool:
        """Have rows sent at once; return whether the first `until` of all were acknowledged.

        Ends early when nothing more will be.
        """
        with self._lock:
            self._flush_until = max(self._flush_until, until)
            self._to_send.notify()
            self._acknowledged.wait_for(
                lambda: self.rows_acknowledged >= until or not self._gives_blocks, timeout_s
            )
            return self.rows_acknowledged >= until

    def take(self) -> RowBlock | None:
        """Return the next block to send, as soon as there is cause to; None at the end."""
        was_idle = False
        with self._lock:
            while True:
                if not self._gives_blocks:
                    return None
                if self._full:
                    return self._taken(self._full.popleft())
                block = self._filling
                if block is not None and block.count:
                    age_s = time.monotonic() - block.begun_at
                    if (
                        block.count >= self._batch_rows
                        or age_s >= self._batching.flush_interval_s
                        or self._flush_until > self._rows_taken
                    ):
                        self._filling = None
                        return self._taken(block)
                    wait_s = self._batching.flush_interval_s - age_s
                elif not self._takes_rows:
                    return None
                else:
                    wait_s = self._batching.flush_interval_s
                    self._is_asleep = was_idle
                    was_idle = True
                self._to_send.wait(None if self._is_asleep else wait_s)
                self._is_asleep = False

    def acknowledge(self, block: RowBlock) -> None:
        """Let the rows of the block that was taken last go; too late after `stop_giving`."""
        with self._lock:
            if not self._gives_blocks:
                return
            self._under_way = None
            self.rows_acknowledged += block.count
            if self._takes_rows:
                self.room = self._free()
            block.clear()
            if len(self._spare) < _SPARE_BLOCKS:
                self._spare.append(block)
            self._acknowledged.notify_all()

    def stop_taking(self) -> None:
        """Take no more rows; those that wait to append find that there is no room."""
        with self._lock:
            self._takes_rows = False
            self.room = 0
            self._to_send.notify()
            self._acknowledged.notify_all()

    def stop_giving(self) -> None:
        """Give no more blocks, and let what is here be: nothing is acknowledged from now on."""
        with self._lock:
            self._takes_rows = self._gives_blocks = False
            self.room = 0
            self._to_send.notify()
            self._acknowledged.notify_all()

    def blocks(self) -> list[RowBlock]:
        """Return the blocks with rows that are unacknowledged, in order, the one sent first."""
        with self._lock:
            blocks = [self._under_way, *self._full, self._filling]
            return [block for block in blocks if block is not None and block.count]

    def _wait_for_room(self, rows: int, timeout_s: float | None) -> bool:
        """Wait, under the lock, for room; return whether there is."""

        def is_over() -> bool:
            if not self._takes_rows:
                return True
            self.room = self._free()
            return self.room >= min(rows, self._buffer_rows or rows)

        return self._acknowledged.wait_for(is_over, timeout_s) and self._takes_rows

    def _free(self) -> int:
        limit = self._buffer_rows or self._batching.max_buffered_rows
        return self.rows_acknowledged + limit - self.rows_appended

    def _fix(self, signature: Signature) -> None:
        """Learn what a row is, and with it how many of them may be here."""
        self._signature = signature
        self._buffer_rows = self._batching.buffer_rows(signature)
        self._batch_rows = self._batching.full_batch(signature)
        self.room = self._free()

    def _begin_block(self, row: Mapping[str, Any]) -> RowBlock:
        """Put the block that is being filled, if any, in line, and return an empty one."""
        if self._filling is not None:
            self._full.append(self._filling)
            self._to_send.notify()
        if self._signature is None:
            self._fix(signature_of_row(row))
        assert self._signature is not None
        if self._spare:
            self._filling = self._spare.pop()
        else:
            self._filling = RowBlock(self._signature, self._batching.block_rows(self._signature))
        return self._filling

    def _taken(self, block: RowBlock) -> RowBlock:
        self._rows_taken += block.count
        self._under_way = block
        return block
