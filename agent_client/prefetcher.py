"""Prefetcher: batches drawn ahead of the learner, priorities sent along with the next draw.

    with Prefetcher(client, "experience", 256, beta=lambda: schedule.value(step)) as batches:
        while ...:
            batch = batches.next()
            priorities = learn(batch)
            batches.update_priorities(batch.keys, priorities)

While the learner works on one batch a thread draws the next, so the round trip is hidden; a batch
is at most `depth` draws old when it is used, and so are the priorities by which it was drawn.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent_client.batches import Batch
from agent_client.batches.draws import Layout
from agent_client.columns import as_update
from agent_client.errors import (
    BatchTimeoutError,
    PrefetcherClosedError,
    RateLimitedError,
    ReplayClientError,
    ServerUnavailableError,
    ServerUnreachableError,
    StorageFullError,
)
from agent_client.replay_client import ReplayClient
from agent_client.transport.outages import OutageLog
from agent_client.transport.retries import pause_after

if TYPE_CHECKING:
    import torch

    from agent_client.tensors import TensorBatch

__all__ = ["Prefetcher"]

_LIMITER_WAIT_S: Final = 0.5  # also the longest that close waits for a draw that is refused
_LAST_UPDATE_S: Final = 1.0
Update: TypeAlias = tuple[NDArray[np.int64], NDArray[Any]]


class Prefetcher:
    """Keeps batches of one table ready. Thread-safe; a context manager that closes it.

    Draws go on through refusals of the rate limiter, outages of the server and full disks; what the
    server refuses for good is raised by `next`. Make it in the process that uses it: a thread
    does not survive a fork. Batches drawn ahead and never used count as drawn: from a table in
    which items go after being drawn they are lost at `close`.

    Attributes:
        wait_s: seconds that `next` has waited, in all.
        batches_taken: batches that `next` has given out.
    """

    def __init__(
        self,
        client: ReplayClient,
        table: str,
        batch_size: int,
        *,
        depth: int = 2,
        batches: int = 1,
        beta: float | Callable[[], float] | None = None,
        columns: Sequence[str] | None = None,
        layout: Layout = "stacked",
        device: "torch.device | str | None" = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Start drawing.

        Args:
            client: kept, not closed.
            table: its name.
            batch_size: B.
            depth: batches kept ready.
            batches: so many are drawn in one request, which costs less a batch where they are
                small; drawn anew when there is room for all of them.
            beta: importance-sampling exponent, or what tells it at each draw (called by the
                prefetcher's thread); None takes the table's.
            columns: only these.
            layout: "indexed" has each distinct row of a table of steps sent once; call `stacked` of
                the batch where it is used.
            device: where `next_tensors` puts tensors; None is the CPU.
            timeout_s: how long `next` waits before it raises, and `close` before it gives up.

        Raises:
            ValueError: `batch_size` or `batches` is less than 1, or `depth` less than `batches`.
        """
        if batch_size < 1 or batches < 1:
            raise ValueError("expected batch_size and batches of at least 1")
        if depth < batches:
            raise ValueError(
                f"expected a depth of at least {batches}, as many as are drawn at once"
            )
        self.wait_s = 0.0
        self.batches_taken = 0
        self._client = client.without_retries()
        self._table = table
        self._batch_size = batch_size
        self._depth = depth
        self._batches = batches
        self._beta = beta
        self._columns = columns
        self._layout = layout
        self._device = device
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._wanted = threading.Condition(self._lock)
        self._there = threading.Condition(self._lock)
        self._ready: deque[Batch] = deque()
        self._updates: list[Update] = []
        self._is_closing = threading.Event()
        self._outages = OutageLog(f"the prefetcher of table {table!r}", timeout_s)
        self._last_refusal: ReplayClientError | None = None
        self._failure: Exception | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"replay-prefetcher-{table}", daemon=True
        )
        self._thread.start()

    def next(self) -> Batch:
        """Return a batch, the caller's own; waits until there is one.

        Raises:
            BatchTimeoutError: none came within `timeout_s`; its cause is what stood in the way.
            PrefetcherClosedError: the prefetcher is closed.
            ReplayClientError: the server refused the draw for good.
        """
        started_at = time.monotonic()
        with self._lock:
            in_time = self._there.wait_for(
                lambda: self._ready or self._failure is not None or self._is_closing.is_set(),
                self._timeout_s,
            )
            self.wait_s += time.monotonic() - started_at
            if self._is_closing.is_set():
                raise PrefetcherClosedError
            if self._ready:
                self.batches_taken += 1
                self._wanted.notify()
                return self._ready.popleft()
            if self._failure is not None:
                raise self._failure
            assert not in_time
            reason = "the server is slow" if self._last_refusal is None else str(self._last_refusal)
            raise BatchTimeoutError(self._timeout_s, reason) from self._last_refusal

    def next_tensors(self) -> "TensorBatch":
        """Return a batch as torch tensors on `device`; as `next` else."""
        from agent_client.tensors import TensorBatch

        return TensorBatch.from_batch(self.next(), self._device)

    def update_priorities(self, keys: ArrayLike, priorities: ArrayLike) -> None:
        """Have new raw priorities stored with the next draw; copies them and returns at once.

        Updates are stored in the order in which they came; of one key given twice the last wins.

        Args:
            keys: [B] integers.
            priorities: [B], finite and >= 0.

        Raises:
            ValueError: they are not vectors of one length, or keys are not integers.
            PrefetcherClosedError: the prefetcher is closed.
            ReplayClientError: the server refused an earlier draw or update for good.
        """
        update = as_update(keys, priorities)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._is_closing.is_set():
                raise PrefetcherClosedError
            self._updates.append(update)

    def close(self) -> None:
        """Stop, and send the priorities that are left. Closing again does nothing.

        It takes `timeout_s` at most, and a second where the thread took all of that.

        Raises:
            ReplayClientError: the priorities that were left could not be stored.
            Exception: what ended the thread before they could be.
        """
        deadline = time.monotonic() + self._timeout_s
        with self._lock:
            if self._is_closing.is_set():
                return
            self._is_closing.set()
            self._wanted.notify()
            self._there.notify_all()
        self._thread.join(self._timeout_s)
        self._ready.clear()
        update = self._take_update()
        if update is not None:
            if self._failure is not None:
                raise self._failure
            left_s = max(deadline - time.monotonic(), _LAST_UPDATE_S)
            self._client.without_retries(left_s).update_priorities(self._table, *update)

    def __enter__(self) -> Self:
        """Return the prefetcher."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the prefetcher; an error that is on its way goes first and bears a note of ours."""
        try:
            self.close()
        except ReplayClientError as error:
            if exc_value is None:
                raise
            exc_value.add_note(f"and the prefetcher: {error}")

    def _run(self) -> None:
        """Draw whenever what one request brings is no more than `depth` allows."""
        failures = 0
        try:
            while self._wait_until_wanted():
                update = self._take_update()
                try:
                    drawn = self._draw(update)
                except RateLimitedError as error:
                    self._put_back(update)
                    failures = 0
                    self._outages.answered()
                    self._last_refusal = error
                    self._is_closing.wait(pause_after(error, failures))
                except (ServerUnavailableError, ServerUnreachableError, StorageFullError) as error:
                    self._put_back(update)
                    failures += 1
                    self._outages.failed(error)
                    self._last_refusal = error
                    self._is_closing.wait(pause_after(error, failures))
                except BaseException:
                    self._put_back(update)
                    raise
                else:
                    failures = 0
                    self._outages.answered()
                    with self._lock:
                        self._last_refusal = None
                        self._ready.extend(drawn.split() if self._batches > 1 else [drawn])
                        self._there.notify_all()
        except Exception as error:  # noqa: BLE001 - kept, and raised by `next`
            with self._lock:
                self._failure = error
                self._there.notify_all()

    def _wait_until_wanted(self) -> bool:
        """Return true when more batches are wanted, false when the prefetcher is closed."""
        with self._lock:
            self._wanted.wait_for(
                lambda: len(self._ready) + self._batches <= self._depth or self._is_closing.is_set()
            )
            return not self._is_closing.is_set()

    def _draw(self, update: Update | None) -> Batch:
        return self._client.sample(
            self._table,
            self._batch_size,
            batches=self._batches,
            beta=self._beta() if callable(self._beta) else self._beta,
            columns=self._columns,
            layout=self._layout,
            update=update,
            timeout_s=_LIMITER_WAIT_S,
        )

    def _take_update(self) -> Update | None:
        """Return all updates that are waiting as one, in their order."""
        with self._lock:
            updates, self._updates = self._updates, []
        if not updates:
            return None
        if len(updates) == 1:
            return updates[0]
        keys, priorities = zip(*updates, strict=True)
        return np.concatenate(keys), np.concatenate(priorities)

    def _put_back(self, update: Update | None) -> None:
        """Let an update that has not got through go before those that came since."""
        if update is not None:
            with self._lock:
                self._updates.insert(0, update)
