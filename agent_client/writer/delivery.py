"""Inserts of one writer, one after another, each of them done exactly once.

The writer's id and a sequence number go with each insert, and the same number goes with it when it
is sent again: the server tells a repetition from a new insert by them.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from agent_client.columns import Signature
from agent_client.errors import (
    RateLimitedError,
    ReplayClientError,
    ServerUnavailableError,
    ServerUnreachableError,
    StaleSequenceError,
    StorageFullError,
    UnknownTableError,
)
from agent_client.replay_client import ReplayClient
from agent_client.transport.outages import OutageLog
from agent_client.transport.retries import pause_after
from agent_client.writer.row_block import RowBlock

__all__ = ["Delivery", "UnsentInsert", "unique_writer_id"]

_LIMITER_WAIT_S: Final = 2.0
_SHORTEST_ATTEMPT_S: Final = 1.0
_TAKEOVER_GAP: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class UnsentInsert:
    """Rows that a writer still has, as the arguments of `ReplayClient.insert`.

    Attributes:
        columns: name -> [N, ...].
        priorities: [N], or None.
        streams: [N], or None.
        writer: id and sequence.
    """

    columns: dict[str, NDArray[Any]]
    priorities: NDArray[np.float64] | None
    streams: NDArray[np.int64] | None
    writer: tuple[str, int]

    @classmethod
    def of_block(cls, block: RowBlock, writer: tuple[str, int]) -> Self:
        """Return the rows of a block, as views of it."""
        return cls(block.columns(), block.priorities(), block.streams(), writer)


class Delivery:
    """Sends blocks to a table. For one thread, but for `stop`.

    Attributes:
        table: where to.
        writer_id: whose rows.
        last_refusal: what the server said no with for the moment, or why it was not reached; None
            once a block got through.
        next_sequence: of the next insert.
    """

    def __init__(
        self,
        client: ReplayClient,
        table: str,
        writer_id: str,
        *,
        give_up_after_s: float,
        create: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a delivery; sequences start at the microseconds since 1970.

        So a writer that is started anew under its old id goes on above its old sequences, also
        where the server has forgotten them.

        Args:
            client: sends; its own retries are not used.
            table: where to.
            writer_id: unique among the table's writers at any time.
            give_up_after_s: how long the server may be away, unavailable or out of space.
            create: the spec to make the table of where there is none any more; None makes none.
        """
        self.last_refusal: ReplayClientError | None = None
        self.next_sequence = time.time_ns() // 1000
        self._client = client
        self.table = table
        self.writer_id = writer_id
        self._give_up_after_s = give_up_after_s
        self._create = create
        self._is_stopped = threading.Event()
        self._outages = OutageLog(f"the writer of table {table!r}", give_up_after_s)

    def stop(self) -> None:
        """Give up on a block that does not get through, from any thread."""
        self._is_stopped.set()

    def announce(self, signature: Signature | None) -> None:
        """Make sure that the sequences go on above all that were sent under this id before.

        An insert of no rows asks for it: if the clock has been set back the server refuses its
        sequence and tells the last one. The gap above that keeps an older writer of this id, should
        one still live, from being taken for this one: its next insert is refused as stale.

        Args:
            signature: the table's; None while it has none.

        Raises:
            ReplayClientError: the server could not be asked.
        """
        columns = {
            name: np.empty((0, *shape), dtype)
            for name, (dtype, shape) in (signature or {"nothing": (np.dtype("|b1"), ())}).items()
        }
        try:
            self._client.insert(self.table, columns, writer=(self.writer_id, self.next_sequence))
        except StaleSequenceError as error:
            if error.last is None:
                raise
            self.next_sequence = error.last + _TAKEOVER_GAP
        else:
            self.next_sequence += 1

    def deliver(self, block: RowBlock) -> None:
        """Return when the server has the rows of a block, once.

        While the rate limiter says no this waits, however long; while the server is away,
        unavailable or out of space, up to the limit.

        Raises:
            ReplayClientError: the rows were refused for good, the outage lasted too long, or `stop`
                was called. The rows of this block may be there or not.
        """
        block.sequence = self.next_sequence
        outage_begun_at: float | None = None
        failures = 0
        while True:
            begun_at = time.monotonic()
            left_s = self._give_up_after_s
            if outage_begun_at is not None:
                left_s -= begun_at - outage_begun_at
            try:
                self._insert(block, max(left_s, _SHORTEST_ATTEMPT_S))
            except RateLimitedError as error:
                outage_begun_at = None
                failures = 0
                self._outages.answered()
                self.last_refusal = error
                pause_s = pause_after(error, failures)
            except (ServerUnreachableError, ServerUnavailableError, StorageFullError) as error:
                outage_begun_at = begun_at if outage_begun_at is None else outage_begun_at
                left_s = outage_begun_at + self._give_up_after_s - time.monotonic()
                if left_s <= 0:
                    raise
                failures += 1
                self._outages.failed(error)
                self.last_refusal = error
                pause_s = min(pause_after(error, failures), left_s)
            else:
                self.next_sequence += 1
                self._outages.answered()
                self.last_refusal = None
                return
            if self._is_stopped.wait(pause_s):
                raise self.last_refusal

    def _insert(self, block: RowBlock, timeout_s: float) -> None:
        """Send a block once, and once more where the table had to be made first."""
        client = self._client.without_retries(timeout_s)
        try:
            self._send(client, block)
        except UnknownTableError:
            if self._create is None:
                raise
            client.create_table(self.table, self._create)
            self._send(client, block)

    def _send(self, client: ReplayClient, block: RowBlock) -> None:
        assert block.sequence is not None
        client.insert(
            self.table,
            block.columns(),
            priorities=block.priorities(),
            streams=block.streams(),
            writer=(self.writer_id, block.sequence),
            timeout_s=0.0 if self._is_stopped.is_set() else _LIMITER_WAIT_S,
        )


def unique_writer_id() -> str:
    """Return an id that no other writer has: host, process and a random part."""
    return f"{socket.gethostname()[:64]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
