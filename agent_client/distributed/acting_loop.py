"""The acting loop: an actor's environments, in turn, by whatever weights came last."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from agent_client.distributed.acting_place import ActingPlace
from agent_client.errors import WriterTimeoutError
from agent_client.learning.algorithm import Explorer


class ActorObserver(Protocol):
    """Who is told what happens."""

    def on_step(self, loop: "ActingLoop") -> None:
        """One step is done."""

    def on_episode(self, loop: "ActingLoop", episode_return: float, length: int) -> None:
        """An episode ended, ``length`` steps long."""


class ActingEnd(Enum):
    """Why a loop ended."""

    OUT_OF_STEPS = "all steps are done"
    RUN_IS_OVER = "the run is over"
    ANOTHER_RUN = "a learner with other hyper-parameters has taken over"
    TABLE_IS_GONE = "the table is gone"
    STOPPED = "it was asked to stop"


class Room(Protocol):
    """What the loop wants of ``agent_client.writer.RowWriter``."""

    def wait_for_room(self, rows: int) -> None:
        """Return when so many rows can be taken at once.

        Raises:
            WriterTimeoutError: not for now; ask again.
        """


@dataclass
class ActingLoop:
    """Acts; holds what its observers may read.

    Attributes:
        places: the environments.
        explorer: chooses, by the network of now.
        run_step: tells how many steps of all actors the learner had heard of with the newest
            weights.
        room: asked before each step, so that a limiter that says no is waited for between steps.
        refresh: called before each step; may load new weights, and tells why to end, if at all.
        limit: steps at most; None for no limit.
        observers: told what happens, in this order.
        step: environment steps done.
        episode: episodes ended.
        seconds_held_back: spent waiting for room.
    """

    places: Sequence[ActingPlace]
    explorer: Explorer
    run_step: Callable[[], int]
    room: Room
    refresh: Callable[[], ActingEnd | None]
    limit: int | None = None
    observers: tuple[ActorObserver, ...] = ()
    step: int = field(default=0, init=False)
    episode: int = field(default=0, init=False)
    seconds_held_back: float = field(default=0.0, init=False)

    def run(self) -> ActingEnd:
        """Act until the limit is reached or ``refresh`` says to end.

        Errors of the writer pass through.
        """
        for place in self.places:
            place.begin(self.explorer, self.run_step())
        while self._may_step():
            if (end := self.refresh()) is not None:
                return end
            if not self._has_room():
                continue
            for place in self.places:
                if self._may_step():
                    self._act(place)
        return ActingEnd.OUT_OF_STEPS

    def _may_step(self) -> bool:
        return self.limit is None or self.step < self.limit

    def _act(self, place: ActingPlace) -> None:
        score = place.step(self.explorer, self.run_step())
        self.step += 1
        if score is not None:
            self.episode += 1
            for observer in self.observers:
                observer.on_episode(self, *score)
            place.begin(self.explorer, self.run_step())
        for observer in self.observers:
            observer.on_step(self)

    def _has_room(self) -> bool:
        """Return whether the rows of an episode's end, the most at once, can be taken of all."""
        began_at = time.monotonic()
        try:
            self.room.wait_for_room(sum(place.most_rows for place in self.places))
        except WriterTimeoutError:
            return False
        finally:
            self.seconds_held_back += time.monotonic() - began_at
        return True
