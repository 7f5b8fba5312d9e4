"""What SIGHUP has read again: the tokens and the certificate, without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import Callable

from replay_server.settings import ServerSettings
from replay_server.tls import TlsFilesError, reload_certificate, server_context
from replay_server.token_book import TokenBook
from replay_server.token_file import TokenFileError

__all__ = ["ReloadableFiles"]

logger = logging.getLogger(__name__)


class ReloadableFiles:
    """The files that SIGHUP has read again: of tokens, and of the certificate.

    Attributes:
        tls: what connections are made with; None without a certificate.
        tokens: set once they have been read; None without a file of them.
    """

    def __init__(self, settings: ServerSettings) -> None:
        """Read the certificate, and take the signal over where there is something to read again.

        Raises:
            TlsFilesError: the certificate can't be used.
        """
        self._certificate, self._key = settings.tls_cert, settings.tls_key
        self.tokens: TokenBook | None = None
        self.tls: ssl.SSLContext | None = None
        if self._certificate is not None and self._key is not None:
            self.tls = server_context(self._certificate, self._key)
        has_files = self.tls is not None or settings.tokens is not None
        self._signal = _ReloadSignal() if has_files else None

    def watch(self) -> None:
        """Follow the signal from the running loop."""
        if self._signal is not None:
            self._signal.attach(self._reload)

    def _reload(self) -> None:
        """Read each again; what is broken stays as it was."""
        try:
            if self.tokens is not None:
                logger.info("tokens read again: there are %d", self.tokens.reload())
        except TokenFileError as error:
            logger.error("the tokens stay as they were: %s", error)
        try:
            if self.tls is not None and self._certificate is not None and self._key is not None:
                reload_certificate(self.tls, self._certificate, self._key)
                logger.info("certificate read again")
        except TlsFilesError as error:
            logger.error("the certificate stays as it was: %s", error)


class _ReloadSignal:
    """Has a function called on the event loop whenever SIGHUP comes.

    From when this object is made the signal no longer ends the process; one that comes before
    there is a loop is dealt with as soon as there is, one after its end is ignored. Where the
    platform has no such signal, nothing happens.
    """

    def __init__(self) -> None:
        """Take the signal over."""
        self._came = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reload: Callable[[], None] | None = None
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._handle)

    def attach(self, reload: Callable[[], None]) -> None:
        """Call `reload` from the running loop from now on, at once if the signal came before."""
        self._reload = reload
        self._loop = asyncio.get_running_loop()
        if self._came:
            self._loop.call_soon(reload)

    def _handle(self, _signal: int, _frame: object) -> None:
        self._came = True
        if self._loop is not None and self._reload is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._reload)
