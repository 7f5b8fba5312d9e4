"""One batch out of several tables: what a `TaskMix` draws, joined for a learner that takes one.

    batches = TaskBatches(TaskMix(client, {"reach": 0.5, "grasp": 0.5}, 256))
    while ...:
        batch = batches.next_tensors()
        batches.update_priorities(batch.keys.numpy(), learn(batch))

The new priorities are taken apart again by the tables that their items are of.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent_client.batches import Batch
from agent_client.errors import RateLimitedError, ServerUnavailableError, ServerUnreachableError
from agent_client.task_mix import TaskMix
from agent_client.tensors import TensorBatch
from agent_client.transport.retries import pause_after

__all__ = ["TaskBatches"]


class TaskBatches:
    """Gives a learner the batches of a mix as one; a source of batches as the loops take it.

    A batch is drawn when it is asked for: its round trip is not hidden. Not thread-safe.

    Attributes:
        mix: which tables, and by which shares; these may be changed at any time.
        wait_s: seconds that `next_tensors` has waited, in all.
    """

    def __init__(self, mix: TaskMix, *, patience_s: float = 0.0) -> None:
        """Draw by a mix.

        Args:
            mix: kept.
            patience_s: how long a draw may be refused, or the server be away, before that is
                raised.
        """
        self.mix = mix
        self.wait_s = 0.0
        self._patience_s = patience_s
        self._sizes: dict[str, int] = {}

    def next_tensors(self) -> TensorBatch:
        """Return a batch, stacked: one table's part after the other's, in the order of the shares.

        `size`, `updated` and `stale` are sums over the tables.

        Raises:
            ReplayClientError: the server refused for good, or for `patience_s`.
        """
        began_at = time.monotonic()
        batches = self._draw(began_at + self._patience_s)
        self.wait_s += time.monotonic() - began_at
        self._sizes = {table: len(batch.keys) for table, batch in batches.items()}
        return _joined([TensorBatch.from_batch(batch).stacked() for batch in batches.values()])

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Have the priorities of the newest batch stored with the next draw from each table.

        Args:
            keys: [B], of the whole batch, in its order.
            priorities: [B], finite and >= 0.
        """
        ends = np.cumsum(list(self._sizes.values()))[:-1]
        parts = zip(np.split(keys, ends), np.split(priorities, ends), strict=True)
        for table, (own_keys, own_priorities) in zip(self._sizes, parts, strict=True):
            self.mix.update_priorities(table, own_keys, own_priorities)

    def _draw(self, deadline: float) -> dict[str, Batch]:
        failures = 0
        while True:
            try:
                return self.mix.next()
            except (RateLimitedError, ServerUnavailableError, ServerUnreachableError) as error:
                failures += 1
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause_after(error, failures))


def _joined(parts: Sequence[TensorBatch]) -> TensorBatch:
    """Return stacked batches as one."""
    columns = {name: torch.cat([part.columns[name] for part in parts]) for name in parts[0].columns}
    joined: dict[str, Any] = {"columns": columns, "rows": None}
    for field in dataclasses.fields(TensorBatch):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], torch.Tensor):
            joined[field.name] = torch.cat(values)
        elif isinstance(values[0], int):
            joined[field.name] = sum(values)
    return TensorBatch(**joined)
