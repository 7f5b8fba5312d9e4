"""A server process: uvicorn around the application, from its settings to its last answer."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from numba.core.event import Event, Listener, install_listener

from replay_server.accepting import Acceptor
from replay_server.allocator import give_memory_back, keep_one_arena
from replay_server.connections import Connection, LimitedConfig
from replay_server.listening import listen, url_of
from replay_server.reloadable_files import ReloadableFiles
from replay_server.settings import ServerSettings, raise_file_limit
from replay_wire.endpoints import PROTOCOL_HEADER, PROTOCOL_VERSION

__all__ = ["serve"]

logger = logging.getLogger(__name__)

_GRACE_S = 30
_TICKS_A_LOOK = 5  # uvicorn ticks ten times a second


def serve(settings: ServerSettings) -> None:
    """Listen, say so on stdout, and serve until SIGTERM or SIGINT.

    Then no further requests are taken, waiting ones get 503, and those under way are answered.
    SIGHUP reads the tokens and the certificate anew; requests under way don't notice.

    Raises:
        OSError: the address can't be listened on.
        InvalidSpecError: a table that the settings declare can't be made.
        DataDirectoryError: the data directory can't be used.
        TokenFileError, TlsFilesError: a file that the settings name can't be used.
    """
    keep_one_arena()
    stop = _StopSignal()
    files = ReloadableFiles(settings)
    limits = settings.limits
    raise_file_limit(limits.max_connections)  # before tables are opened, which take some
    listener: socket.socket | None = None
    try:
        with stop.held_back():  # so that a socket file that was made is known to be ours
            listener = listen(settings.host, settings.port, settings.uds)
        with install_listener("numba:compile", _CompilingNotice()):
            from replay_server.api.app import create_app

            app = create_app(settings)
        files.tokens = app.state.tokens
        tls = files.tls
        requests = app.state.requests
        config = LimitedConfig(
            app,
            limits,
            requests,
            access_log=False,  # `RequestLog` has one
            log_config=None,
            ssl_context_factory=None if tls is None else lambda *_: tls,
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            headers=[(PROTOCOL_HEADER, str(PROTOCOL_VERSION))],
            backlog=2048,
            ws="none",
        )
        url = url_of(listener, settings.host, settings.tls_cert is not None)
        server = _Server(config, app.state.service, url, stop, files)
        requests.connections = server.server_state.connections
        server.run(sockets=[listener])
    except Exception:
        if stop.came:  # what the signal broke off, compiled code above all, fails in its own ways
            raise SystemExit(0) from None
        raise
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

    def __init__(
        self,
        config: uvicorn.Config,
        service: Any,
        url: str,
        stop: _StopSignal,
        files: ReloadableFiles,
    ) -> None:
        super().__init__(config)
        self._service = service
        self._url = url
        self._stop = stop
        self._files = files

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._stop.came:
            self.should_exit = True
            return
        listeners = [each for each in sockets or () if Acceptor.suits(each)]
        await super().startup([each for each in sockets or () if each not in listeners])
        self.servers += [self._acceptor(each) for each in listeners]  # type: ignore[misc]
        if self.started:
            self._files.watch()
            sys.stdout.write(f"replay-server ready on {self._url}\n")
            sys.stdout.flush()

    def _acceptor(self, listener: socket.socket) -> Acceptor:
        config = cast("LimitedConfig", self.config)

        def make_protocol() -> asyncio.Protocol:
            kind: Any = config.http_protocol_class
            protocol: asyncio.Protocol = kind(
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return protocol

        listener.listen(config.backlog)
        return Acceptor(listener, make_protocol, config.ssl, config.limits, config.turn_away)

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_LOOK == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                cast("Connection", connection).cut_if_late(now)
            if self._service.traffic.has_ebbed():
                give_memory_back()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logger.info("stopping: answering the requests under way")
        self._service.close()
        await super().shutdown(sockets)
        self._service.settle()


class _CompilingNotice(Listener):
    """Says that kernels are being compiled, once, when the first of them is not in the cache."""

    def __init__(self) -> None:
        self._is_said = False

    def on_start(self, event: Event) -> None:
        if not self._is_said:
            self._is_said = True
            logger.warning("compiling the kernels; this happens once and takes some seconds")

    def on_end(self, event: Event) -> None:
        pass
