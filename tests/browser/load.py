"""Actors and a learner of a run that is slow where one wants it to be."""

import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from agent_client import ReplayClient
from agent_client.errors import ReplayClientError

ROWS = 8
WAIT_S = 2.0
VECTORS = {
    "capacity": 20_000,
    "rate_limiter": {
        "kind": "sample_to_insert_ratio",
        "samples_per_insert": 8.0,
        "min_size": 200,
        "error_buffer": 800.0,
    },
}

Rows = dict[str, np.ndarray]


def vectors(generator: np.random.Generator) -> Rows:
    """Rows of a vector, a choice and a reward."""
    return {
        "observation": generator.normal(size=(ROWS, 8)).astype(np.float32),
        "action": generator.integers(0, 4, ROWS),
        "reward": generator.normal(size=ROWS).astype(np.float32),
    }


def frames(generator: np.random.Generator) -> Rows:
    """Rows of four stacked frames, a long vector, a colour image and a flag."""
    y, x = np.mgrid[:84, :84]
    shifts = generator.uniform(0, 80, size=(ROWS, 1, 1, 1)) + np.arange(4)[:, None, None] * 3
    waves = np.sin((x + shifts) / 9) * np.cos((y - shifts) / 13)
    colours = np.stack([x * 3, y * 3, 255 - x - y], axis=-1)
    return {
        "observation": (128 + 110 * waves).astype(np.uint8),
        "camera": np.broadcast_to(colours.astype(np.uint8), (ROWS, 84, 84, 3)).copy(),
        "features": np.sin(np.linspace(0, 9, 64) + shifts[:, 0, 0]).astype(np.float32),
        "is_goal": generator.random(ROWS) < 0.1,
    }


class Load:
    """Threads that insert into a table and draw from it, each after its pause.

    Attributes:
        actor_pause_s: between the inserts of an actor; may be changed at any time.
        learner_pause_s: between the draws of the learner.
    """

    def __init__(
        self,
        url: str,
        table: str,
        *,
        actors: int = 2,
        actor_pause_s: float = 0.05,
        learner_pause_s: float = 0.05,
        batch_size: int = 128,
        make: Callable[[np.random.Generator], Rows] = vectors,
        token: str | None = None,
        **spec: Any,
    ) -> None:
        self.actor_pause_s, self.learner_pause_s = actor_pause_s, learner_pause_s
        self._url, self._table, self._token = url, table, token
        self._make, self._batch_size = make, batch_size
        self._over = threading.Event()
        with self._client() as client:
            client.create_table(table, {**VECTORS, **spec})
        self._threads = [
            threading.Thread(target=self._act, args=(number,)) for number in range(actors)
        ]
        self._threads.append(threading.Thread(target=self._learn))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        with self._client() as client:
            client.delete_table(self._table)

    def _client(self) -> ReplayClient:
        return ReplayClient(self._url, token=self._token)

    def _act(self, number: int) -> None:
        generator, sequence = np.random.default_rng(number), 0
        with self._client() as client:
            while not self._over.wait(self.actor_pause_s):
                sequence += 1
                stamp = (f"{self._table}-actor-{number}", sequence)
                try:
                    client.insert(
                        self._table, self._make(generator), writer=stamp, timeout_s=WAIT_S
                    )
                except ReplayClientError:  # the limiter, for as long as it was waited for
                    continue

    def _learn(self) -> None:
        generator = np.random.default_rng(0)
        with self._client() as client:
            while not self._over.wait(self.learner_pause_s):
                try:
                    batch = client.sample(self._table, self._batch_size, timeout_s=WAIT_S)
                    errors = generator.lognormal(-1.0, 1.2, size=self._batch_size)
                    client.update_priorities(self._table, batch.keys, errors)
                except ReplayClientError:
                    continue
