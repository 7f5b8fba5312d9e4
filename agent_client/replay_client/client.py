"""ReplayClient: one server, its readiness and limits; the verbs are in the modules beside."""

import ssl
import time
from copy import copy
from functools import partial
from pathlib import Path
from typing import Final, Self

import httpx

from agent_client.closing import Closing
from agent_client.columns import Signature
from agent_client.errors import ServerUnavailableError, ServerUnreachableError
from agent_client.replay_client.checkpoint_verbs import CheckpointVerbs
from agent_client.replay_client.direct_path import DirectPath
from agent_client.replay_client.parameter_verbs import ParameterVerbs
from agent_client.replay_client.row_verbs import RowVerbs
from agent_client.transport.channel import Channel
from agent_client.transport.patience import Patience
from replay_wire import endpoints
from replay_wire.bearer import find_token
from replay_wire.messages import InfoReply

__all__ = ["ReplayClient"]

_READY_POLL_S: Final = 0.05
_READY_POLL_LONGEST_S: Final = 0.5


class ReplayClient(RowVerbs, ParameterVerbs, CheckpointVerbs, Closing):
    """Talks to one replay server. Thread-safe; a context manager that closes its connections."""

    def __init__(
        self,
        server: str | httpx.Client = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        tls_ca: str | Path | None = None,
        timeout_s: float = Patience.timeout_s,
        connect_timeout_s: float = Patience.connect_timeout_s,
        total_timeout_s: float = Patience.total_timeout_s,
        attempts: int = Patience.attempts,
        ssl_context: ssl.SSLContext | None = None,
        direct: bool = True,
    ) -> None:
        """Make a client; connections are made when needed and kept.

        Args:
            server: the server's URL (`http+unix://%2Fpath` for a socket file), or an httpx.Client
                with `base_url` set that does the sending and stays the caller's.
            token: for a server with authentication; None takes the variable REPLAY_TOKEN, unless an
                httpx.Client does the sending.
            tls_ca: PEM file of the authorities to trust for https, those of the system not.
            timeout_s: how long the server may be silent, and how long to wait for a connection
                while all are in use; what a request asks the server to wait is added.
            connect_timeout_s: how long until a connection stands.
            total_timeout_s: how long a call may take, all its attempts and pauses included; what
                it asks the server to wait is added.
            attempts: how often a request goes out at most, where it is safe to send it again
                (docs/client.md); 1 never sends one again.
            ssl_context: for https, in place of `tls_ca`; None trusts what the system trusts.
            direct: whether rows of a cluster go straight to and from its shards, where the server
                is its gateway and can be asked by its URL.

        Raises:
            ValueError: the URL is none of a replay server, a limit is not positive, the token is
                none, or `tls_ca` is no file of certificates.
        """
        if token is None and isinstance(server, str):
            token = find_token(None)
        if tls_ca is not None:
            ssl_context = _context_that_trusts(tls_ca)
        patience = Patience(timeout_s, connect_timeout_s, total_timeout_s, attempts)
        self._channel = Channel(server, token=token, patience=patience, verify=ssl_context)
        self._direct_path: DirectPath | None = None
        if direct and isinstance(server, str):
            open_channel = partial(Channel, token=token, patience=patience, verify=ssl_context)
            self._direct_path = DirectPath(self._channel, open_channel)
        self._signatures: dict[str, Signature] = {}

    def without_retries(self, total_timeout_s: float | None = None) -> Self:
        """Return a client over the same connections that sends each request once.

        For callers with a loop of their own. Closing either closes both.

        Args:
            total_timeout_s: how long that may take, where it is less than the client's own limit.
        """
        twin = copy(self)
        twin._channel = self._channel.without_retries(total_timeout_s)
        return twin

    def close(self) -> None:
        """Close the connections; an httpx.Client that was given stays open."""
        self._channel.close()
        if self._direct_path is not None:
            self._direct_path.close()

    def info(self) -> InfoReply:
        """Return the server's version and limits."""
        reply: InfoReply = self._channel.call(endpoints.INFO, repeatable=True)
        return reply

    def wait_until_ready(self, timeout_s: float = 30.0) -> None:
        """Return as soon as the server serves.

        Raises:
            ServerUnreachableError, ServerUnavailableError: it does not after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        pause_s = _READY_POLL_S
        while True:
            left_s = deadline - time.monotonic()
            try:
                self._channel.without_retries(left_s).call(endpoints.READYZ)
            except (ServerUnreachableError, ServerUnavailableError):
                if time.monotonic() + pause_s > deadline:
                    raise
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _READY_POLL_LONGEST_S)
            else:
                return


def _context_that_trusts(authorities: str | Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:  # ssl.SSLError is one
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"tls_ca {authorities} can't be used: {reason}") from error
