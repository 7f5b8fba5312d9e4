"""TaskMix: one learner, several tasks, a table each; batches by shares that may change any time.

    mix = TaskMix(client, {"reach": 0.5, "grasp": 0.25, "lift": 0.25}, 256)
    while ...:
        batches = mix.next()                    # table -> Batch, all from one request
        for table, batch in batches.items():
            mix.update_priorities(table, batch.keys, learn(table, batch))
        mix.shares = more_of_what_is_learned_worst()
    mix.flush()

`agent_client.task_batches` joins the batches for a learner that takes one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent_client.batches import Batch
from agent_client.batches.draws import Draw, Layout
from agent_client.columns import as_update
from agent_client.replay_client import ReplayClient

__all__ = ["TaskMix"]

_Update: TypeAlias = tuple[NDArray[np.int64], NDArray[Any]]


class TaskMix:
    """Draws from several tables at one instant, all or none. Not thread-safe.

    How many items of a batch come from a table follows its share exactly in the long run: what
    a batch can't be divided into is owed to the table and given in a later one, so that a share of
    1 % of a batch of 32 is one item in every third or fourth batch. Importance weights are those of
    each table by itself.
    """

    def __init__(
        self,
        client: ReplayClient,
        shares: Mapping[str, float],
        batch_size: int,
        *,
        beta: float | Callable[[], float] | None = None,
        columns: Sequence[str] | None = None,
        layout: Layout = "stacked",
        timeout_s: float = 10.0,
    ) -> None:
        """Mix tables.

        Args:
            client: kept, not closed.
            shares: table -> how much of a batch comes from it, in any unit; 0 is nothing for now.
            batch_size: items of all tables together.
            beta: importance-sampling exponent, or what tells it at each draw; None takes each
                table's.
            columns: only these.
            layout: as for `ReplayClient.sample`.
            timeout_s: how long the server waits for the tables' rate limiters.

        Raises:
            ValueError: `batch_size` is less than 1, or the shares are none.
        """
        if batch_size < 1:
            raise ValueError(f"expected a batch_size of at least 1, got {batch_size}")
        self._client = client
        self._batch_size = batch_size
        self._beta = beta
        self._columns = columns
        self._layout: Layout = layout
        self._timeout_s = timeout_s
        self._shares: dict[str, float] = {}
        self._owed: dict[str, float] = {}
        self._updates: dict[str, list[_Update]] = {}
        self.shares = shares

    @property
    def shares(self) -> Mapping[str, float]:
        """How much of a batch comes from each table; they sum to 1.

        Setting them takes effect with the next draw. Tables may come and go.
        """
        return dict(self._shares)

    @shares.setter
    def shares(self, shares: Mapping[str, float]) -> None:
        total = math.fsum(shares.values())
        if (
            not all(0.0 <= share < math.inf for share in shares.values())
            or not 0 < total < math.inf
        ):
            raise ValueError(f"expected shares of 0 or more, and not all of them 0; got {shares}")
        self._shares = {table: share / total for table, share in shares.items()}
        self._owed = {table: self._owed.get(table, 0.0) for table in shares}

    def next(self) -> dict[str, Batch]:
        """Return a batch of each table that has a part in this draw, in the order of the shares.

        Priorities that were given to `update_priorities` are stored first, in the same request.

        Raises:
            RateLimitedError, NothingToDrawError: a table has nothing to give; nothing was drawn,
                and the priorities wait for the next draw.
            ReplayClientError: the server can't be reached or refuses; likewise.
        """
        counts = self._counts()
        beta = self._beta() if callable(self._beta) else self._beta
        draws = [
            Draw(
                table=table,
                batch_size=count,
                beta=beta,
                columns=self._columns,
                layout=self._layout,
                update=self._waiting_update(table),
                timeout_s=self._timeout_s,
            )
            for table, count in counts.items()
            if count
        ]
        batches = self._client.sample_mixed(draws)
        for table in self._shares:
            self._owed[table] += self._shares[table] * self._batch_size - counts[table]
        for draw in draws:
            self._updates.pop(draw.table, None)
        return {draw.table: batch for draw, batch in zip(draws, batches, strict=True)}

    def update_priorities(self, table: str, keys: ArrayLike, priorities: ArrayLike) -> None:
        """Have new raw priorities stored with the next draw from the table; copies them.

        Args:
            table: its name.
            keys: [B] integers.
            priorities: [B], finite and >= 0.

        Raises:
            ValueError: they are not vectors of one length, or keys are not integers.
        """
        self._updates.setdefault(table, []).append(as_update(keys, priorities))

    def flush(self) -> None:
        """Store the priorities that wait for a draw. Raises ReplayClientError."""
        for table in list(self._updates):
            update = self._waiting_update(table)
            if update is not None:
                self._client.update_priorities(table, *update)
            del self._updates[table]

    def _counts(self) -> dict[str, int]:
        """Return how many items of the next batch come from each table."""
        wanted = {
            table: self._owed[table] + share * self._batch_size
            for table, share in self._shares.items()
        }
        counts = {table: max(0, math.floor(amount)) for table, amount in wanted.items()}
        by_need = sorted(wanted, key=lambda table: counts[table] - wanted[table])
        spare = self._batch_size - sum(counts.values())
        for table in [table for table in by_need if self._shares[table]][: max(spare, 0)]:
            counts[table] += 1
        for table in reversed(by_need):
            surplus = sum(counts.values()) - self._batch_size
            counts[table] -= min(max(surplus, 0), counts[table])
        return counts

    def _waiting_update(self, table: str) -> _Update | None:
        updates = self._updates.get(table)
        if not updates:
            return None
        keys, priorities = zip(*updates, strict=True)
        return np.concatenate(keys), np.concatenate(priorities)
