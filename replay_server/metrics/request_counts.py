"""Requests counted by endpoint and status, and how long they took.

A request costs one look into a dict and three additions; what Prometheus reads is made of it when
it asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sized
from typing import Final, TypeAlias

from replay_wire.errors import ErrorCode

__all__ = ["BOUNDS_S", "CLIENT_GONE", "OTHER", "RequestCounts", "RequestKind", "Timings"]

BOUNDS_S: Final = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    *(10.0, 30.0, 120.0),
)  # fmt: skip
CLIENT_GONE: Final = 0
OTHER: Final = "other"


RequestKind: TypeAlias = tuple[str, str, int]
"""Method, if it is one of HTTP's; path of the endpoint, braces and all; status of the answer.

The first two are `OTHER` where there is none, the last is `CLIENT_GONE` where nobody was left.
"""


class Timings:
    """How long the requests of a kind took.

    Attributes:
        count: how many there were.
        seconds: all of them together.
        below: how many took no longer than each of `BOUNDS_S`, but longer than the one before; at
            the end those that took longer than all.
    """

    __slots__ = ("below", "count", "seconds")

    def __init__(self) -> None:
        """Start without any."""
        self.count = 0
        self.seconds = 0.0
        self.below = [0] * (len(BOUNDS_S) + 1)

    def add(self, seconds: float) -> None:
        """Count a request."""
        self.count += 1
        self.seconds += seconds
        self.below[bisect_left(BOUNDS_S, seconds)] += 1


class RequestCounts:
    """All requests of a server.

    Attributes:
        by_kind: those that are over.
        under_way: how many are not.
        refused_connections: closed for what their client did, or left undone, by code.
        connections: those there are.
    """

    def __init__(self) -> None:
        """Start without any."""
        self.by_kind: dict[RequestKind, Timings] = {}
        self.under_way = 0
        self.refused_connections: Counter[ErrorCode] = Counter()
        self.connections: Sized = ()

    def add(self, kind: RequestKind, seconds: float) -> None:
        """Count a request that is over."""
        timings = self.by_kind.get(kind)
        if timings is None:
            timings = self.by_kind[kind] = Timings()
        timings.add(seconds)
