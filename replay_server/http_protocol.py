"""uvicorn's HTTP/1.1 on httptools, with an end to heads that have none.

As it is, uvicorn keeps whatever comes as a request's head, however much it is and however long it
takes: whoever can connect could fill the memory, or all connections, before they are asked for a
token. Its protocol on h11, where httptools is not there, has a limit of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["MAX_HEAD_BYTES", "BoundedHttpProtocol"]

MAX_HEAD_BYTES: Final = 65_536
_TOO_LARGE: Final = b"the head of a request may have 65536 bytes\n"


class BoundedHttpProtocol(HttpToolsProtocol):
    """Answers a head that is too long with 431, hangs up on one that is too slow.

    Attributes:
        head_patience_s: seconds for a head, from its first byte to its last.
    """

    head_patience_s: ClassVar[float] = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As uvicorn does."""
        super().__init__(*args, **kwargs)
        self._is_in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request as long as for a later one."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._unset_keepalive_if_required()
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, and see whether a head is still open after them."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse()
        elif self._head_bytes and self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_patience_s, self._hang_up)

    def on_message_begin(self) -> None:
        """Begin to count anew: what came before belonged to another request."""
        super().on_message_begin()
        self._is_in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one that comes after the body may not pass for one before it."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_in_head = False
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is a head again."""
        self._is_in_head = True
        super().on_message_complete()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _hang_up(self) -> None:
        """Hang up, but not while the request before is being answered."""
        self._head_timer = None
        if self._is_answering:
            self._head_timer = self.loop.call_later(self.head_patience_s, self._hang_up)
        else:
            self.transport.close()

    def _refuse(self) -> None:
        """Say why, unless the request before is being answered, and hang up."""
        if not self._is_answering:
            lines = [b"HTTP/1.1 431 Request Header Fields Too Large"]
            lines += [b"%s: %s" % header for header in self.server_state.default_headers]
            lines += [b"content-type: text/plain; charset=utf-8", b"connection: close"]
            lines += [b"content-length: %d" % len(_TOO_LARGE), b"", _TOO_LARGE]
            self.transport.write(b"\r\n".join(lines))
        self.transport.close()
