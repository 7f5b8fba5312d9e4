"""Rows of numbers: what tests of writers append, and what they look for."""

from typing import Any, Final

from agent_client import ReplayClient, RowWriter
from tests.agent_client.flaky_server import FlakyServer

FOREVER_S: Final = 600.0
COLUMNS: Final[dict[str, Any]] = {"number": {"dtype": "<i8", "shape": []}}


def append_range(writer: RowWriter, *bounds: int) -> None:
    """Append the numbers of a range."""
    for number in range(*bounds):
        writer.append({"number": number})


def numbers(server: FlakyServer) -> list[int]:
    """Return the numbers that a flaky server has stored, in order."""
    return [number for number, _ in server.stored]


def numbers_in(client: ReplayClient, table: str) -> list[int]:
    """Return the numbers in a table of a real server, in the order of their keys."""
    found: list[int] = []
    after, more = -1, True
    while more:
        part = client.scan(table, after=after)
        if part.keys.size:
            found += part.columns["number"].tolist()
            after = int(part.keys[-1])
        more = part.more
    return found
