"""A table of a server somewhere else: scans and inserts that outlast short outages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np

from replay_server.datasets.blocks import Block
from replay_server.remote import Remote, RemoteError, plain
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.codec import decode, encode
from replay_wire.endpoints import PROTOCOL_HEADER, Endpoint, MediaType
from replay_wire.errors import WireFormatError
from replay_wire.messages import (
    InfoReply,
    InsertReply,
    InsertRequest,
    Limits,
    ScanReply,
    ScanRequest,
    TableDocument,
    WriterStamp,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["RefusedError", "RemoteTable"]

Reply = TypeVar("Reply")
_ATTEMPTS: Final = 6
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 10.0
_WAIT_S: Final = 30.0
_MARGIN_S: Final = 30.0
_LATER: Final = (429, 503)


class RefusedError(RemoteError):
    """A server says no.

    Attributes:
        status, code: of the problem.
        facts: its members.
    """

    def __init__(self, shown: str, status: int, facts: dict[str, Any]) -> None:
        """Take what the server said."""
        self.status, self.facts = status, facts
        self.code = str(facts.get("code", ""))
        detail = plain(facts.get("detail", ""))
        super().__init__(f"{shown} says no: {status} {self.code}: {detail}")


class RemoteTable:
    """A table, by name, of a server. What fails for a moment is tried again."""

    def __init__(self, remote: Remote, name: str, tell: Callable[[str], None]) -> None:
        """Ask nothing yet; `tell` hears why it takes long."""
        self.name = name
        self._remote = remote
        self._tell = tell

    def describe(self) -> TableDocument | None:
        """Return its document; None where there is no such table."""
        try:
            return self._ask(endpoints.DESCRIBE_TABLE, None, TableDocument)
        except RefusedError as error:
            if error.code == "unknown_table":
                return None
            raise

    def make(self, spec: dict[str, Any]) -> TableDocument:
        """Make it, where there is none."""
        return self._ask(endpoints.CREATE_TABLE, spec, TableDocument)

    def limits(self) -> Limits:
        """Return what its server lets requests ask for."""
        return self._ask(endpoints.INFO, None, InfoReply).limits

    def scan(self, after: int, limit: int) -> ScanReply:
        """Return rows by key, those above `after`."""
        return self._ask(endpoints.SCAN, ScanRequest(after=after, limit=limit), ScanReply)

    def insert(self, block: Block, writer: str, sequence: int) -> None:
        """Store rows exactly once; waits for the table's limiter as long as it takes.

        Raises:
            RefusedError: 409 `stale_sequence` among others.
            RemoteError: there is no answer any more.
        """
        request = InsertRequest(
            columns={name: Array.from_numpy(np.asarray(c)) for name, c in block.columns.items()},
            priorities=None if block.priorities is None else Array.from_numpy(block.priorities),
            streams=None if block.streams is None else Array.from_numpy(block.streams),
            writer=WriterStamp(id=writer, sequence=sequence),
            timeout=_WAIT_S,
        )
        self._ask(endpoints.INSERT, request, InsertReply)

    def _ask(self, endpoint: Endpoint, message: object, reply: type[Reply]) -> Reply:
        """Return the answer to a request, which may be sent again.

        Raises:
            RefusedError: the server says no.
            RemoteError: it can't be reached, or its answer can't be read.
        """
        content: dict[str, Any] = {"headers": {"accept": MediaType.MSGPACK.value}}
        if message is not None:
            content["headers"]["content-type"] = MediaType.MSGPACK.value
            content["content"] = b"".join(encode(message))
        failures = 0
        while True:
            try:
                response = self._remote.exchange(
                    endpoint.method,
                    endpoint.url(table=self.name),
                    answer_s=_WAIT_S + _MARGIN_S,
                    **content,
                )
            except RemoteError as error:
                failures += 1
                if failures == _ATTEMPTS:
                    raise
                self._pause(_FIRST_PAUSE_S * 2**failures, str(error))
                continue
            if response.status_code not in _LATER or PROTOCOL_HEADER not in response.headers:
                return self._read(response, reply)
            failures = 0
            said = response.headers.get("retry-after", "")
            why = str(RefusedError(self._shown, response.status_code, _problem(response)))
            self._pause(float(said) if said.isdigit() else _FIRST_PAUSE_S, why)

    def _read(self, response: httpx.Response, reply: type[Reply]) -> Reply:
        if PROTOCOL_HEADER not in response.headers:
            raise RemoteError(
                f"{self._shown} answered {response.status_code}, but is no replay server"
            )
        if not response.is_success:
            raise RefusedError(self._shown, response.status_code, _problem(response))
        try:
            return decode(response.content, reply)
        except WireFormatError as error:
            raise RemoteError(f"the answer of {self._shown} can't be read: {error}") from error

    def _pause(self, seconds: float, why: str) -> None:
        self._tell(why)
        time.sleep(min(seconds, _LONGEST_PAUSE_S))

    @property
    def _shown(self) -> str:
        return self._remote.address.shown


def _problem(response: httpx.Response) -> dict[str, Any]:
    """Return the members of a problem; none where it is none."""
    is_json = "json" in response.headers.get("content-type", "")
    try:
        document = (msgspec.json if is_json else msgspec.msgpack).decode(response.content)
    except msgspec.MsgspecError:
        document = None
    return document if isinstance(document, dict) else {}
