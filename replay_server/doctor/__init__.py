"""What is wrong with the way to a server, looked at step by step from the address on."""

from __future__ import annotations

from collections.abc import Iterator

from replay_server.doctor.connection import check_address, check_tls
from replay_server.doctor.finding import Finding, WrongError
from replay_server.doctor.measuring import check_latency, check_throughput
from replay_server.doctor.server import check_clock, check_protocol, check_server, check_token
from replay_server.remote import Remote, RemoteError
from replay_server.settings import ClientSettings

__all__ = ["Finding", "diagnose"]


def diagnose(settings: ClientSettings, *, may_write: bool) -> Iterator[Finding]:
    """Give one finding after another, as they are made; what builds on a wrong one is left out.

    Args:
        settings: which server, and as whom.
        may_write: whether a table may be made to measure with, and dropped again.

    Raises:
        ValueError: the settings can't be used.
    """
    with Remote(settings) as remote:
        try:
            yield check_address(remote.address)
            if remote.address.is_tls:
                yield check_tls(remote.address, settings)
            asked = check_server(remote)
            yield asked.finding
            yield check_protocol(asked.answer)
            yield check_clock(asked)
            access = check_token(remote)
            yield access.finding
            yield check_latency(remote)
            yield check_throughput(remote, access.role, may_write=may_write)
        except WrongError as error:
            yield error.finding
        except RemoteError as error:
            yield Finding.wrong("answers", str(error), "look into the server's log, and try again")
