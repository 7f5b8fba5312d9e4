"""What the training loop wants of a replay memory, whoever provides it.

``agent_client.writer.StepWriter`` and ``agent_client.prefetcher.Prefetcher`` provide it over HTTP;
tests do so in memory.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agent_client.learning.transitions import TransitionBatch
from agent_client.observations import whole


class EpisodeWriter(Protocol):
    """What the loop wants of ``agent_client.writer.StepWriter``."""

    def begin(self, observation: Any, mask: NDArray[np.bool_] | None = None) -> None:
        """Begin an episode with its first observation.

        Args:
            observation: of N environments with a leading axis N, as all values are then.
            mask: [N], those of several environments whose episodes begin.
        """

    def append(
        self, action: Any, observation: Any, reward: Any, terminated: Any, truncated: Any
    ) -> None:
        """Take one step, with the observation that came of it; returns at once."""

    def flush(self) -> None:
        """Return when the server has acknowledged every step that it can have by now."""


class DrawnBatch(Protocol):
    """What the loop wants of a batch: ``agent_client.tensors.TensorBatch``."""

    @property
    def keys(self) -> Tensor:
        """[B] int64 item keys."""

    @property
    def weights(self) -> Tensor:
        """[B] float32 importance weights."""

    @property
    def ages(self) -> Tensor:
        """[B] int64, rows inserted into the table since each."""

    @property
    def times_sampled(self) -> Tensor:
        """[B] int32, how often each has been drawn, this time included."""

    @property
    def columns(self) -> Mapping[str, Tensor]:
        """The columns of ``observations.drawn_columns``, each [B, ...]."""

    @property
    def size(self) -> int:
        """Items in the table when the batch was drawn."""

    def stacked(self) -> "DrawnBatch":
        """Return the batch with whole observations among its columns."""


class BatchSource(Protocol):
    """What the loop wants of ``agent_client.prefetcher.Prefetcher``."""

    @property
    def wait_s(self) -> float:
        """Seconds that ``next_tensors`` has waited, in all."""

    def next_tensors(self) -> DrawnBatch:
        """Return a batch; waits until there is one."""

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Send new priorities along with a coming draw; returns at once."""


def transitions_of(batch: DrawnBatch) -> TransitionBatch:
    """Return what a learner takes of a batch in the stacked layout."""
    columns = batch.columns
    return TransitionBatch(
        observation=whole(columns, "observation"),
        action=columns["action"],
        reward=columns["reward"],
        discount=columns["discount"],
        next_observation=whole(columns, "next_observation"),
        weights=batch.weights,
    )
