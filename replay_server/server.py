"""A server process: uvicorn around the application, from its settings to its last answer."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from replay_server.listening import listen, url_of
from replay_server.settings import ServerSettings
from replay_wire.endpoints import PROTOCOL_HEADER, PROTOCOL_VERSION

__all__ = ["serve"]

logger = logging.getLogger(__name__)

_KEEP_ALIVE_S = 75
_GRACE_S = 30
_COMPILING_NOTICE_S = 1.5


def serve(settings: ServerSettings) -> None:
    """Listen, say so on stdout, and serve until SIGTERM or SIGINT.

    Then no further requests are taken, waiting ones get 503, and those under way are answered.

    Raises:
        OSError: the address can't be listened on.
        InvalidSpecError: a table that the settings declare can't be made.
    """
    stop = _StopSignal()
    listener: socket.socket | None = None
    try:
        with stop.held_back():  # so that a socket file that was made is known to be ours
            listener = listen(settings.host, settings.port, settings.uds)
        with _Notice("compiling the kernels; this happens once and takes some seconds"):
            from replay_server.api.app import create_app

            app = create_app(settings)
        config = uvicorn.Config(
            app,
            access_log=settings.log_level == "debug",
            log_config=None,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            headers=[(PROTOCOL_HEADER, str(PROTOCOL_VERSION))],
            backlog=2048,
            ws="none",
        )
        url = url_of(listener, settings.host, settings.tls_cert is not None)
        _Server(config, app.state.service, url, stop).run(sockets=[listener])
    finally:
        if listener is not None:
            listener.close()
            if settings.uds is not None:
                settings.uds.unlink(missing_ok=True)


class _StopSignal:
    """Ends the process with 0 while uvicorn does not mind the signals: to be stopped is no failure.

    That is before it serves, and after: it raises what stopped it once more. Code that is called
    back from C, as by the compiler, swallows exceptions: hence `came`.

    Attributes:
        came: whether the process has been told to stop.
    """

    def __init__(self) -> None:
        self.came = False
        self._is_held_back = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let a signal take effect only at the end of what this encloses."""
        self._is_held_back = True
        yield
        self._is_held_back = False
        if self.came:
            raise SystemExit(0)

    def _stop(self, _signal: int, _frame: object) -> None:
        self.came = True
        if not self._is_held_back:
            raise SystemExit(0)


class _Server(uvicorn.Server):
    """Says when it is ready, and lets nobody wait who can't be served any more."""

    def __init__(self, config: uvicorn.Config, service: Any, url: str, stop: _StopSignal) -> None:
        super().__init__(config)
        self._service = service
        self._url = url
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._stop.came:
            self.should_exit = True
            return
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"replay-server ready on {self._url}\n")
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logger.info("stopping: answering the requests under way")
        self._service.close()
        await super().shutdown(sockets)


class _Notice:
    """Logs a line if what it encloses takes longer than usual."""

    def __init__(self, text: str) -> None:
        self._timer = threading.Timer(_COMPILING_NOTICE_S, logger.warning, (text,))
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
