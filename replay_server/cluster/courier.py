"""The courier: carries out plans on the event loop, asking all shards of a step at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from replay_server.cluster.links import Answer, LinkError, ShardLink
from replay_wire import endpoints
from replay_wire.codec import Buffer, decode, encode
from replay_wire.endpoints import Endpoint, MediaType
from replay_wire.errors import ErrorCode, WireFormatError
from replay_wire.messages import Problem
from replay_wire.sharding.asks import Ask, Lost, Outcome, Plan

__all__ = ["Courier", "outcome_of"]

Result = TypeVar("Result")
Gone = Callable[[], Awaitable[None]]

_SILENT_S: Final = 0.5
_PING_S: Final = 0.4
_HEADERS: Final = b"content-type: %s\r\naccept: %s\r\n" % ((MediaType.MSGPACK.value.encode(),) * 2)


class Courier:
    """Asks the shards."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """Know none yet. `ssl_context` says whom to trust of https."""
        self._ssl = ssl_context
        self._links: dict[int, ShardLink] = {}

    def replace(self, urls: Mapping[int, str]) -> None:
        """Let shards be where these URLs say."""
        for shard, link in tuple(self._links.items()):
            if urls.get(shard) != link.url:
                link.close()
                del self._links[shard]
        for shard, url in urls.items():
            if shard not in self._links:
                self._links[shard] = ShardLink(url, self._ssl)

    def close(self) -> None:
        """Close all connections."""
        self.replace({})

    async def run(
        self, plan: Plan[Result], authorization: bytes | None, gone: Gone | None = None
    ) -> Result:
        """Return the result of a plan.

        Args:
            plan: what to ask.
            authorization: the header that goes with all that is asked.
            gone: while the plan waits, tells when its client has gone.

        Raises:
            RefusalError: what the plan raises.
            asyncio.CancelledError: the client has gone.
        """
        try:
            step = next(plan)
            while True:
                if isinstance(step, (int, float)):
                    await _pause(step, gone)
                    step = plan.send([])
                else:
                    step = plan.send(await self.ask_all(step, authorization))
        except StopIteration as done:
            result: Result = done.value
            return result
        finally:
            plan.close()

    async def ask_all(self, asks: Sequence[Ask], authorization: bytes | None) -> list[Outcome]:
        """Return what came of each, asked all at once."""
        if len(asks) == 1:
            return [await self.ask(asks[0], authorization)]
        return await asyncio.gather(*(self.ask(ask, authorization) for ask in asks))

    async def ask(self, ask: Ask, authorization: bytes | None) -> Outcome:
        """Return the reply, a Problem, or Lost where none came."""
        message = ask.message
        answer = await self.send(
            ask.shard,
            ask.endpoint,
            ask.endpoint.url(table=ask.name, name=ask.name),
            authorization,
            None if message is None else encode(message),
        )
        return answer if isinstance(answer, Lost) else outcome_of(ask.endpoint, answer)

    async def send(
        self,
        shard: int,
        endpoint: Endpoint,
        path: str,
        authorization: bytes | None,
        body: list[Buffer] | None,
        more_headers: bytes = b"",
    ) -> Answer | Lost:
        """Return the answer to a request.

        A shard that is silent is asked whether it lives: so one that has hung, or whose network
        has, is known within a second, and one that is slow has the time that it needs.
        """
        link = self._links.get(shard)
        if link is None:
            return Lost(f"shard {shard} is gone", may_have_happened=False)
        headers = _HEADERS + more_headers
        if authorization is not None:
            headers += b"authorization: %s\r\n" % authorization
        if body is None and endpoint.method in ("POST", "PUT", "PATCH"):
            body = []
        work = asyncio.ensure_future(link.exchange(endpoint.method, path, headers, body))
        try:
            while not (await asyncio.wait([work], timeout=_SILENT_S))[0]:
                if not await self.lives(shard):
                    return Lost(f"shard {shard} does not answer", may_have_happened=True)
            return work.result()
        except LinkError as error:
            return Lost(f"shard {shard}: {error}", may_have_happened=error.may_have_happened)
        finally:
            work.cancel()

    async def lives(self, shard: int) -> bool:
        """Return whether a shard says within a moment that it lives."""
        link = self._links.get(shard)
        if link is None:
            return False
        try:
            async with asyncio.timeout(_PING_S):
                answer = await link.exchange("GET", endpoints.HEALTHZ.path, b"", None)
        except (LinkError, TimeoutError):
            return False
        return answer.status == 200


async def _pause(seconds: float, gone: Gone | None) -> None:
    if gone is None:
        await asyncio.sleep(seconds)
        return
    watch = asyncio.ensure_future(gone())
    try:
        done, _ = await asyncio.wait([watch], timeout=seconds)
        if done:
            raise asyncio.CancelledError
    finally:
        watch.cancel()


def outcome_of(endpoint: Endpoint, answer: Answer) -> Outcome:
    """Return what an answer is: the reply, a Problem, or Lost; itself where it is no message."""
    if answer.status >= 400:
        is_json = answer.headers.get(b"content-type") == MediaType.PROBLEM_JSON.encode()
        form = msgspec.json if is_json else msgspec.msgpack  # as of a connection that is refused
        try:
            document = form.decode(answer.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            return Lost(f"it answered {answer.status} without a problem", may_have_happened=True)
        problem = Problem.from_document(document)
        if problem.code == ErrorCode.UNAVAILABLE:
            return Lost(problem.detail, may_have_happened=False)
        return problem
    if endpoint.reply is None or not issubclass(endpoint.reply, msgspec.Struct):
        return answer
    try:
        return decode(answer.body, endpoint.reply)
    except WireFormatError as error:
        return Lost(f"its answer can't be read: {error}", may_have_happened=True)
