"""The same server, to which an input's requests come at once: some wait, and some clients go."""

from __future__ import annotations

import asyncio

from tests.fuzz.exchange import exchange
from tests.fuzz.requests import Request
from tests.fuzz.server import Server


class Crowd(Server):
    """Clients that don't wait for each other."""

    async def send(self, requests: list[Request], is_sampled: bool) -> list[int]:
        """Send requests, check what came of them, and return the statuses of those answered."""
        outcomes = await asyncio.gather(
            *(exchange(self.app, request, may_hang_up=True) for request in requests),
            return_exceptions=True,
        )
        names, told, statuses = set[str](), list[str](), list[int]()
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is None:  # what it asked for may have been done, or not
                names |= self.standing.names()
                continue
            told.append(self.check(request, outcome))
            names |= self.named_by(request, outcome)
            statuses.append(outcome.status)
        changed = self.changed(self.standing.names() if is_sampled else names)
        if changed and len(statuses) == len(requests):
            assert min(statuses) < 400, f"refusals changed {changed}: {told}"
        self.standing.check_quiet()
        return statuses
