"""Batches of which a part is fresh: drawn from a second, small table that holds the newest steps.

Each step is stored twice. What is drawn from the small table is drawn uniformly, with weight 1.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

from agent_client.batches.draws import Layout
from agent_client.replay_client import ReplayClient
from agent_client.task_batches import TaskBatches
from agent_client.task_mix import TaskMix
from agent_client.tensors import TensorBatch
from agent_client.writer.step_stream import RowSink

__all__ = ["BothRows", "FreshDraws"]

_LIMITER_WAIT_S: Final = 0.5


class BothRows:
    """Hands each row to two writers; a `RowSink`."""

    def __init__(self, *writers: RowSink) -> None:
        """Hand rows to writers, which are kept."""
        self._writers = writers

    def append(
        self, row: Mapping[str, Any], priority: float | None = None, stream: int = 0
    ) -> None:
        """Take a row; raises as the writers do."""
        for writer in self._writers:
            writer.append(row, priority, stream)

    def wait_for_room(self, rows: int) -> None:
        """Return when both will take so many rows without waiting."""
        for writer in self._writers:
            writer.wait_for_room(rows)

    def flush(self) -> None:
        """Return when every row is with the server, in both tables."""
        for writer in self._writers:
            writer.flush()


class FreshDraws(TaskBatches):
    """Draws a share of each batch from the table of the newest steps, both in one request."""

    def __init__(
        self,
        client: ReplayClient,
        replayed: str,
        fresh: str,
        share: float,
        batch_size: int,
        *,
        beta: Callable[[], float],
        columns: Sequence[str],
        layout: Layout,
        timeout_s: float,
    ) -> None:
        """Mix two tables.

        Args:
            client: kept, not closed.
            replayed: table of all steps.
            fresh: table of the newest ones.
            share: how much of a batch is fresh, 0 to 1; what cannot be divided evens out.
            batch_size: items of both together.
            beta: tells the importance exponent.
            columns: to draw.
            layout: on the wire; batches that are given out are stacked.
            timeout_s: how long a draw may be refused before that is raised.
        """
        mix = TaskMix(
            client,
            {replayed: 1.0 - share, fresh: share},
            batch_size,
            beta=beta,
            columns=columns,
            layout=layout,
            timeout_s=_LIMITER_WAIT_S,
        )
        super().__init__(mix, patience_s=timeout_s)
        self._drawn = Counter[int]()

    def next_tensors(self) -> TensorBatch:
        """Return a batch, the replayed part before the fresh one; raises as `TaskBatches` does.

        Both tables get the same rows from the first one on, so a step has one key in both, and
        `times_sampled` counts draws from either.
        """
        batch = super().next_tensors()
        times = []
        for key in batch.keys.tolist():
            self._drawn[key] += 1
            times.append(self._drawn[key])
        return dataclasses.replace(batch, times_sampled=torch.tensor(times, dtype=torch.int32))
