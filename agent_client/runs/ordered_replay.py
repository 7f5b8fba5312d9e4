"""Rows in and batches out in one fixed order, so that a seed repeats a run.

A writer and a prefetcher that go their own ways leave to chance which rows have arrived when a
batch is drawn, and by which priorities. Here, too, a thread draws a batch while the learner works
on the one before, but everything happens in one order:

    next_tensors    all rows are flushed; the batch drawn ahead is given out; the next draw begins,
                    with the priorities of all batches before the one that is given out
    append          waits for that draw: rows that come later are never among its items
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from agent_client.batches import Batch
from agent_client.batches.draws import Layout
from agent_client.closing import Closing
from agent_client.replay_access import EpisodeWriter
from agent_client.replay_client import ReplayClient
from agent_client.tensors import TensorBatch

Update = tuple[NDArray[np.int64], NDArray[np.float64]]


class OrderedReplay(Closing):
    """What a training loop takes for its writer, and for its source of batches as well.

    For one thread; a context manager that ends its own. Whatever the server refuses is raised at
    once: a draw that may have happened and is made again would be another run.

    Attributes:
        wait_s: seconds that `next_tensors` has waited, in all.
    """

    def __init__(
        self,
        writer: EpisodeWriter,
        client: ReplayClient,
        table: str,
        batch_size: int,
        *,
        columns: Sequence[str],
        layout: Layout,
        timeout_s: float,
    ) -> None:
        """Draw nothing yet.

        Args:
            writer: of the same table; kept, not closed. Nobody else writes to the table or draws.
            client: kept, not closed.
            table: its name.
            batch_size: B.
            columns: only these.
            layout: as `ReplayClient.sample` has it.
            timeout_s: how long a draw may wait for the table's rate limiter.
        """
        self.wait_s = 0.0
        self._writer = writer
        self._client = client
        self._table = table
        self._batch_size = batch_size
        self._columns = columns
        self._layout = layout
        self._timeout_s = timeout_s
        self._beta: Callable[[], float] = lambda: 1.0
        self._ahead: Future[Batch] | None = None
        self._updates: list[Update] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ordered-replay")

    def open(self, beta: Callable[[], float]) -> Self:
        """Return itself as a source of batches.

        Args:
            beta: tells the importance exponent when a draw begins.
        """
        self._beta = beta
        return self

    def begin(self, observation: Any, mask: NDArray[np.bool_] | None = None) -> None:
        """Begin an episode with its first observation."""
        self._settle()
        self._writer.begin(observation, mask)

    def append(
        self, action: Any, observation: Any, reward: Any, terminated: Any, truncated: Any
    ) -> None:
        """Take one step, once no draw is under way."""
        self._settle()
        self._writer.append(action, observation, reward, terminated, truncated)

    def flush(self) -> None:
        """Return when the server has every row that it can have by now."""
        self._settle()
        self._writer.flush()

    def next_tensors(self) -> TensorBatch:
        """Return the batch that was drawn ahead, or one drawn now, and begin the next draw."""
        began_at = time.monotonic()
        self.flush()
        batch = self._draw_later().result() if self._ahead is None else self._ahead.result()
        self.wait_s += time.monotonic() - began_at
        self._ahead = self._draw_later()
        return TensorBatch.from_batch(batch)

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Send new priorities along with the draw after the next batch."""
        self._updates.append((keys.copy(), priorities.copy()))

    def come_to_rest(self) -> None:
        """Leave nothing under way, so that the server's state is all there is to keep.

        The batch that was drawn ahead is dropped. A run that goes on from a checkpoint then does
        what the run that wrote it does next: both draw anew.
        """
        self.flush()
        self._ahead = None
        update = self._take_updates()
        if update is not None:
            self._client.update_priorities(self._table, *update)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _settle(self) -> None:
        if self._ahead is not None:
            self._ahead.result()

    def _draw_later(self) -> "Future[Batch]":
        # What a draw is made with is settled here, not when the thread gets round to it.
        return self._thread.submit(self._draw, self._beta(), self._take_updates())

    def _draw(self, beta: float, update: Update | None) -> Batch:
        return self._client.sample(
            self._table,
            self._batch_size,
            beta=beta,
            columns=self._columns,
            layout=self._layout,
            update=update,
            timeout_s=self._timeout_s,
        )

    def _take_updates(self) -> Update | None:
        updates, self._updates = self._updates, []
        if not updates:
            return None
        keys, priorities = zip(*updates, strict=True)
        return np.concatenate(keys), np.concatenate(priorities)
