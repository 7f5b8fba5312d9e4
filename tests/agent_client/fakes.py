"""A replay server's client, writer and prefetcher in memory, late in the same ways.

The writer delivers in groups, so the newest transitions are not drawable yet; the batch
source holds batches drawn ahead, so that priorities arrive ``depth`` draws late.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.learning.replay_table import transition_table_spec
from agent_client.training_loop import TrainingLoop
from agent_client.training_progress import TrainingPlan


@dataclass(frozen=True)
class FakeTensorBatch:
    """A drawn batch with the fields that the training loop reads."""

    keys: Tensor
    weights: Tensor
    ages: Tensor
    times_sampled: Tensor
    columns: dict[str, Tensor]
    size: int

    def stacked(self) -> "FakeTensorBatch":
        return self


class FakeTable:
    """A prioritized table of one-step transitions: keys count up, slot = key % capacity."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.capacity = int(spec["capacity"])
        self.alpha = float(spec["sampler"].get("alpha", 0.0))
        self.discount = float(spec["items"]["discount"])
        stored = spec["columns"]
        drawn = {name: stored[name] for name in ("observation", "action", "reward")}
        drawn["discount"] = stored["reward"]
        drawn["next_observation"] = stored["observation"]
        self.columns = {
            name: np.zeros((self.capacity, *column["shape"]), column["dtype"])
            for name, column in drawn.items()
        }
        self.priorities = np.zeros(self.capacity)
        self.masses = np.zeros(self.capacity)
        self.max_priority = 1.0
        self.times_sampled = Counter[int]()
        self.next_key = 0
        self.generator = np.random.default_rng(spec["seed"])

    @property
    def size(self) -> int:
        return min(self.next_key, self.capacity)

    def insert(self, rows: list[Mapping[str, Any]]) -> None:
        for row in rows:
            slot = self.next_key % self.capacity
            for name, column in self.columns.items():
                column[slot] = row[name]
            self._set(np.array([slot]), np.array([self.max_priority]))
            self.next_key += 1

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        fresh = keys >= self.next_key - self.size
        self.max_priority = max(self.max_priority, *priorities[fresh], 0.0)
        self._set(keys[fresh] % self.capacity, priorities[fresh])

    def sample(self, batch_size: int, beta: float) -> FakeTensorBatch:
        cumulative = np.cumsum(self.masses[: self.size])
        targets = (np.arange(batch_size) + self.generator.random(batch_size)) / batch_size
        slots = np.searchsorted(cumulative, targets * cumulative[-1], side="right")
        slots = np.minimum(slots, self.size - 1)
        probabilities = self.masses[slots] / cumulative[-1]
        weights = (self.size * probabilities) ** -beta
        newest = self.next_key - 1
        keys = newest - (newest - slots) % self.capacity
        return FakeTensorBatch(
            keys=torch.from_numpy(keys),
            ages=torch.from_numpy(newest - keys),
            times_sampled=torch.from_numpy(self._drawn(keys)),
            weights=torch.from_numpy((weights / weights.max()).astype(np.float32)),
            columns={name: torch.from_numpy(c[slots]) for name, c in self.columns.items()},
            size=self.size,
        )

    def _drawn(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """Count draws of these keys, one after another."""
        counts = []
        for key in keys.tolist():
            self.times_sampled[key] += 1
            counts.append(self.times_sampled[key])
        return np.array(counts, np.int32)

    def _set(self, slots: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        self.priorities[slots] = priorities
        self.masses[slots] = np.where(priorities > 0, priorities**self.alpha, 0.0)


class FakeWriter:
    """Delivers transitions to the table in groups, as a writer in the background does."""

    def __init__(self, table: FakeTable, group: int = 64) -> None:
        self.appended: list[Mapping[str, Any]] = []
        self.ends: list[tuple[bool, bool]] = []
        self._table = table
        self._group = group
        self._waiting: list[Mapping[str, Any]] = []
        self._observation: NDArray[Any] = np.empty(0)

    def begin(self, observation: Any, mask: NDArray[np.bool_] | None = None) -> None:
        self._observation = np.copy(observation)

    def append(
        self, action: Any, observation: Any, reward: Any, terminated: Any, truncated: Any
    ) -> None:
        row = {
            "observation": self._observation,
            "action": action,
            "reward": reward,
            "discount": 0.0 if terminated else self._table.discount,
            "next_observation": np.copy(observation),
        }
        self.ends.append((terminated, truncated))
        self._waiting.append(row)
        self._observation = np.copy(observation)
        if len(self._waiting) >= self._group:
            self.flush()

    def flush(self) -> None:
        self._table.insert(self._waiting)
        self.appended += self._waiting
        self._waiting = []


class FakeBatchSource:
    """Batches drawn ``depth`` ahead; priorities are sent with the next draw.

    Each is waited for a quarter of a second, or so it says.
    """

    def __init__(
        self, table: FakeTable, batch_size: int, beta: Callable[[], float], depth: int = 2
    ) -> None:
        self.updates: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        self.wait_s = 0.0
        self._table = table
        self._batch_size = batch_size
        self._beta = beta
        self._ready = deque(self._draw() for _ in range(depth))

    def next_tensors(self) -> FakeTensorBatch:
        self.wait_s += 0.25
        self._ready.append(self._draw())
        return self._ready.popleft()

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        self.updates.append((keys, priorities))

    def _draw(self) -> FakeTensorBatch:
        for keys, priorities in self.updates[-1:]:
            self._table.update_priorities(keys, priorities)
        return self._table.sample(self._batch_size, self._beta())


class Corridor(gymnasium.Env[NDArray[np.float32], Any]):
    """Walk from position 0: action 1 goes on, action 0 stays; each step costs 1.

    Reaching ``goal`` terminates; the ``time_limit``-th step truncates.
    """

    def __init__(self, goal: int = 3, time_limit: int = 5) -> None:
        self.observation_space = spaces.Box(0.0, float(goal), (1,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.reset_seeds: list[int | None] = []
        self._goal = goal
        self._time_limit = time_limit
        self._position = 0
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        self.reset_seeds.append(seed)
        self._position = self._steps = 0
        return self._observation(), {}

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        self._position += action
        self._steps += 1
        terminated = self._position >= self._goal
        truncated = not terminated and self._steps >= self._time_limit
        return self._observation(), -1.0, terminated, truncated, {}

    def _observation(self) -> NDArray[np.float32]:
        return np.array([self._position], np.float32)


def corridor_loop() -> TrainingLoop:
    """A loop that has not begun, for observers to look at."""
    config = DQNConfig(hidden_units=(4,), learning_starts=5, batch_size=2)
    table = FakeTable(
        transition_table_spec(config, Corridor().observation_space, Corridor().action_space, seed=0)
    )
    return TrainingLoop(
        environment=Corridor(),
        evaluation_environment=Corridor(),
        agent=Agent.build((1,), 2, config, np.random.default_rng(0)),
        config=config,
        plan=TrainingPlan(
            steps=100,
            seed=0,
            evaluation_period=50,
            selection_episodes=1,
            confirmation_episodes=1,
            stop_return=None,
        ),
        writer=FakeWriter(table),
        open_batches=lambda beta: FakeBatchSource(table, config.batch_size, beta),
    )
