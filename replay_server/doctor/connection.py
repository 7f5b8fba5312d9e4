"""Whether there is somebody at an address, and whether TLS can be spoken with them."""

from __future__ import annotations

import socket
import ssl
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from replay_server.doctor.finding import Finding, WrongError
from replay_server.remote import Address, plain, trust
from replay_server.settings import ClientSettings

__all__ = ["check_address", "check_tls"]

_CONNECT_S: Final = 5.0
_FEW_DAYS: Final = 14


def check_address(address: Address) -> Finding:
    """Return that connections are taken. Raises WrongError where they are not."""
    return _check_socket_file(address) if address.uds is not None else _check_tcp(address)


def check_tls(address: Address, settings: ClientSettings) -> Finding:
    """Return that a handshake is made by a certificate that is trusted. Raises WrongError."""
    context = trust(settings)
    where = (address.host, address.port)
    try:
        with (
            socket.create_connection(where, _CONNECT_S) as connection,
            context.wrap_socket(connection, server_hostname=address.host) as secured,
        ):
            version, certificate = secured.version(), secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise WrongError("tls", plain(error.verify_message), _advice_for(error)) from error
    except (ssl.SSLError, ConnectionError, TimeoutError) as error:
        raise WrongError(
            "tls",
            f"no handshake: {plain(getattr(error, 'reason', None) or error)}",
            "it may speak no TLS (try http://), or only versions before 1.2",
        ) from error
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = int((ends - time.time()) // 86_400)
    until = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}, in {days} days"
    advice = None
    if days < _FEW_DAYS:
        advice = "renew it, and send the server a SIGHUP"
    return Finding("tls", f"{version}, certificate good until {until}", advice)


def _check_socket_file(address: Address) -> Finding:
    path = Path(address.uds or "")
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise WrongError("address", f"{path} is no socket file", "name the one of --uds")
        began = time.perf_counter()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_CONNECT_S)
            connection.connect(str(path))
        return _reached(str(path), began)
    except FileNotFoundError as error:
        advice = "start the server with --uds, or name its path: absolute, with %2F for each /"
        raise WrongError("address", f"there is no file {path}", advice) from error
    except PermissionError as error:
        advice = "let this user write to the file and reach its folder (the server's umask decides)"
        raise WrongError("address", f"{path} may not be used", advice) from error
    except OSError as error:
        advice = "its server is gone: start it again, with the same --uds"
        raise WrongError("address", f"nobody listens at {path}", advice) from error


def _check_tcp(address: Address) -> Finding:
    host, port = address.host, address.port
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise WrongError(
            "address",
            f"the name {host} is not known here: {plain(error.strerror)}",
            "correct --server; in containers, use the service's name on a network that both are on",
        ) from error
    began = time.perf_counter()
    try:
        with socket.create_connection((host, port), _CONNECT_S) as connection:
            reached = connection.getpeername()[0]
    except ConnectionRefusedError as error:
        raise WrongError(
            "address",
            f"{host} refuses connections to port {port}",
            "start the server, or correct the port; a server listens on 127.0.0.1 alone unless "
            "--host says otherwise",
        ) from error
    except TimeoutError as error:
        raise WrongError(
            "address",
            f"nothing came back from {host} port {port} within {_CONNECT_S:g} s",
            "look for a firewall in between, or a machine that is off",
        ) from error
    except OSError as error:
        raise WrongError(
            "address", f"{host} can't be reached: {plain(error.strerror)}", "look at the network"
        ) from error
    return _reached(f"{reached} port {port}", began)


def _reached(where: str, began: float) -> Finding:
    milliseconds = 1000 * (time.perf_counter() - began)
    return Finding("address", f"{where} takes connections ({milliseconds:.1f} ms)")


def _advice_for(error: ssl.SSLCertVerificationError) -> str:
    message = error.verify_message.lower()
    if "expired" in message:
        return "renew the certificate, and send the server a SIGHUP"
    if "mismatch" in message or "not valid for" in message:
        return "name the server as its certificate does, or have one issued for this name"
    if "not yet valid" in message:
        return "set this machine's clock"
    return "give --tls-ca the certificate of the authority that issued the server's"
