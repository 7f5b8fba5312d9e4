"""What a `torch.utils.data.DataLoader` reads from a table: every row once, or draws.

    rows = TableRows(url, "experience", batch_size=256)
    loader = DataLoader(rows, batch_size=None, num_workers=2)
    for batch in loader:
        batch["observation"]    # [256, ...]

Workers share the work, each with a client of its own that it makes itself. Needs the extra `agent`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.data import IterableDataset, get_worker_info

from agent_client.replay_client import ReplayClient
from agent_client.tensors import to_tensor

__all__ = ["TableDraws", "TableRows"]

Tensors = dict[str, torch.Tensor]
_STRIPE: Final = 1024
"""Rows with neighboring keys that one worker reads, before those of the next."""


class _TableDataset(IterableDataset[Tensors]):
    """A table to read from, by whichever process does."""

    def __init__(
        self,
        server: str,
        table: str,
        columns: Sequence[str] | None,
        tls_ca: str | Path | None,
    ) -> None:
        self._server = server
        self._table = table
        self._columns = None if columns is None else list(columns)
        self._tls_ca = tls_ca

    def _client(self) -> ReplayClient:
        return ReplayClient(self._server, tls_ca=self._tls_ca)


class TableRows(_TableDataset):
    """Each row that is stored, once, in the order of keys: for training from a fixed set of data.

    With several workers the rows are divided among them by key, each exactly once. Rows that come
    while one reads may be read as well; those that are overwritten meanwhile are not.
    """

    def __init__(
        self,
        server: str,
        table: str,
        *,
        batch_size: int | None = None,
        columns: Sequence[str] | None = None,
        tls_ca: str | Path | None = None,
    ) -> None:
        """Read a table; nothing is asked of the server before one iterates.

        Args:
            server: its URL; a token is taken from the variable REPLAY_TOKEN.
            table: its name.
            batch_size: rows that come together, fewer where there are no more in a row; give the
                DataLoader `batch_size=None` then. None gives row by row, for it to collate.
            columns: only these.
            tls_ca: PEM file of the authorities to trust for https.

        Raises:
            ValueError: `batch_size` is less than 1.
        """
        super().__init__(server, table, columns, tls_ca)
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"expected a batch_size of at least 1, got {batch_size}")
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[Tensors]:
        """Return the rows, or batches of them, by column.

        Raises:
            UnknownTableError: there is no such table.
            InvalidRequestError: it has no such column.
        """
        for rows in self._scanned():
            count = len(next(iter(rows.values()), ()))
            if self._batch_size is None:
                yield from ({name: v[place] for name, v in rows.items()} for place in range(count))
                continue
            for start in range(0, count, self._batch_size):
                yield {name: v[start : start + self._batch_size] for name, v in rows.items()}

    def _scanned(self) -> Iterator[Tensors]:
        """Return the rows of this worker's stripes: keys `k` with `k // stripe` its own."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        stripe = _STRIPE if self._batch_size is None else _whole_batches(self._batch_size)
        with self._client() as client:
            after = worker * stripe - 1
            while True:
                found = client.scan(self._table, after=after, limit=stripe, columns=self._columns)
                if not found.keys.size:
                    return
                first = int(found.keys[0]) // stripe
                if first % workers == worker:
                    count = int((found.keys < (first + 1) * stripe).sum())
                    yield {name: to_tensor(v[:count]) for name, v in found.columns.items()}
                    last, end = int(found.keys[count - 1]), (first + 1) * stripe - 1
                    is_cut_short = found.more and count == len(found.keys) and last < end
                    after = last if is_cut_short else end + (workers - 1) * stripe
                else:
                    after = (first + (worker - first) % workers) * stripe - 1


class TableDraws(_TableDataset):
    """Batches as the table's sampler draws them: `keys` and `weights`, and the columns by name.

    Each worker draws for itself. Without `batches` there is no end.
    """

    def __init__(
        self,
        server: str,
        table: str,
        batch_size: int,
        *,
        batches: int | None = None,
        beta: float | None = None,
        columns: Sequence[str] | None = None,
        timeout_s: float = 60.0,
        tls_ca: str | Path | None = None,
    ) -> None:
        """Draw from a table; nothing is asked of the server before one iterates.

        Args:
            server: its URL; a token is taken from the variable REPLAY_TOKEN.
            table: its name.
            batch_size: B; give the DataLoader `batch_size=None`.
            batches: of all workers together; None goes on for ever.
            beta: importance-sampling exponent; None takes the table's.
            columns: only these.
            timeout_s: how long the server waits for the rate limiter.
            tls_ca: PEM file of the authorities to trust for https.

        Raises:
            ValueError: `batch_size` is less than 1.
        """
        super().__init__(server, table, columns, tls_ca)
        if batch_size < 1:
            raise ValueError(f"expected a batch_size of at least 1, got {batch_size}")
        self._batch_size = batch_size
        self._batches = batches
        self._beta = beta
        self._timeout_s = timeout_s

    def __iter__(self) -> Iterator[Tensors]:
        """Return batches: `keys` [B] int64, `weights` [B] float32, each column [B, ...].

        Raises:
            ValueError: a column is called `keys` or `weights`.
            RateLimitedError: the table has too few items, or its limiter still said no.
        """
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        left = None if self._batches is None else len(range(worker, self._batches, workers))
        with self._client() as client:
            while left is None or left > 0:
                batch = client.sample(
                    self._table,
                    self._batch_size,
                    beta=self._beta,
                    columns=self._columns,
                    timeout_s=self._timeout_s,
                )
                ours: dict[str, Any] = {"keys": batch.keys, "weights": batch.weights}
                if ours.keys() & batch.columns.keys():
                    raise ValueError("a column is called keys or weights: ask for others")
                yield {name: to_tensor(v) for name, v in {**ours, **batch.columns}.items()}
                left = None if left is None else left - 1


def _whole_batches(batch_size: int) -> int:
    """Return the smallest stripe, not below the usual one, of which batches are no remainder."""
    return -(-_STRIPE // batch_size) * batch_size
