"""One request and its reply: encoding, sending, retrying, and turning refusals into errors.

Sent again, with growing and jittered pauses, is only what is safe to send again: what never
reached the server, what the server refused for the moment (503), and what may happen twice
(`repeatable`). A draw or a plain insert whose answer was lost is not.
"""

import dataclasses
import ssl
import time
from copy import copy
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import httpx
import stamina

from agent_client.errors import InvalidReplyError, ServerUnavailableError, ServerUnreachableError
from agent_client.transport.patience import Patience
from agent_client.transport.replay_transport import (
    DEADLINE_EXTENSION,
    REPEATABLE_EXTENSION,
    BufferStream,
    ReplayTransport,
)
from agent_client.transport.replies import Reader, read_body, read_reply
from agent_client.transport.retries import RetryRule
from replay_wire.codec import encode
from replay_wire.endpoints import Endpoint, MediaType
from replay_wire.specs import check_resource_name

__all__ = ["Channel"]

_SHORTEST_S: Final = 1e-3
_UNIX_SCHEME: Final = "http+unix://"
_UNIX_BASE_URL: Final = "http://localhost"
_METHODS_WITH_BODIES: Final = ("PATCH", "POST", "PUT")
_NOTHING_HAPPENED: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.WriteError,
    httpx.WriteTimeout,
)
_MEDIA_TYPE_HEADERS: Final = {
    "accept": MediaType.MSGPACK.value,
    "accept-encoding": "identity",  # httpx would ask for gzip, which costs more than a local link
    "content-type": MediaType.MSGPACK.value,
}


class Channel:
    """A way to one server. Thread-safe.

    Attributes:
        base_url: the server's address.
    """

    def __init__(
        self,
        server: str | httpx.Client,
        *,
        token: str | None,
        patience: Patience,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            server: the server's URL, or a client with its `base_url` set, which then does all
                sending (with its own transport, authentication, hooks) and stays the caller's.
            token: sent as `Authorization: Bearer`.
            patience: how long to wait, and how often to ask.
            verify: for https; None trusts what the system trusts.

        Raises:
            ValueError: the URL has no scheme or host.
        """
        self._patience = patience
        self._transport: ReplayTransport | None = None
        self._client: httpx.Client | None = None
        if isinstance(server, httpx.Client):
            self._client = server
            self.base_url = str(server.base_url).rstrip("/")
        elif server.startswith(_UNIX_SCHEME):
            path = unquote(server.removeprefix(_UNIX_SCHEME).rstrip("/"))
            self._transport = ReplayTransport(uds=path)
            self.base_url = _UNIX_BASE_URL
        else:
            self._transport = ReplayTransport(ssl_context=verify)
            self.base_url = server.rstrip("/")
        url = httpx.URL(self.base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(
                "expected a server's URL such as http://127.0.0.1:8000 or http+unix://%2Fpath, "
                f"got {server!r}"
            )
        self._headers = httpx.Headers(
            {"host": url.netloc.decode("ascii"), "connection": "keep-alive", **_MEDIA_TYPE_HEADERS}
        )
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        self._urls: dict[tuple[str, str], httpx.URL] = {}

    def close(self) -> None:
        """Close the connections; a client that was given stays open."""
        if self._transport is not None:
            self._transport.close()

    def without_retries(self, total_timeout_s: float | None = None) -> "Channel":
        """Return a channel over the same connections that sends each request once.

        Args:
            total_timeout_s: how long that may take, if less than by the channel's own limit.
        """
        twin = copy(self)
        total = self._patience.total_timeout_s
        if total_timeout_s is not None:
            total = max(_SHORTEST_S, min(total, total_timeout_s))
        twin._patience = dataclasses.replace(self._patience, attempts=1, total_timeout_s=total)
        return twin

    def call(
        self,
        endpoint: Endpoint,
        *,
        table: str = "",
        message: object = None,
        repeatable: bool = False,
        wait_s: float = 0.0,
        reader: Reader | None = None,
    ) -> Any:
        """Send a message and return the reply, of `endpoint.reply`'s type; None where it has none.

        Args:
            endpoint: where to.
            table: fills the endpoint's path.
            message: a Struct or plain values; its arrays must stay as they are until the return.
            repeatable: whether it may happen twice without harm.
            wait_s: seconds that the server may wait before it answers; added to all limits.
            reader: makes what is returned of a MessagePack body, in place of `endpoint.reply`.

        Raises:
            ReplayClientError: no answer, no reply, or a refusal.
            ValueError: the table's name cannot be one.
        """
        deadline = time.monotonic() + self._patience.total_timeout_s + wait_s
        call_once = partial(
            self._call_once, endpoint, table, message, repeatable, wait_s, deadline, reader
        )
        try:
            return call_once()
        except (ServerUnreachableError, ServerUnavailableError) as error:
            failure = error
        for attempt in stamina.retry_context(
            on=RetryRule(repeatable=repeatable, deadline=deadline),
            attempts=self._patience.attempts,
            timeout=None,
        ):
            with attempt:
                if attempt.num == 1:  # made above, where a request that succeeds pays for no loop
                    raise failure
                return call_once()
        raise failure

    def _call_once(
        self,
        endpoint: Endpoint,
        table: str,
        message: object,
        repeatable: bool,
        wait_s: float,
        deadline: float,
        reader: Reader | None,
    ) -> Any:
        stream = BufferStream([] if message is None else encode(message))
        request = self._request(endpoint, table, stream, wait_s)
        request.extensions[REPEATABLE_EXTENSION] = repeatable
        request.extensions[DEADLINE_EXTENSION] = deadline
        url = f"{self.base_url}{request.url.path}"
        try:
            if self._transport is not None:
                response = self._transport.handle_request(request)
            else:
                assert self._client is not None
                response = self._client.send(request, stream=True)
            try:
                body = read_body(response)
            finally:
                response.close()
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise ValueError(f"{url} can't be asked: {error}") from error
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
            happened = not isinstance(error, _NOTHING_HAPPENED)
            raise ServerUnreachableError(url, reason, may_have_happened=happened) from error
        except httpx.RequestError as error:
            raise InvalidReplyError(url, f"{type(error).__name__}: {error}") from error
        return read_reply(url, endpoint, response, body, reader)

    def _request(
        self, endpoint: Endpoint, table: str, stream: BufferStream, wait_s: float
    ) -> httpx.Request:
        """Return the request; made from prepared parts where no httpx.Client wants a say."""
        timeout_s = self._patience.timeout_s
        timeout = httpx.Timeout(
            timeout_s, read=timeout_s + wait_s, connect=self._patience.connect_timeout_s
        )
        if self._client is not None:
            request = self._client.build_request(
                endpoint.method, _path(endpoint, table), headers=self._headers, timeout=timeout
            )
            request.stream = stream
        else:
            url = self._urls.get((endpoint.path, table))
            if url is None:
                url = httpx.URL(self.base_url + _path(endpoint, table))
                self._urls[endpoint.path, table] = url
            request = httpx.Request(
                endpoint.method,
                url,
                headers=self._headers,
                stream=stream,
                extensions={"timeout": timeout.as_dict()},
            )
        if endpoint.method in _METHODS_WITH_BODIES:
            request.headers["content-length"] = str(stream.size)
        return request


def _path(endpoint: Endpoint, table: str) -> str:
    if "{table}" in endpoint.path:
        check_resource_name(table, "table")
    return endpoint.url(table=table)
