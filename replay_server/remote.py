"""Another server, asked over HTTP: what the client commands of `replay-server` have in common."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote

from replay_server.settings import ClientSettings
from replay_wire.bearer import authorization, find_token

if TYPE_CHECKING:
    import httpx

    from replay_wire.messages import TableDocument

__all__ = ["Address", "Remote", "RemoteError", "plain", "refusal", "trust"]

_UNIX_SCHEME: Final = "http+unix://"
_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 60.0
_MOST_DETAIL: Final = 500
_CHECKPOINT_KEYS: Final = ("name", "tables", "rows", "bytes")


class RemoteError(Exception):
    """A server can't be reached, says no, or is no replay server. Its text is a sentence."""


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Attributes:
        shown: as it was given.
        url: what HTTP calls it.
        host, port: of TCP.
        uds: the path of its socket file instead; None where it has none.
        is_tls: whether it speaks TLS.
    """

    shown: str
    url: str
    host: str
    port: int
    uds: str | None
    is_tls: bool

    @classmethod
    def of(cls, server: str) -> Self:
        """Return what a URL names. Raises ValueError where it is none."""
        import httpx

        url, path = server.rstrip("/"), None
        if url.startswith(_UNIX_SCHEME):
            url, path = "http://localhost", unquote(url.removeprefix(_UNIX_SCHEME))
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"--server {server}: {error}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f"--server: expected a URL such as http://HOST:8000, got {url!r}")
        is_tls = parsed.scheme == "https"
        port = parsed.port or (443 if is_tls else 80)
        return cls(server, url, parsed.host, port, path, is_tls)


class Remote:
    """A server somewhere else; a context manager that ends the connection.

    Attributes:
        address: where.
        has_token: whether requests bear one.
    """

    def __init__(self, settings: ClientSettings) -> None:
        """Connect when first asked.

        Raises:
            ValueError: the URL is none, or a file that the settings name can't be used.
        """
        import httpx  # the server itself has no need of it

        self.address = address = Address.of(settings.server)
        headers = {"accept": "application/json"}
        token = find_token(settings.token_file)
        if token is not None:
            headers["authorization"] = authorization(token)
        self.has_token = token is not None
        transport = httpx.HTTPTransport(
            uds=address.uds, verify=trust(settings) if address.is_tls else False
        )
        # A transport of our own: no proxy, no .netrc with other credentials, no redirects.
        self._client = httpx.Client(
            base_url=address.url, headers=headers, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the connection."""
        self._client.close()

    def tables(self) -> list[TableDocument]:
        """Return the documents of its tables, by name.

        Raises:
            RemoteError: it can't be reached, or says no.
        """
        from replay_wire import endpoints
        from replay_wire.errors import WireFormatError
        from replay_wire.json_codec import decode_json
        from replay_wire.messages import TableList

        endpoint = endpoints.LIST_TABLES
        response = self._ask(endpoint.method, endpoint.url(), answer_s=_ANSWER_S)
        try:
            tables: TableList = decode_json(response.content, TableList)
        except WireFormatError as error:
            raise RemoteError(
                f"the answer of {self.address.shown} can't be read: {error}"
            ) from error
        return tables.tables

    def write_checkpoint(self, name: str | None) -> dict[str, Any]:
        """Have a checkpoint written and return what the server says of it, once it is whole.

        Raises:
            RemoteError: it can't be reached, or says no.
        """
        from replay_wire import endpoints

        document = {} if name is None else {"name": name}
        endpoint = endpoints.WRITE_CHECKPOINT
        response = self._ask(endpoint.method, endpoint.url(), document, answer_s=None)
        try:
            written = response.json()
            return {key: written[key] for key in _CHECKPOINT_KEYS}
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteError(f"the answer of {self.address.shown} can't be read") from error

    def checkpoints(self) -> list[dict[str, Any]]:
        """Return what the server says of its checkpoints.

        Raises:
            RemoteError: it can't be reached, or says no.
        """
        from replay_wire import endpoints

        endpoint = endpoints.LIST_CHECKPOINTS
        response = self._ask(endpoint.method, endpoint.url(), answer_s=_ANSWER_S)
        try:
            return [
                {key: each[key] for key in _CHECKPOINT_KEYS}
                for each in response.json()["checkpoints"]
            ]
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteError(f"the answer of {self.address.shown} can't be read") from error

    def metrics(self) -> str:
        """Return what the server tells Prometheus.

        Raises:
            RemoteError: it can't be reached, or says no.
        """
        from replay_wire import endpoints

        return self._ask(endpoints.METRICS.method, endpoints.METRICS.url(), answer_s=_ANSWER_S).text

    def exchange(
        self,
        method: str,
        path: str,
        *,
        answer_s: float | None = _ANSWER_S,
        **content: Any,
    ) -> httpx.Response:
        """Return the answer to a request, whatever it says.

        Args:
            method: of the request.
            path: of it, with its query.
            answer_s: seconds that the server may take; None is without end.
            content: its body and headers, as httpx takes them.

        Raises:
            RemoteError: there is none.
        """
        import httpx

        timeout = httpx.Timeout(_CONNECT_S, read=answer_s)
        try:
            return self._client.request(method, path, timeout=timeout, **content)
        except httpx.TransportError as error:
            reason = plain(error) or type(error).__name__
            raise RemoteError(f"no answer from {self.address.shown}: {reason}") from error

    def _ask(
        self, method: str, path: str, document: Any = None, *, answer_s: float | None
    ) -> httpx.Response:
        """Return the answer to a request, for which the server may take `answer_s` seconds."""
        from replay_wire.endpoints import PROTOCOL_HEADER

        response = self.exchange(method, path, json=document, answer_s=answer_s)
        if PROTOCOL_HEADER not in response.headers:
            raise RemoteError(
                f"{self.address.shown} answered {response.status_code}, but is no replay server"
            )
        if not response.is_success:
            raise RemoteError(f"{self.address.shown} says no: {refusal(response)}")
        return response


def trust(settings: ClientSettings) -> ssl.SSLContext:
    """Return what https is trusted by. Raises ValueError where a file can't be used."""
    try:
        return ssl.create_default_context(cafile=settings.tls_ca)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or "it holds no certificate"
        raise ValueError(f"--tls-ca {settings.tls_ca} can't be used: {reason}") from error


def refusal(response: httpx.Response) -> str:
    """Return what a problem says, as one plain line."""
    try:
        problem = response.json()
        return plain(f"{response.status_code} {problem['code']}: {problem['detail']}")
    except (ValueError, TypeError, KeyError):
        return f"{response.status_code} {response.reason_phrase}"


def plain(text: object) -> str:
    """Return a foreign text without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:_MOST_DETAIL]
