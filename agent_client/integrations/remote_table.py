"""RemoteTable: one table as the replay buffers of other libraries want it.

It connects when it is first used, so that a buffer can be made, saved with a model and loaded where
there is no server. What is saved is where the rows are, not the rows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent_client.batches import Batch
from agent_client.columns import as_signature, as_update
from agent_client.prefetcher import Prefetcher
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import UnsuitableTableError
from agent_client.writer import RowWriter

__all__ = ["RemoteTable", "require_fit"]

_FLUSH_INTERVAL_S: Final = 0.02
_LIMITER_WAIT_S: Final = 10.0
_CONNECTED: Final = ("_client", "_writer", "_batches")


class RemoteTable:
    """A table that a learner writes to and draws from; others may do so at the same time.

    For one thread. Pickled, it is connected anew where it is loaded.

    Attributes:
        server: the server's URL.
        table: its name.
        spec: what it is made of where it does not stand yet; without columns only one that stands
            can be used.
        timeout_s: how long a draw may wait for its batch, and rows for a server that is away.
    """

    def __init__(
        self,
        server: str,
        table: str,
        spec: Mapping[str, Any],
        *,
        prefetch: int = 16,
        tls_ca: str | Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Name a table; nothing is asked of the server yet.

        Args:
            server: the server's URL. The token comes from the variable REPLAY_TOKEN, so that none
                is ever saved with a model.
            table: its name.
            spec: what to make it of where it does not stand yet; its columns may come later.
            prefetch: batches drawn ahead, half of them in one request; 0 draws each when it is
                asked for, once all that was appended is stored.
            tls_ca: PEM file of the authorities to trust for https.
            timeout_s: how long a draw may wait for its batch, and rows for a server that is away.

        Raises:
            ValueError: `prefetch` is negative.
        """
        if prefetch < 0:
            raise ValueError(f"expected a prefetch of at least 0 batches, got {prefetch}")
        self.server = server
        self.table = table
        self.spec = dict(spec)
        self._prefetch = prefetch
        self._tls_ca = tls_ca
        self.timeout_s = timeout_s
        self._client: ReplayClient | None = None
        self._writer: RowWriter | None = None
        self._batches: Prefetcher | None = None
        self._batch_size = 0
        self._limiter_wait_s = min(timeout_s, _LIMITER_WAIT_S)
        self._updates: list[tuple[NDArray[np.int64], NDArray[Any]]] = []

    @property
    def client(self) -> ReplayClient:
        """The client, connected, the table made or found fit.

        Raises:
            UnsuitableTableError: a table with other columns or items stands under the name.
            UnknownTableError: there is none, and no columns are known to make it of.
            ReplayClientError: the server could not be asked, or refused.
        """
        if self._client is None:
            client = ReplayClient(self.server, tls_ca=self._tls_ca)
            try:
                if "columns" in self.spec:
                    document = client.ensure_table(self.table, self.spec)
                    require_fit(self.table, self.spec, document["spec"])
                else:
                    client.describe_table(self.table)
            except BaseException:
                client.close()
                raise
            self._client = client
        return self._client

    def append(self, row: Mapping[str, Any], priority: float | None = None) -> None:
        """Take a row, to be sent in the background; as `RowWriter.append`."""
        if self._writer is None:
            self._writer = RowWriter(
                self.client,
                self.table,
                flush_interval_s=_FLUSH_INTERVAL_S,
                create=self.spec,
                give_up_after_s=self.timeout_s,
            )
        self._writer.append(row, priority)

    def flush(self) -> None:
        """Return when the server has every row that was appended; as `RowWriter.flush`."""
        if self._writer is not None:
            self._writer.flush()

    def draw(self, batch_size: int) -> Batch:
        """Return a batch of so many items.

        Raises:
            BatchTimeoutError: none came in time; its cause is what stood in the way.
            RateLimitedError: without prefetch, too few items were there.
        """
        if self._prefetch == 0:
            self.flush()
            update = self._take_update()
            return self.client.sample(
                self.table, batch_size, update=update, timeout_s=self._limiter_wait_s
            )
        if self._batches is None or batch_size != self._batch_size:
            self._stop_drawing()
            self.flush()
            self._batches = Prefetcher(
                self.client,
                self.table,
                batch_size,
                depth=self._prefetch,
                batches=max(1, self._prefetch // 2),
                timeout_s=self.timeout_s,
            )
            self._batch_size = batch_size
        return self._batches.next()

    def update_priorities(self, keys: ArrayLike, priorities: ArrayLike) -> None:
        """Have raw priorities, [B] for [B] keys, stored with a coming draw; both are copied."""
        if self._batches is not None:
            self._batches.update_priorities(keys, priorities)
        else:
            self._updates.append(as_update(keys, priorities))

    def size(self) -> int:
        """Return how many items there are, with all that was appended."""
        self.flush()
        size: int = self.client.describe_table(self.table)["stats"]["size"]
        return size

    def reset(self) -> None:
        """Empty the table, for everybody who uses it; an admin's token may, where there are any."""
        self._stop_drawing()
        self.flush()
        self._updates.clear()
        self.client.reset_table(self.table)

    def close(self) -> None:
        """Send what is left and close the connections. Used again, it connects again."""
        try:
            self._stop_drawing()
            update = self._take_update()
            if update is not None:
                self.client.update_priorities(self.table, *update)
            if self._writer is not None:
                self._writer.close()
        finally:
            self._writer = None
            if self._client is not None:
                self._client.close()
            self._client = None

    def _stop_drawing(self) -> None:
        batches, self._batches = self._batches, None
        if batches is not None:
            batches.close()

    def _take_update(self) -> tuple[NDArray[np.int64], NDArray[Any]] | None:
        updates, self._updates = self._updates, []
        if not updates:
            return None
        keys, priorities = zip(*updates, strict=True)
        return np.concatenate(keys), np.concatenate(priorities)

    def __getstate__(self) -> dict[str, Any]:
        """Return where the rows are, once all of them are there."""
        self.flush()
        return {**self.__dict__, **dict.fromkeys(_CONNECTED), "_updates": []}


def require_fit(table: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> None:
    """Check that a table that stands takes the rows and gives the items that one expects.

    How it draws, what it drops and whom it lets wait is its owner's choice.

    Args:
        table: its name.
        expected: a spec with columns.
        actual: the table's; without columns it takes those of the first row.

    Raises:
        UnsuitableTableError: it has other columns, or items of another kind.
    """
    kind = expected.get("items", {}).get("kind", "row")
    found = as_signature(actual)
    if actual["items"]["kind"] != kind or found not in (None, as_signature(expected)):
        raise UnsuitableTableError(
            table,
            {"columns": expected["columns"], "items": {"kind": kind}},
            {"columns": actual.get("columns") or {}, "items": {"kind": actual["items"]["kind"]}},
        )
