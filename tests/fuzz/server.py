"""A whole server but for its sockets, and what has to hold of it whatever it is fed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch
from zlib import crc32

import msgspec

from replay_server import activity, gathers, waiting
from replay_server.api.app import create_app
from replay_server.metrics import table_metrics
from replay_server.remembered import Remembered
from replay_server.settings import ServerSettings
from replay_wire.endpoints import MIXED_SAMPLE
from replay_wire.messages import Limits
from tests.fuzz.answers import Answer
from tests.fuzz.exchange import exchange
from tests.fuzz.growth import check_growth, peak_kib
from tests.fuzz.instant_loop import InstantLoop
from tests.fuzz.requests import PAGES, Request, parse
from tests.fuzz.standing import PARAMETERS, Standing
from tests.fuzz.tables import SPECS

_BODY_BYTES: Final = 4096
_LOOKED_AT_WHOLE: Final = 16  # one in so many inputs
_COPIED_ON_THREADS_BYTES: Final = 128
_BETWEEN_INPUTS_S: Final = 60  # what was remembered for those who watch is old


class _Narrow(ServerSettings):
    """Limits so narrow that inputs come to them."""

    @property
    def limits(self) -> Limits:
        return msgspec.structs.replace(
            super().limits,
            max_draws_per_request=64,
            max_scan_rows=64,
            max_columns=8,
            max_writers_per_table=4,
            max_parameters=2,
            max_waiting_requests=2,
        )


class _Foreseen(logging.Handler):
    """Keeps the error that nobody foresaw, so that a failure can be told with its cause."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.error = record.exc_info[1]


class Server:
    """The server, with the tables of `tests.fuzz.tables`; an input's requests come in turn."""

    def __init__(self) -> None:
        self._loop = InstantLoop()
        self._changes = ExitStack()
        self._changes.enter_context(_going_by(self._loop))
        self.app = create_app(_Narrow(max_body_bytes=_BODY_BYTES, memory_limit_bytes=2 << 20))
        for drawing in (self.app.state.service.draws, self.app.state.service.shares):
            vars(drawing._gathers)["_threads"] = self._loop.threads
        self.standing = Standing(self.app.state.service)
        self._documented = {
            (method.upper(), path): {int(status) for status in operation["responses"]}
            for path, item in self.app.openapi()["paths"].items()
            for method, operation in item.items()
        }
        self._documented |= {(page.method, page.path): {200, 304, 404} for page in PAGES.values()}
        self._log = _Foreseen()
        logger = logging.getLogger("replay_server")
        logger.addHandler(self._log)
        logger.propagate = False
        self.requests = self.refused = 0

    def close(self) -> None:
        """Let go of the loop, and put back what goes by it."""
        self._changes.close()
        self._loop.close()
        logging.getLogger("replay_server").removeHandler(self._log)

    def feed(self, data: bytes) -> list[int]:
        """Send an input's requests; return their statuses.

        Raises:
            AssertionError: something that has to hold does not.
            Exception: the server let one out.
        """
        peak = peak_kib()
        self._log.error = None
        is_sampled = crc32(data) % _LOOKED_AT_WHOLE == 0
        try:
            return self._loop.run_until_complete(self.send(parse(data), is_sampled))
        finally:
            self.standing.lay_out()
            self._loop.let_pass(_BETWEEN_INPUTS_S)
            check_growth(peak)

    async def send(self, requests: list[Request], is_sampled: bool) -> list[int]:
        """Send requests, check what came of them, and return their statuses.

        Args:
            requests: up to three.
            is_sampled: whether to look at all that stands, after each of them.
        """
        statuses = []
        for request in requests:
            answer = await exchange(self.app, request)
            assert answer is not None
            told = self.check(request, answer)
            names = self.standing.names() if is_sampled else self.named_by(request, answer)
            changed = self.changed(names)
            assert not (changed and answer.is_refusal), f"a refusal changed {changed}: {told}"
            statuses.append(answer.status)
        self.standing.check_quiet()
        return statuses

    def check(self, request: Request, answer: Answer) -> str:
        """Check an answer by itself; return it as text."""
        endpoint = request.endpoint
        told = f"{answer.status} of {endpoint.method} {request.path}: {answer.body[:300]!r}"
        assert self._log.error is None, f"{told}: {self._log.error!r}"
        is_nowhere = request.name.count("/") and "{" in endpoint.path
        documented = {404, 405} if is_nowhere else self._documented[endpoint.method, endpoint.path]
        assert answer.status in documented, told
        answer.check(endpoint)
        self.requests += 1
        self.refused += answer.is_refusal
        return told

    def named_by(self, request: Request, answer: Answer) -> set[str]:
        """Return the names of what a request is about."""
        path = request.endpoint.path
        if "/parameters" in path:
            return {PARAMETERS}
        if "{table}" in path:
            return {request.name}
        if request.endpoint is MIXED_SAMPLE and not answer.is_refusal:
            return self.standing.names()  # however it told their names
        return {name for name in SPECS if name.encode() in request.body}

    def changed(self, names: set[str]) -> list[str]:
        """Look at what stands under some names; return those of what has changed, checked."""
        changed = []
        for name in names:
            before = self.standing.fingerprint(name)
            if self.standing.look(name) != before:
                self.standing.check(name)
                changed.append(name)
        return changed


@contextmanager
def _going_by(loop: InstantLoop) -> Iterator[None]:
    """Have what tells of rates and waiting go by the loop's clock, and small copies be threads'."""
    clock = SimpleNamespace(monotonic=loop.time)
    with (
        patch.object(activity, "time", clock),
        patch.object(waiting, "time", clock),
        patch.object(table_metrics, "time", clock),
        patch.object(Remembered.__init__, "__defaults__", (loop.time,)),
        patch.object(gathers, "_THREADED_FROM_BYTES", _COPIED_ON_THREADS_BYTES),
    ):
        yield
