"""The thread of a writer: takes blocks from the queue and has them delivered."""

import threading
from typing import Final

from agent_client.errors import ReplayClientError, UnsentRows
from agent_client.writer.delivery import Delivery, UnsentInsert
from agent_client.writer.row_queue import RowQueue

__all__ = ["Sender"]

_JOIN_S: Final = 1.0


class Sender:
    """Sends until the queue ends, the server refuses, or it is told to stop.

    Attributes:
        failure: what ended it before its time.
        is_stopped: whether `stop` was called: what became of the rows has been told then.
    """

    def __init__(self, queue: RowQueue, delivery: Delivery, name: str) -> None:
        """Start the thread.

        Args:
            queue: its rows are sent; it takes none any more when this fails.
            delivery: how they are sent.
            name: of the thread.
        """
        self.failure: Exception | None = None
        self.is_stopped = False
        self._queue = queue
        self._delivery = delivery
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Acknowledge nothing more, and give up on what is under way. Does not wait for it."""
        self.is_stopped = True
        self._queue.stop_giving()
        self._delivery.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, which may be that of a request, but not for long."""
        self._thread.join(max(0.0, min(_JOIN_S, timeout_s)))

    def cause(self) -> Exception | None:
        """Return what ended it, or else what stands in the way of the rows now, if anything."""
        return self.failure or self._delivery.last_refusal

    def unsent(self) -> UnsentRows:
        """Return which rows are not acknowledged."""
        blocks = self._queue.blocks()
        under_way = blocks[0] if blocks and blocks[0].sequence is not None else None
        return UnsentRows(
            table=self._delivery.table,
            writer_id=self._delivery.writer_id,
            first=self._queue.rows_acknowledged,
            count=self._queue.rows_appended - self._queue.rows_acknowledged,
            sequence=None if under_way is None else under_way.sequence,
            in_doubt=0 if under_way is None else under_way.count,
        )

    def unsent_inserts(self) -> list[UnsentInsert]:
        """Return those rows as inserts, once nothing more is sent.

        Raises:
            ValueError: there may be more sent.
        """
        if self.failure is None and not self.is_stopped:
            raise ValueError("rows are on their way: close the writer first")
        blocks = self._queue.blocks()
        first = self._delivery.next_sequence
        if blocks and blocks[0].sequence is not None:
            first = blocks[0].sequence
        return [
            UnsentInsert.of_block(block, (self._delivery.writer_id, first + place))
            for place, block in enumerate(blocks)
        ]

    def _run(self) -> None:
        try:
            while (block := self._queue.take()) is not None:
                self._delivery.deliver(block)
                self._queue.acknowledge(block)
        except Exception as error:
            if self.is_stopped:
                return
            self.failure = error
            self._queue.stop_giving()
            if not isinstance(error, ReplayClientError):
                raise  # a fault of ours: let the thread's excepthook print it, too
