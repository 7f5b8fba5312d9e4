"""Taking connections in.

uvicorn would leave that to the event loop, and uvloop takes in a single one in each of its rounds:
too slow where hundreds come at once, and those who are to be told that there is no room wait for
longest. And neither loop bounds how many connections are still about their TLS handshake, of which
nothing is known yet, not even that they speak TLS. Here as many as there are come in, and of those
in their handshake the oldest goes where there are too many: whoever means it is through in a
moment, and whoever does not can't keep the others out. Where the system is about to give no more
files, who comes is told so and sent away at once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from replay_server.open_files import leaves_to_moments
from replay_wire.messages import Limits

__all__ = ["Acceptor"]

logger = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 32  # in a round of the event loop
_PAUSE_S: Final = 0.5  # when the system has no more files or memory to give


class Acceptor:
    """Takes connections in from a listening socket; it has the methods of `asyncio.Server`."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        limits: Limits,
        turn_away: Callable[[], bytes],
    ) -> None:
        """Begin.

        Args:
            listener: listens already, and does not block.
            make_protocol: makes what a connection is given to.
            tls: what handshakes are made with; None is without TLS.
            limits: how many handshakes there may be, and how long each may take.
            turn_away: returns what a client is told for whom no file is left.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._limits = limits
        self._turn_away = turn_away
        self._begun: dict[asyncio.Task[None], None] = {}  # the oldest first
        self._again: asyncio.TimerHandle | None = None
        self._loop.add_reader(listener, self._accept)

    @staticmethod
    def suits(listener: socket.socket) -> bool:
        """Return whether the running event loop can wait for sockets: that of Windows can't."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(listener, lambda: None)
        except NotImplementedError:
            return False
        loop.remove_reader(listener)
        return True

    def close(self) -> None:
        """Take no more connections in; whoever is in a handshake is let go."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listener)
        for task in tuple(self._begun):
            task.cancel()

    async def wait_closed(self) -> None:
        """Return when nobody is on the way in any more."""
        await asyncio.gather(*self._begun, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.error("no connection can be taken in for now: %s", error)
                self._loop.remove_reader(self._listener)
                self._again = self._loop.call_later(_PAUSE_S, self._go_on)
                return
            connection.setblocking(False)
            if not leaves_to_moments(connection.fileno()):
                self._send_away(connection)
                continue
            if self._tls is not None and len(self._begun) >= self._limits.max_handshakes:
                oldest = next(iter(self._begun))
                del self._begun[oldest]  # it ends a little later
                oldest.cancel()
            task = self._loop.create_task(self._take_in(connection))
            self._begun[task] = None
            task.add_done_callback(lambda task: self._begun.pop(task, None))

    def _send_away(self, connection: socket.socket) -> None:
        """Close a connection, after a word where it can be understood."""
        answer = self._turn_away()
        if self._tls is None:
            with suppress(OSError):  # what does not go out at once does not go out
                connection.send(answer)
                connection.shutdown(socket.SHUT_WR)
        connection.close()

    def _go_on(self) -> None:
        self._again = None
        self._loop.add_reader(self._listener, self._accept)

    async def _take_in(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=(
                    None if self._tls is None else self._limits.handshake_timeout_seconds
                ),
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is one, and a timeout
            logger.debug("a connection was not taken in: %r", error)
            connection.close()
