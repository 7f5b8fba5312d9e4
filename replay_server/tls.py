"""TLS: the context that a server's connections are made with, from files that may change."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["TlsFilesError", "client_context", "reload_certificate", "server_context"]


class TlsFilesError(ValueError):
    """A certificate and its key can't be used.

    Attributes:
        reason: why not.
    """

    def __init__(self, certificate: Path, key: Path, reason: str) -> None:
        """Keep the facts and make a sentence of them."""
        self.reason = reason
        super().__init__(f"--tls-cert {certificate} and --tls-key {key} can't be used: {reason}")


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and later.

    Args:
        certificate: PEM file of the chain, the server's own first.
        key: PEM file of its private key, without a passphrase.

    Raises:
        TlsFilesError: they can't be read, or don't belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise TlsFilesError(certificate, key, _reason(error)) from error
    return context


def client_context(authorities: Path | None) -> ssl.SSLContext | None:
    """Return a context that trusts the authorities of a PEM file; None where none is given.

    Raises:
        OSError: the file can't be read, or holds no certificate (ssl.SSLError).
    """
    return None if authorities is None else ssl.create_default_context(cafile=authorities)


def reload_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Let a context present what the files hold now to whoever connects from now on.

    Raises:
        TlsFilesError: they can't be used; the context is as it was.
    """
    server_context(certificate, key)  # half of a broken pair must not get into the one in use
    context.load_cert_chain(certificate, key, password=_no_passphrase)


def _reason(error: Exception) -> str:
    """Return in plain words what OpenSSL, or the file system, has to say."""
    if not isinstance(error, ssl.SSLError):
        return getattr(error, "strerror", None) or str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    return "they hold no PEM certificate with its private key"


def _no_passphrase() -> str:
    """Stand for the question that OpenSSL would ask at the terminal."""
    raise ValueError("the key is under a passphrase, and nobody is there to type it")
