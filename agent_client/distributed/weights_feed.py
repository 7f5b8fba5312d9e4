"""The newest weights, brought by a thread that waits on the server for them."""

import threading
from typing import Final

from agent_client.closing import Closing
from agent_client.errors import (
    ReplayClientError,
    ServerUnavailableError,
    ServerUnreachableError,
    UnknownParametersError,
)
from agent_client.replay_client import ReplayClient, StoredParameters
from agent_client.transport.outages import OutageLog
from agent_client.transport.retries import pause_after

__all__ = ["WeightsFeed"]

_POLL_S: Final = 10.0


class WeightsFeed(Closing):
    """Waits for new versions of parameters beside the thread that uses them.

    Versions that nobody took in time are passed over: only the newest counts. Outages of the
    server are waited out, however long; the writer of steps is who loses patience.
    """

    def __init__(self, client: ReplayClient, name: str, *, poll_s: float = _POLL_S) -> None:
        """Start waiting.

        Args:
            client: kept, not closed.
            name: of the parameters; they need not be there yet.
            poll_s: how long the server holds a request before it says that there is nothing new.
        """
        self._client = client.without_retries()
        self._name = name
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._newest: StoredParameters | None = None
        self._version = 0
        self._failure: ReplayClientError | None = None
        self._is_closed = threading.Event()
        self._outages = OutageLog(f"the feed of weights {name!r}", float("inf"))
        self._thread = threading.Thread(target=self._run, name=f"weights-{name}", daemon=True)
        self._thread.start()

    def take(self) -> StoredParameters | None:
        """Return the newest version, or None where the caller has had it; never waits.

        Raises:
            ReplayClientError: the server refuses for good.
        """
        if self._newest is None and self._failure is None:  # without the lock: mostly so
            return None
        with self._lock:
            newest, self._newest = self._newest, None
            if newest is None and self._failure is not None:
                raise self._failure
            return newest

    def close(self) -> None:
        """Stop. The request under way is left to itself: it holds nothing up."""
        self._is_closed.set()

    def _run(self) -> None:
        failures = 0
        while not self._is_closed.is_set():
            try:
                found = self._client.get_parameters(
                    self._name, newer_than=self._version, wait_s=self._poll_s
                )
            except UnknownParametersError:
                self._version = failures = 0
                self._outages.answered()
            except (ServerUnreachableError, ServerUnavailableError) as error:
                # One that comes back without what it held counts versions from 1 again.
                self._version = 0
                failures += 1
                if self._is_closed.is_set():
                    return
                self._outages.failed(error)
                self._is_closed.wait(pause_after(error, failures))
            except ReplayClientError as error:
                with self._lock:
                    self._failure = error
                return
            else:
                failures = 0
                self._outages.answered()
                if found is not None:
                    self._version = found.version
                    with self._lock:
                        self._newest = found
