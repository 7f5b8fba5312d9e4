"""A network that breaks: a proxy between clients and a real server."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

import numpy as np


class BreakingProxy:
    """Passes bytes on, and cuts connections off at random places or when told to.

    Attributes:
        url: where clients connect to.
        is_out: while true every connection is closed as soon as it comes.
        cuts: connections cut off so far.
    """

    def __init__(self, server_url: str, *, seed: int | None = None, mean_bytes: int = 0) -> None:
        """Start listening.

        Args:
            server_url: where to.
            seed: cut each connection after a random number of bytes; None cuts none by itself.
            mean_bytes: of that number, in either direction.
        """
        host, _, port = server_url.removeprefix("http://").rpartition(":")
        self._target = (host, int(port))
        self._generator = None if seed is None else np.random.default_rng(seed)
        self._mean_bytes = mean_bytes
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.is_out = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut all connections off."""
        sockets, self._open = self._open, []
        for sock in sockets:
            _end(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.is_out:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()  # the server is away
                continue
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                limit = None
                if self._generator is not None:
                    limit = 1 + int(self._generator.exponential(self._mean_bytes))
                threading.Thread(
                    target=self._pass_on, args=(source, sink, limit), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        try:
            while part := source.recv(65536):
                if limit is not None and len(part) > limit:
                    sink.sendall(part[:limit])
                    self.cuts += 1
                    break
                sink.sendall(part)
                if limit is not None:
                    limit -= len(part)
        except OSError:
            pass
        finally:
            _end(source)
            _end(sink)


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
