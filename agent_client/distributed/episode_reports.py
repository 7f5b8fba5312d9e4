"""What an actor tells its learner of each episode."""

from agent_client.distributed.acting_loop import ActingLoop
from agent_client.distributed.actor_record import ActorRecord
from agent_client.distributed.displays import ActorDisplay
from agent_client.distributed.meeting_point import episode_row
from agent_client.writer import RowWriter


class EpisodeReports:
    """Observes an acting loop and tells the learner of each episode."""

    def __init__(self, writer: RowWriter, record: ActorRecord, display: ActorDisplay) -> None:
        """Write to a run's table of episodes.

        Args:
            writer: of that table; kept, not closed.
            record: tells the actor's number.
            display: tells the version of its weights.
        """
        self._writer = writer
        self._record = record
        self._display = display

    def on_step(self, loop: ActingLoop) -> None:
        """Single steps are not told."""

    def on_episode(self, loop: ActingLoop, episode_return: float, length: int) -> None:
        """Tell of an episode."""
        self._writer.append(
            episode_row(
                actor=self._record.number or 0,
                epsilon=loop.explorer.exploration.get("epsilon", 0.0),
                total=episode_return,
                length=length,
                weights_version=self._display.weights_version,
            )
        )
