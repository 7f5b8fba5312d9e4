"""Weights on their way to the server, put there by a thread while the learner goes on."""

import threading
from typing import Final

from agent_client.closing import Closing
from agent_client.errors import (
    ReplayClientError,
    ServerUnavailableError,
    ServerUnreachableError,
    StorageFullError,
)
from agent_client.replay_client import ReplayClient
from agent_client.transport.outages import OutageLog
from agent_client.transport.retries import pause_after

__all__ = ["WeightsPublisher"]

_LAST_S: Final = 10.0


class WeightsPublisher(Closing):
    """Puts the newest weights under a name; those that a newer one overtakes are not sent.

    Outages are waited out: whoever draws batches from the same server is who loses patience.

    Attributes:
        versions_put: how many got through.
    """

    def __init__(self, client: ReplayClient, name: str) -> None:
        """Start the thread.

        Args:
            client: kept, not closed.
            name: of the parameters.
        """
        self.versions_put = 0
        self._client = client.without_retries()
        self._name = name
        self._changed = threading.Condition()
        self._next: bytes | None = None
        self._is_sending = False
        self._is_closing = threading.Event()
        self._failure: ReplayClientError | None = None
        self._outages = OutageLog(f"the publisher of weights {name!r}", float("inf"))
        self._thread = threading.Thread(target=self._run, name=f"publish-{name}", daemon=True)
        self._thread.start()

    def publish(self, content: bytes) -> None:
        """Have `content` put as the next version; returns at once.

        Raises:
            ReplayClientError: the server has refused earlier ones for good.
        """
        with self._changed:
            if self._failure is not None:
                raise self._failure
            self._next = content
            self._changed.notify_all()

    def flush(self, timeout_s: float = _LAST_S) -> bool:
        """Return whether all that was published is there, waiting up to `timeout_s`.

        Raises:
            ReplayClientError: the server refused it for good.
        """
        with self._changed:
            is_done = self._changed.wait_for(
                lambda: self._failure is not None or (self._next is None and not self._is_sending),
                timeout_s,
            )
            if self._failure is not None:
                raise self._failure
            return is_done

    def close(self) -> None:
        """Stop; what is still waiting is dropped."""
        with self._changed:
            self._is_closing.set()
            self._changed.notify_all()

    def _run(self) -> None:
        failures = 0
        while (content := self._take()) is not None:
            try:
                self._client.put_parameters(self._name, content)
            except (ServerUnreachableError, ServerUnavailableError, StorageFullError) as error:
                failures += 1
                self._outages.failed(error)
                self._put_back(content)
                self._is_closing.wait(pause_after(error, failures))
            except ReplayClientError as error:
                with self._changed:
                    self._failure, self._is_sending = error, False
                    self._changed.notify_all()
                return
            else:
                failures = 0
                self._outages.answered()
                with self._changed:
                    self.versions_put += 1
                    self._is_sending = False
                    self._changed.notify_all()

    def _take(self) -> bytes | None:
        """Return what to send next; None when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._is_closing.is_set())
            if self._is_closing.is_set():
                return None
            content, self._next = self._next, None
            self._is_sending = True
            return content

    def _put_back(self, content: bytes) -> None:
        """Let what did not get through go next, unless something newer has come."""
        with self._changed:
            self._next = content if self._next is None else self._next
            self._is_sending = False
