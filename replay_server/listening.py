"""The socket that a server listens on, bound before anything else is started."""

from __future__ import annotations

import ipaddress
import socket
import stat
from pathlib import Path
from urllib.parse import quote

__all__ = ["is_loopback", "listen", "url_of"]


def is_loopback(host: str) -> bool:
    """Return whether an address, or every address of a name, is this machine's own loopback."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(entry[4][0])).is_loopback for entry in found)


def listen(host: str, port: int, uds: Path | None) -> socket.socket:
    """Return a bound socket: a Unix domain socket where a path is given, else a TCP one.

    A socket file that nobody listens on any more is replaced.

    Raises:
        OSError: it can't be bound.
    """
    if uds is not None:
        if uds.exists() and stat.S_ISSOCK(uds.stat().st_mode) and not _answers(uds):
            uds.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(uds))
        except OSError:
            listener.close()
            raise
    else:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server((str(address[0]), port), family=family, backlog=2048)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, host: str, tls: bool) -> str:
    """Return the URL that clients reach a listening socket by."""
    if listener.family == getattr(socket, "AF_UNIX", None):
        return f"http+unix://{quote(listener.getsockname(), safe='')}"
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{listener.getsockname()[1]}"


def _answers(uds: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(uds))
        except BlockingIOError:  # somebody listens, whose queue is full
            return True
        except OSError:
            return False
    return True
