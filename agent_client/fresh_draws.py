"""Batches of which a part is fresh: drawn from a second, small table that holds the newest steps.

Each step is stored twice. What is drawn from the small table is drawn uniformly, with weight 1.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from agent_client.batches.draws import Layout
from agent_client.errors import RateLimitedError, ServerUnavailableError, ServerUnreachableError
from agent_client.replay_client import ReplayClient
from agent_client.task_mix import TaskMix
from agent_client.tensors import TensorBatch
from agent_client.transport.retries import pause_after
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


class FreshDraws:
    """Draws a share of each batch from the table of the newest steps, both in one request.

    A batch is drawn when it is asked for: its round trip is not hidden.
    """

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
        self._timeout_s = timeout_s
        self._mix = TaskMix(
            client,
            {replayed: 1.0 - share, fresh: share},
            batch_size,
            beta=beta,
            columns=columns,
            layout=layout,
            timeout_s=_LIMITER_WAIT_S,
        )
        self._sizes: dict[str, int] = {}
        self._drawn = Counter[int]()

    def next_tensors(self) -> TensorBatch:
        """Return a batch, the replayed part before the fresh one.

        Raises:
            ReplayClientError: the server refused for good, or for `timeout_s`.
        """
        batches = self._draw()
        self._sizes = {table: len(batch.keys) for table, batch in batches.items()}
        batch = _joined([TensorBatch.from_batch(batch).stacked() for batch in batches.values()])
        return dataclasses.replace(batch, times_sampled=self._times_sampled(batch.keys.tolist()))

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Have the priorities of the newest batch stored with the next draw."""
        ends = np.cumsum(list(self._sizes.values()))[:-1]
        parts = zip(np.split(keys, ends), np.split(priorities, ends), strict=True)
        for table, (own_keys, own_priorities) in zip(self._sizes, parts, strict=True):
            self._mix.update_priorities(table, own_keys, own_priorities)

    def _times_sampled(self, keys: Sequence[int]) -> torch.Tensor:
        """Return how often each step has been drawn, from whichever table.

        Both tables get the same rows from the first one on, so a step has one key in both.
        """
        times = []
        for key in keys:
            self._drawn[key] += 1
            times.append(self._drawn[key])
        return torch.tensor(times, dtype=torch.int32)

    def _draw(self) -> dict[str, Any]:
        deadline, failures = time.monotonic() + self._timeout_s, 0
        while True:
            try:
                return dict(self._mix.next())
            except (RateLimitedError, ServerUnavailableError, ServerUnreachableError) as error:
                failures += 1
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause_after(error, failures))


def _joined(parts: Sequence[TensorBatch]) -> TensorBatch:
    """Return stacked batches as one; counts are sums."""
    columns = {name: torch.cat([part.columns[name] for part in parts]) for name in parts[0].columns}
    joined: dict[str, Any] = {"columns": columns, "rows": None}
    for field in dataclasses.fields(TensorBatch):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], torch.Tensor):
            joined[field.name] = torch.cat(values)
        elif isinstance(values[0], int):
            joined[field.name] = sum(values)
    return TensorBatch(**joined)
