"""The rules of `replay_server.connections` for uvicorn's parser in C, where that is installed.

It hands over what it has parsed by callbacks; requests that a client sent ahead stand in a queue.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from replay_server.connections import Connection

__all__ = ["HttpToolsConnection"]


class HttpToolsConnection(Connection, HttpToolsProtocol):
    """The rules for httptools, which bounds neither headers nor trailers nor requests ahead."""

    _is_in_head = False
    _is_in_message = False

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_in_head = self._is_in_message = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is none."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let a request begin, unless its path is too long or too many were sent ahead."""
        self._is_in_head = False
        self._unparsed_bytes = 0
        if len(self.url) >= self.limits.max_header_bytes:  # more than httptools takes apart
            self._refuse_head()
            raise _EndOfParsingError
        super().on_headers_complete()
        if len(self.pipeline) > self.limits.max_requests_ahead:
            self.transport.abort()  # nothing could be said that were not taken for another answer
            raise _EndOfParsingError

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._is_in_message = False
        self._unparsed_bytes = 0
        super().on_message_complete()

    def _note_progress(self) -> None:
        """The callbacks have done it."""

    @property
    def _is_owed(self) -> bool:
        return bool(self.pipeline) or super()._is_owed

    @property
    def _is_arriving(self) -> bool:
        return self._is_in_message


class _EndOfParsingError(Exception):
    """Makes the parser stop; uvicorn takes it for a fault of the parser's."""
