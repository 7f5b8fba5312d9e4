"""What inputs can be fed to, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tests.fuzz.crowd import Crowd
from tests.fuzz.decoders import KINDS, Decoders, valid_bodies
from tests.fuzz.programs import valid_inputs, waiting_inputs
from tests.fuzz.requests import BY_LABEL
from tests.fuzz.server import Server


class Target(Protocol):
    """Takes inputs, and raises where something does not hold."""

    def feed(self, data: bytes) -> Any:
        """Take one."""


@dataclass(frozen=True)
class Kind:
    """One kind of target, the valid inputs to begin with, and what the first byte stands for."""

    make: Callable[[], Target]
    valid_inputs: Callable[[], list[bytes]]
    labels: tuple[str, ...]


TARGETS: Final = {
    "decoders": Kind(Decoders, valid_bodies, tuple(kind.__name__ for kind in KINDS)),
    "server": Kind(Server, valid_inputs, tuple(BY_LABEL)),
    "crowd": Kind(Crowd, waiting_inputs, tuple(BY_LABEL)),
}
