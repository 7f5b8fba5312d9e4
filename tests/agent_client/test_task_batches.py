"""Batches of several tables as one, on a mix that is made up."""

from typing import Any

import numpy as np
import pytest

from agent_client.batches import Batch
from agent_client.errors import RateLimitedError
from agent_client.task_batches import TaskBatches
from replay_wire.messages import Problem


def batch_of(*keys: int) -> Batch:
    size = len(keys)
    return Batch(
        keys=np.array(keys, np.int64),
        probabilities=np.full(size, 0.5),
        weights=np.array(keys, np.float32) / 100,
        priorities=np.ones(size),
        times_sampled=np.ones(size, np.int32),
        ages=np.zeros(size, np.int64),
        columns={"reward": np.array(keys, np.float32) * 10},
        size=1_000,
        updated=3,
        stale=1,
    )


class Mix:
    """Gives the draws that it was given, or raises them."""

    def __init__(self, *draws: Any) -> None:
        self.draws = list(draws)
        self.updates: list[tuple[str, list[int], list[float]]] = []

    def next(self) -> dict[str, Batch]:
        draw = self.draws.pop(0)
        if isinstance(draw, Exception):
            raise draw
        return draw  # type: ignore[no-any-return]

    def update_priorities(self, table: str, keys: Any, priorities: Any) -> None:
        self.updates.append((table, keys.tolist(), priorities.tolist()))


def test_the_parts_follow_one_another_and_their_counts_add_up() -> None:
    batches = TaskBatches(Mix({"a": batch_of(7, 8), "b": batch_of(7)}))  # type: ignore[arg-type]

    batch = batches.next_tensors()

    assert batch.keys.tolist() == [7, 8, 7]
    assert batch.columns["reward"].tolist() == [70.0, 80.0, 70.0]
    assert batch.weights.tolist() == pytest.approx([0.07, 0.08, 0.07])
    assert (batch.size, batch.updated, batch.stale) == (2_000, 6, 2)


def test_priorities_go_to_the_tables_that_the_newest_batch_was_drawn_from() -> None:
    mix = Mix({"a": batch_of(7, 8), "b": batch_of(7)}, {"b": batch_of(1), "c": batch_of(2, 3)})
    batches = TaskBatches(mix)  # type: ignore[arg-type]

    for _ in range(2):
        batch = batches.next_tensors()
        batches.update_priorities(batch.keys.numpy(), np.array([0.1, 0.2, 0.3]))

    assert mix.updates == [
        ("a", [7, 8], [0.1, 0.2]), ("b", [7], [0.3]), ("b", [1], [0.1]), ("c", [2, 3], [0.2, 0.3]),
    ]  # fmt: skip


def test_a_draw_that_is_refused_is_made_again_for_as_long_as_it_may_be() -> None:
    problem = Problem("about:blank", "", 429, "1 more insert", "rate_limited")
    refused = RateLimitedError(problem, retry_after_s=0.01)
    patient = TaskBatches(Mix(refused, {"a": batch_of(7)}), patience_s=60.0)  # type: ignore[arg-type]

    assert patient.next_tensors().keys.tolist() == [7]
    assert patient.wait_s > 0.0
    with pytest.raises(RateLimitedError):
        TaskBatches(Mix(refused)).next_tensors()  # type: ignore[arg-type]
