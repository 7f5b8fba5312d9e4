"""What inputs can be fed to, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tests.fuzz.crowd import Crowd
from tests.fuzz.decoders import Decoders, valid_bodies
from tests.fuzz.programs import valid_inputs, waiting_inputs
from tests.fuzz.server import Server


class Target(Protocol):
    """Takes inputs, and raises where something does not hold."""

    def feed(self, data: bytes) -> Any:
        """Take one."""


@dataclass(frozen=True)
class Kind:
    """One kind of target, and the valid inputs to begin with."""

    make: Callable[[], Target]
    valid_inputs: Callable[[], list[bytes]]


TARGETS: Final = {
    "decoders": Kind(Decoders, valid_bodies),
    "server": Kind(Server, valid_inputs),
    "crowd": Kind(Crowd, waiting_inputs),
}
