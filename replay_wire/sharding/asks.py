"""Plans: what is to be asked of which shards, said without asking it.

A plan is a generator. It yields a list of `Ask`s, to be sent all at once, and gets the list of
what came of each; or it yields a number of seconds to wait, and gets an empty list. What it returns
is the result. So an event loop and a thread do the same, and a test does without either.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from replay_wire.endpoints import Endpoint
from replay_wire.errors import ErrorCode
from replay_wire.messages import Problem

__all__ = ["Ask", "Lost", "Outcome", "Plan", "RefusalError", "refusal"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to one shard.

    Attributes:
        shard: its number.
        endpoint: what is asked.
        name: fills the endpoint's path.
        message: the body; None where there is none.
    """

    shard: int
    endpoint: Endpoint
    name: str = ""
    message: Any = None


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came, or one that the shard does not serve now.

    Attributes:
        reason: why.
        may_have_happened: whether the shard may have done it nevertheless.
    """

    reason: str
    may_have_happened: bool


Outcome: TypeAlias = Any
"""The endpoint's reply, a Problem, or Lost."""

Plan: TypeAlias = Generator[Sequence[Ask] | float, list[Outcome], Result]


class RefusalError(Exception):
    """What a cluster refuses.

    Attributes:
        problem: the answer.
    """

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        self.problem = problem
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}")


def refusal(code: ErrorCode, detail: str, **facts: Any) -> RefusalError:
    """Return the refusal of a code."""
    return RefusalError(
        Problem(
            type=f"urn:replay-server:problem:{code}",
            title=code.phrase,
            status=code.status,
            detail=detail,
            code=code,
            facts=facts,
        )
    )
