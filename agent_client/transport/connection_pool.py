"""Connections kept between requests, and how new ones are made.

The pool is shared by all threads of a client; a connection belongs to one of them at a time.
"""

import os
import socket
import ssl
import threading
import time
from collections import defaultdict
from typing import Final, NamedTuple, Self

import httpx

from agent_client.transport.connection import Connection
from agent_client.transport.timeouts import Timeouts

__all__ = ["ConnectionPool", "Origin"]

_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where connections lead to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Self:
        """Return the origin of a URL.

        Raises:
            httpx.UnsupportedProtocol: the scheme is neither http nor https.
        """
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"expected http or https, got {url.scheme!r}")
        return cls(url.scheme, url.host, url.port or _PORTS[url.scheme])


class ConnectionPool:
    """Idle connections by origin, the last used first. Thread-safe."""

    def __init__(
        self,
        *,
        uds: str | None,
        ssl_context: ssl.SSLContext | None,
        max_connections: int,
        idle_limit_s: float,
        max_head_bytes: int,
        max_body_bytes: int,
    ) -> None:
        """Make an empty pool.

        Args:
            uds: path of a Unix domain socket to connect to, whatever the origin.
            ssl_context: for https; None makes one that trusts what the system trusts.
            max_connections: in use at the same time; more must wait.
            idle_limit_s: seconds after which an idle connection is not used again.
            max_head_bytes: longest response head.
            max_body_bytes: longest response body.
        """
        self._uds = uds
        self._ssl_context = ssl_context
        self._idle_limit_s = idle_limit_s
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._lock = threading.Lock()
        self._places = threading.Semaphore(max_connections)
        self._process_id = os.getpid()
        self._idle: defaultdict[Origin, list[tuple[Connection, float]]] = defaultdict(list)
        self._is_closed = False

    def take(self, origin: Origin, timeouts: Timeouts) -> Connection:
        """Return an idle connection that is still alive, or else a new one.

        Each connection taken must be given back, whatever happens to it.

        Raises:
            httpx.PoolTimeout: all connections have been in use for `timeouts.pool` seconds.
            httpx.ConnectError, httpx.ConnectTimeout: none could be made.
        """
        if self._is_closed:
            raise RuntimeError("the transport has been closed")
        if self._process_id != os.getpid():
            self._forget_parents_connections()
        if not self._places.acquire(timeout=timeouts.pool_s()):
            raise httpx.PoolTimeout(f"no connection was free for {timeouts.pool} s")
        try:
            return self._take_idle(origin) or self._connect(origin, timeouts.connect_s())
        except BaseException:
            self._places.release()
            raise

    def replace(self, broken: Connection, origin: Origin, timeouts: Timeouts) -> Connection:
        """Close a connection and return a new one, which takes its place.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: none could be made; the broken one must still
                be given back.
        """
        broken.close()
        return self._connect(origin, timeouts.connect_s())

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keep a reusable connection for the next request; close any other."""
        with self._lock:
            keep = connection.reusable and not self._is_closed
            if keep:
                self._idle[origin].append((connection, time.monotonic()))
        if not keep:
            connection.close()
        self._places.release()

    def close(self) -> None:
        """Close all idle connections; those in use are closed when given back."""
        with self._lock:
            self._is_closed = True
            idle = [connection for kept in self._idle.values() for connection, _ in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take_idle(self, origin: Origin) -> Connection | None:
        while True:
            with self._lock:
                kept = self._idle[origin]
                if not kept:
                    return None
                connection, since = kept.pop()
            if time.monotonic() - since < self._idle_limit_s and not connection.is_stale():
                return connection
            connection.close()

    def _forget_parents_connections(self) -> None:
        """After a fork: two processes must not speak on one connection."""
        self._process_id = os.getpid()
        self._lock = threading.Lock()  # another thread of the parent may have held it
        for kept in self._idle.values():
            for connection, _ in kept:
                connection.close()
        self._idle.clear()

    def _connect(self, origin: Origin, timeout_s: float | None) -> Connection:
        where = self._uds or f"{origin.host}:{origin.port}"
        if timeout_s == 0:  # which a socket would take for "do not block"
            raise httpx.ConnectTimeout(f"no time was left to connect to {where}")
        try:
            sock = self._open_socket(origin, timeout_s)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"{where} did not answer within {timeout_s} s") from error
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"no connection to {where}: {error}") from error
        return Connection(sock, self._max_head_bytes, self._max_body_bytes)

    def _open_socket(self, origin: Origin, timeout_s: float | None) -> socket.socket:
        if self._uds is not None:
            if not hasattr(socket, "AF_UNIX"):
                raise OSError("this platform's Python has no Unix domain sockets")
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            sock = socket.create_connection((origin.host, origin.port), timeout_s)
        try:
            if self._uds is not None:
                sock.settimeout(timeout_s)
                sock.connect(self._uds)
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme == "https":
                return self._tls_context().wrap_socket(sock, server_hostname=origin.host)
        except BaseException:
            sock.close()
            raise
        return sock

    def _tls_context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context
