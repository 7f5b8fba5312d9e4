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

from agent_client.errors import InvalidReplyError, ServerUnavailableError, ServerUnreachableError
from agent_client.transport.connection_pool import Origin
from agent_client.transport.patience import Patience
from agent_client.transport.replay_transport import (
    DEADLINE_EXTENSION,
    REPEATABLE_EXTENSION,
    BufferStream,
    ReplayTransport,
    request_head,
)
from agent_client.transport.replies import Answer, Reader, read_reply
from agent_client.transport.retries import RetryRule
from agent_client.transport.timeouts import Timeouts
from replay_wire.bearer import authorization
from replay_wire.codec import Buffer, encode
from replay_wire.endpoints import CLUSTER_HEADER, Endpoint, MediaType
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
        is_cluster: whether it has said that it is the gateway of a cluster.
    """

    is_cluster = False

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
            ValueError: the URL has no scheme or host, or the token is none.
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
            self._headers["authorization"] = authorization(token)
        self._origin = Origin.of(url)
        self._urls: dict[tuple[str, str], str] = {}
        self._heads: dict[tuple[str, str], bytes] = {}

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
        query: str = "",
        repeatable: bool = False,
        wait_s: float = 0.0,
        reader: Reader | None = None,
    ) -> Any:
        """Send a message and return the reply, of `endpoint.reply`'s type; None where it has none.

        Where that is `bytes` a pair is returned, version and body, and None for a 304.

        Args:
            endpoint: where to.
            table: fills the endpoint's path: the name of a table or of parameters.
            query: follows the path, from its question mark on.
            message: a Struct or plain values, or bytes for an endpoint that takes them; its arrays
                must stay as they are until the return.
            repeatable: whether it may happen twice without harm.
            wait_s: seconds that the server may wait before it answers; added to all limits.
            reader: makes what is returned of a MessagePack body, in place of `endpoint.reply`.

        Raises:
            ReplayClientError: no answer, no reply, or a refusal.
            ValueError: the table's name cannot be one.
        """
        deadline = time.monotonic() + self._patience.total_timeout_s + wait_s
        call_once = partial(
            self._call_once, endpoint, table, message, query, repeatable, wait_s, deadline, reader
        )
        try:
            return call_once()
        except (ServerUnreachableError, ServerUnavailableError) as error:
            failure = error

        # Imported here: it takes a tenth of the client's start, and most clients never need it.
        import stamina

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
        query: str,
        repeatable: bool,
        wait_s: float,
        deadline: float,
        reader: Reader | None,
    ) -> Any:
        buffers = _buffers(endpoint, message)
        url = self._url(endpoint, table) + query
        try:
            if self._transport is not None:
                answer = self._send(endpoint, url, buffers, repeatable, wait_s, deadline)
            else:
                answer = self._let_client_send(
                    endpoint, table, query, buffers, repeatable, wait_s, deadline
                )
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise ValueError(f"{url} can't be asked: {error}") from error
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
            happened = not isinstance(error, _NOTHING_HAPPENED)
            raise ServerUnreachableError(url, reason, may_have_happened=happened) from error
        except httpx.RequestError as error:
            raise InvalidReplyError(url, f"{type(error).__name__}: {error}") from error
        if CLUSTER_HEADER in answer.headers:
            self.is_cluster = True
        return read_reply(url, endpoint, answer, reader)

    def _send(
        self,
        endpoint: Endpoint,
        url: str,
        buffers: list[Buffer],
        repeatable: bool,
        wait_s: float,
        deadline: float,
    ) -> Answer:
        """Send a request over our own transport, its head made of a prepared one."""
        assert self._transport is not None
        method = endpoint.method
        head = self._heads.get((method, url))
        if head is None:
            head = self._prepared_head(method, url)
            if "?" not in url:  # queries are ever others
                self._heads[method, url] = head
        if method in _METHODS_WITH_BODIES:
            size = sum(memoryview(buffer).nbytes for buffer in buffers)
            head = b"%scontent-length: %d\r\n\r\n" % (head, size)
        else:
            head += b"\r\n"
        limits = self._patience
        timeouts = Timeouts(
            connect=limits.connect_timeout_s,
            read=limits.timeout_s + wait_s,
            write=limits.timeout_s,
            pool=limits.timeout_s,
            deadline=deadline,
        )
        is_repeatable = repeatable or method == "GET"
        raw = self._transport.exchange(
            self._origin, method, [[head, *buffers]], timeouts, is_repeatable
        )
        return Answer.of_raw(raw)

    def _prepared_head(self, method: str, url: str) -> bytes:
        """Return a request's head without its Content-Length and the empty line.

        Raises:
            httpx.LocalProtocolError: the token holds a line break.
        """
        lines = request_head(method, httpx.URL(url).raw_path, self._headers.raw)
        return lines.removesuffix(b"\r\n")

    def _let_client_send(
        self,
        endpoint: Endpoint,
        table: str,
        query: str,
        buffers: list[Buffer],
        repeatable: bool,
        wait_s: float,
        deadline: float,
    ) -> Answer:
        """Send a request by the httpx.Client that was given, which has a say in all of it."""
        assert self._client is not None
        stream = BufferStream(buffers)
        limits = self._patience
        request = self._client.build_request(
            endpoint.method,
            _path(endpoint, table) + query,
            headers=self._headers,
            timeout=httpx.Timeout(
                limits.timeout_s,
                read=limits.timeout_s + wait_s,
                connect=limits.connect_timeout_s,
            ),
        )
        request.stream = stream
        if endpoint.method in _METHODS_WITH_BODIES:
            request.headers["content-length"] = str(stream.size)
        request.extensions[REPEATABLE_EXTENSION] = repeatable
        request.extensions[DEADLINE_EXTENSION] = deadline
        response = self._client.send(request, stream=True)
        try:
            return Answer.of_response(response)
        finally:
            response.close()

    def _url(self, endpoint: Endpoint, table: str) -> str:
        """Return where a request goes.

        Raises:
            ValueError: the table's name cannot be one.
        """
        url = self._urls.get((endpoint.path, table))
        if url is None:
            url = self._urls[endpoint.path, table] = self.base_url + _path(endpoint, table)
        return url


def _path(endpoint: Endpoint, table: str) -> str:
    for kind in ("table", "name"):
        if f"{{{kind}}}" in endpoint.path:
            check_resource_name(table, kind)
    return endpoint.url(table=table, name=table)


def _buffers(endpoint: Endpoint, message: Any) -> list[Buffer]:
    if message is None:
        return []
    return [message] if endpoint.request is bytes else encode(message)
