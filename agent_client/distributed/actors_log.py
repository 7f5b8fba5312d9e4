"""What the learner hears of its actors: steps inserted, episodes ended, who is at work."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from agent_client.distributed.meeting_point import episodes_table
from agent_client.errors import UnknownPathError, UnknownTableError
from agent_client.replay_client import ReplayClient

__all__ = ["ActorsLog", "EndedEpisode"]

_AT_WORK_S: Final = 15.0
_LOOK_EVERY_S: Final = 2.0
_SCANNED_ROWS: Final = 4096


@dataclass(frozen=True, slots=True)
class EndedEpisode:
    """An episode of one actor.

    Attributes:
        actor: its number.
        epsilon: its probability of a random action.
        episode_return: undiscounted.
        episode_length: steps.
        weights_version: of the network that it ended with.
    """

    actor: int
    epsilon: float
    episode_return: float
    episode_length: int
    weights_version: int


class ActorsLog:
    """Asks the server now and then; each question costs a millisecond or two.

    Attributes:
        steps: rows that actors have inserted since this log began, and `steps_before`.
        replay_size: items in the table.
        actors_held_back: those that wait to insert, for the learner to draw, when last looked.
    """

    def __init__(
        self,
        client: ReplayClient,
        run: str,
        *,
        steps_before: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what is there; episodes that ended before are not told.

        Args:
            client: kept, not closed.
            run: its name.
            steps_before: what `steps` goes on from.
            clock: seconds, for who is at work.

        Raises:
            UnknownTableError: the run's table is not there.
        """
        self._client = client
        self._run = run
        self._clock = clock
        self._last_key = -1
        self._heard: dict[int, float] = {}
        self._inserting = self.actors_held_back = 0
        self._looked_at: float | None = None
        stats = client.describe_table(run)["stats"]
        self.steps = steps_before
        self.replay_size = int(stats["size"])
        self._zero = int(stats["inserted_total"]) - steps_before
        self._new_episodes()
        self._heard.clear()

    @property
    def actors_at_work(self) -> int:
        """Actors that insert, or wait to, or of which an episode has been heard lately."""
        since = self._clock() - _AT_WORK_S
        heard = sum(heard_at >= since for heard_at in self._heard.values())
        return max(heard, self._inserting)

    def ask(self) -> list[EndedEpisode]:
        """Bring `steps` and `replay_size` up to date; return the episodes that have ended since.

        Raises:
            UnknownTableError: the run's table is gone.
            ReplayClientError: the server cannot be reached or refuses.
        """
        stats = self._client.describe_table(self._run)["stats"]
        self.steps = max(self.steps, int(stats["inserted_total"]) - self._zero)
        self.replay_size = int(stats["size"])
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return self._new_episodes()

    def _look(self) -> None:
        """Learn who inserts and who waits; where a gateway can't tell, of episodes alone."""
        try:
            tables: list[dict[str, Any]] = self._client.activity()["tables"]
        except UnknownPathError:
            return
        for table in tables:
            if table["name"] == self._run:
                self._inserting = int(table["writers_at_work"] or 0)
                self.actors_held_back = int(table["inserts"]["waiting"])

    def _new_episodes(self) -> list[EndedEpisode]:
        found: list[EndedEpisode] = []
        more = True
        while more:
            try:
                rows = self._client.scan(
                    episodes_table(self._run), after=self._last_key, limit=_SCANNED_ROWS
                )
            except UnknownTableError:
                return found
            values = {name: column.tolist() for name, column in rows.columns.items()}
            found += [
                EndedEpisode(**{name: column[place] for name, column in values.items()})
                for place in range(len(rows.keys))
            ]
            if len(rows.keys):
                self._last_key = int(rows.keys[-1])
            more = rows.more
        now = self._clock()
        for episode in found:
            self._heard[episode.actor] = now
        return found
