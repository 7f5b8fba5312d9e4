"""Inserts of one writer, one after another, each of them done exactly once.

The writer's id and a sequence number go with each insert, and the same number goes with it when it
is sent again: the server tells the two apart from one another, and a repetition from a new insert.
"""

import os
import socket
import threading
import time
import uuid
from typing import Final

from agent_client.errors import (
    RateLimitedError,
    ReplayClientError,
    ServerUnavailableError,
    ServerUnreachableError,
)
from agent_client.replay_client import ReplayClient
from agent_client.transport.retries import pause_after
from agent_client.writer.row_block import RowBlock

__all__ = ["Delivery", "unique_writer_id"]

_LIMITER_WAIT_S: Final = 2.0


class Delivery:
    """Sends blocks to a table. For one thread, but for `stop`.

    Attributes:
        last_refusal: what the server said no with for the moment, or why it was not reached; None
            once a block got through.
    """

    def __init__(
        self, client: ReplayClient, table: str, writer_id: str, outage_limit_s: float
    ) -> None:
        """Make a delivery; sequences start at the microseconds since 1970.

        So a writer that is started anew under its old id goes on above its old sequences.

        Args:
            client: sends; its own retries are not used.
            table: where to.
            writer_id: unique among the table's writers at any time.
            outage_limit_s: how long the server may be away or unavailable.
        """
        self.last_refusal: ReplayClientError | None = None
        self._client = client.without_retries()
        self._table = table
        self._writer_id = writer_id
        self._outage_limit_s = outage_limit_s
        self._sequence = time.time_ns() // 1000
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Give up on a block that does not get through, from any thread."""
        self._is_stopped.set()

    def deliver(self, block: RowBlock) -> None:
        """Return when the server has the rows of a block, once.

        While the rate limiter says no this waits, however long; while the server is away or
        unavailable, up to the limit.

        Raises:
            ReplayClientError: the rows were refused for good, the outage lasted too long, or `stop`
                was called. The rows of this block may be there or not.
        """
        outage_begun_at: float | None = None
        failures = 0
        while True:
            try:
                self._client.insert(
                    self._table,
                    block.columns(),
                    priorities=block.priorities(),
                    streams=block.streams(),
                    writer=(self._writer_id, self._sequence),
                    timeout_s=0.0 if self._is_stopped.is_set() else _LIMITER_WAIT_S,
                )
            except RateLimitedError as error:
                outage_begun_at = None
                failures = 0
                self.last_refusal = error
            except (ServerUnreachableError, ServerUnavailableError) as error:
                now = time.monotonic()
                outage_begun_at = now if outage_begun_at is None else outage_begun_at
                if now - outage_begun_at > self._outage_limit_s:
                    raise
                failures += 1
                self.last_refusal = error
            else:
                self._sequence += 1
                self.last_refusal = None
                return
            if self._is_stopped.wait(pause_after(self.last_refusal, failures)):
                raise self.last_refusal


def unique_writer_id() -> str:
    """Return an id that no other writer has: host, process and a random part."""
    return f"{socket.gethostname()[:64]}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
