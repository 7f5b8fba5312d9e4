"""What the handlers of a gateway share: the cluster, and routes that bear tokens on."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from starlette.types import Receive, Scope

from replay_server.api.headers import RequestHeaders
from replay_server.api.routes import Call, Handler, WireRoute
from replay_server.cluster.courier import Courier
from replay_server.cluster.doorkeeper import Doorkeeper
from replay_server.cluster.membership import Membership
from replay_server.cluster.shards import ShardDirectory
from replay_server.settings import ServerSettings
from replay_server.traffic import Account, Traffic
from replay_server.turns import Turns
from replay_wire.bearer import authorization as bearer
from replay_wire.endpoints import Endpoint
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem
from replay_wire.sharding.asks import Ask, Lost, Outcome, Plan, RefusalError
from replay_wire.sharding.cluster import Cluster, unavailable
from replay_wire.sharding.members import Members

__all__ = ["Asked", "Gateway", "GatewayRoute", "good", "is_plain"]

_MOST_AUTHORIZATION: Final = 1024
_FIRST_PLAIN: Final = 0x20
_DELETE: Final = 0x7F


@dataclass(frozen=True)
class Asked:
    """What a client of a gateway asks: the message, and the token that goes on to the shards."""

    message: Any
    authorization: bytes | None


class Gateway:
    """The cluster behind a gateway.

    Attributes:
        limits, traffic, turns: as of any server (`ReplayService`).
        cluster: what is known of the shards.
        courier: asks them.
        membership: says who they are.
        doorkeeper: says whose requests are read.
    """

    def __init__(
        self, directory: ShardDirectory, token: str | None, ssl_context: ssl.SSLContext | None
    ) -> None:
        """Ask the shards of a directory; see `create_gateway_app`."""
        self.limits = limits = ServerSettings().limits
        self.traffic = Traffic(limits.max_bytes_under_way)
        self.turns = Turns(limits.max_queue_seconds)
        self.cluster = Cluster(Members(), limits.max_draws_per_request)
        self.courier = Courier(ssl_context)
        own = None if token is None else bearer(token).encode()
        self.membership = Membership(directory, self.cluster, self.courier, own)
        self.doorkeeper = Doorkeeper(self.cluster, self.courier, self.membership)

    async def run(self, call: Call, plan: Plan[Any]) -> Any:
        """Return the result of a plan, carried out with the token of whoever called."""
        await self.membership.follow()
        return await self.courier.run(plan, call.message.authorization, call.gone)

    async def ask_live(
        self, call: Call, endpoint: Endpoint, name: str = "", message: Any = None
    ) -> list[tuple[int, Outcome]]:
        """Return what came of asking every shard that is there, without those that were lost.

        Raises:
            RefusalError: none is there.
        """
        await self.membership.follow()
        found = await self.ask_some(call, self.cluster.members.live, endpoint, name, message)
        if not found:
            raise unavailable("none of the cluster's shards answers")
        return found

    async def ask_some(
        self,
        call: Call,
        shards: Sequence[int],
        endpoint: Endpoint,
        name: str = "",
        message: Any = None,
    ) -> list[tuple[int, Outcome]]:
        """Return what came of asking these shards, without those that were lost."""
        asks = [Ask(shard, endpoint, name, message) for shard in shards]
        outcomes = await self.courier.ask_all(asks, call.message.authorization)
        found = []
        for ask, outcome in zip(asks, outcomes, strict=True):
            if isinstance(outcome, Lost):
                self.cluster.members.suspect(ask.shard)
            else:
                found.append((ask.shard, outcome))
        return found

    async def ask_every(
        self, call: Call, endpoint: Endpoint, name: str = "", message: Any = None
    ) -> list[tuple[int, Outcome]]:
        """Return what came of asking every shard, for what must not miss one.

        Raises:
            RefusalError: one is away; nothing was asked then, unless it went just now.
        """
        await self.membership.follow()
        self.check_whole()
        found = await self.ask_live(call, endpoint, name, message)
        self.check_whole()
        return found

    def check_whole(self) -> None:
        """Raise RefusalError where a shard is away."""
        away = self.cluster.members.away
        if away:
            numbers = ", ".join(map(str, away[:8]))
            raise unavailable(f"this takes all shards, and some are away (number {numbers})")


class GatewayRoute(WireRoute):
    """A route of a gateway: the `message` of its calls is an `Asked`."""

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        gateway: Gateway,
        *,
        tag: str,
        errors: tuple[ErrorCode, ...] = (),
    ) -> None:
        """Describe the endpoint, as WireRoute does; a gateway may be `unavailable` at any time."""
        self._gateway = gateway
        every = errors if endpoint.access.is_public else (*errors, ErrorCode.UNAVAILABLE)
        super().__init__(
            endpoint, handler, cast("Any", gateway), tag=tag, errors=tuple(dict.fromkeys(every))
        )

    async def read(
        self, scope: Scope, receive: Receive, headers: RequestHeaders, account: Account
    ) -> Any:
        """Return what is asked, and the token, once a shard has taken it.

        Raises:
            RefusalError: none does.
        """
        authorization = authorization_of(scope)
        if not self.wire.access.is_public:
            await self._gateway.doorkeeper.check(authorization)
        message = await self.read_asked(scope, receive, headers, account)
        return Asked(message, authorization)

    async def read_asked(
        self, scope: Scope, receive: Receive, headers: RequestHeaders, account: Account
    ) -> Any:
        """Return the message."""
        return await super().read(scope, receive, headers, account)


def authorization_of(scope: Scope) -> bytes | None:
    """Return the Authorization header of a request; None for one that is no token's."""
    found: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) != 1 or len(found[0]) > _MOST_AUTHORIZATION or not is_plain(found[0]):
        return None
    return found[0]


def is_plain(value: bytes) -> bool:
    """Return whether what a client has sent can go on to a shard as a part of a line."""
    return all(byte >= _FIRST_PLAIN and byte != _DELETE for byte in value)


def good(found: Sequence[tuple[int, Outcome]], *, missing: ErrorCode | None = None) -> list[Any]:
    """Return the replies.

    Args:
        found: shard and reply or Problem.
        missing: the code of what a shard does not have, which others may.

    Raises:
        RefusalError: a shard refuses for another reason, or none has it.
    """
    replies = []
    unknown: Problem | None = None
    for _, outcome in found:
        if not isinstance(outcome, Problem):
            replies.append(outcome)
        elif missing is not None and outcome.code == missing:
            unknown = outcome
        else:
            raise RefusalError(outcome)
    if not replies and unknown is not None:
        raise RefusalError(unknown)
    return replies
