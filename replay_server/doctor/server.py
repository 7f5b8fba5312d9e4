"""Whether who answers is a replay server, of this protocol, and takes the token."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from replay_server import __version__
from replay_server.doctor.finding import Finding, WrongError
from replay_server.remote import Remote, RemoteError, plain, refusal
from replay_wire import endpoints
from replay_wire.endpoints import PROTOCOL_HEADER, PROTOCOL_VERSION
from replay_wire.roles import Role

if TYPE_CHECKING:
    import httpx

__all__ = ["Access", "Asked", "check_clock", "check_protocol", "check_server", "check_token"]

_CLOCK_S: Final = 5.0
_MAY: Final = {
    Role.ADMIN: "everything",
    Role.ACTOR: "insert and read parameters",
    Role.LEARNER: "draw, scan, update priorities, put parameters, write checkpoints",
    Role.VIEWER: "read what tables there are, and metrics",
}


@dataclass(frozen=True)
class Asked:
    """What came of asking whether the server is ready.

    Attributes:
        finding: what to tell of it.
        answer: what came.
        between: Unix time before it was asked, and after it had answered.
    """

    finding: Finding
    answer: httpx.Response
    between: tuple[float, float]


@dataclass(frozen=True)
class Access:
    """What a token is good for.

    Attributes:
        finding: what to tell of it.
        role: its role; None where it could not be found out.
    """

    finding: Finding
    role: Role | None


def check_server(remote: Remote) -> Asked:
    """Return that a replay server answers, ready or not. Raises WrongError where none does."""
    before = time.time()
    try:
        answer = remote.exchange("GET", endpoints.READYZ.url(), answer_s=10.0)
    except RemoteError as error:
        raise WrongError(
            "server",
            str(error),
            "it may be no HTTP server, be stuck, or speak TLS: try https://",
        ) from error
    after = time.time()
    if PROTOCOL_HEADER not in answer.headers:
        raise WrongError(
            "server",
            f"who answers ({answer.status_code}) is no replay server",
            "correct --server; a proxy in between has to pass on requests, answers and headers",
        )
    if answer.status_code != 200:
        finding = Finding.wrong(
            "server", f"it is not ready: {refusal(answer)}", "wait until it has restored or started"
        )
    else:
        finding = Finding("server", "a replay server, ready")
    return Asked(finding, answer, (before, after))


def check_protocol(answer: httpx.Response) -> Finding:
    """Return whether it speaks the protocol that is spoken here."""
    version = answer.headers[PROTOCOL_HEADER]
    if version == str(PROTOCOL_VERSION):
        return Finding("protocol", f"version {version}, as here")
    raise WrongError(
        "protocol",
        f"the server speaks version {plain(version)[:20]}, this is {PROTOCOL_VERSION}",
        f"install the replay-server that the server runs here, or {__version__} there",
    )


def check_clock(asked: Asked) -> Finding:
    """Return whether the two machines' clocks agree: timestamps and certificates want that."""
    try:
        told = parsedate_to_datetime(asked.answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return Finding("clock", "the server does not tell the time", mark="-")
    before, after = asked.between
    ahead = told - after if told > after else min(told + 1 - before, 0.0)  # told in whole seconds
    if abs(ahead) <= _CLOCK_S:
        return Finding("clock", "agrees with the server's to within a second or a few")
    side = "ahead of" if ahead > 0 else "behind"
    return Finding.wrong(
        "clock",
        f"the server's is {abs(ahead):.0f} s {side} this machine's",
        "set both by NTP: figures of the two can't be laid beside each other",
    )


def check_token(remote: Remote) -> Access:
    """Return whether the server lets the token in, and what it may. Raises WrongError."""
    answer = remote.exchange("GET", endpoints.INFO.url())
    if answer.status_code == 401:
        if remote.has_token:
            raise WrongError(
                "token",
                "the server does not know it",
                "take one that replay-server token added to the server's --tokens file; after that "
                "the server needs a SIGHUP, or a restart",
            )
        raise WrongError(
            "token",
            "there is none, and the server asks for one",
            "give --token-file, or set REPLAY_TOKEN; replay-server token makes one",
        )
    if answer.status_code != 200:
        told = f"it answers {refusal(answer)}"
        raise WrongError("token", told, "look into the server's log")
    nobody = remote.exchange("GET", endpoints.INFO.url(), headers={"authorization": ""})
    if nobody.status_code == 200:
        told = "the server asks for none: whoever reaches it may do everything"
        return Access(Finding("token", told), Role.ADMIN)
    role = _role(remote)
    if role is None:
        told = "the server takes it; its role was not found out"
        return Access(Finding("token", told, mark="-"), None)
    return Access(Finding("token", f"its role is {role}: it may {_MAY[role]}"), role)


def _role(remote: Remote) -> Role | None:
    """Return the role of a token that is known; None where the answer does not tell.

    A refusal names it. What is asked for changes nothing: there is no table of that name.
    """
    path = endpoints.RESET_TABLE.url(table=f"doctor-{token_hex(8)}")
    answer = remote.exchange("POST", path)
    try:
        problem = answer.json()
        return Role.ADMIN if problem["code"] == "unknown_table" else Role(problem["role"])
    except (ValueError, TypeError, KeyError):
        return None
