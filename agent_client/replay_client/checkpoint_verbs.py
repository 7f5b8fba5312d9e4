"""The verbs of checkpoints: write, list, restore, delete. The server needs a data directory."""

from typing import Final

from agent_client.transport.channel import Channel
from replay_wire import endpoints
from replay_wire.messages import CheckpointReply, CheckpointRequest

__all__ = ["CheckpointVerbs"]

_WAIT_S: Final = 600.0
"""What writing or reading a checkpoint may take beyond the limits of any call."""


class CheckpointVerbs:
    """What a `ReplayClient` does with checkpoints of the whole server."""

    _channel: Channel

    def write_checkpoint(self, name: str | None = None) -> CheckpointReply:
        """Write the state of this instant, replacing a checkpoint of that name.

        Args:
            name: 1 to 64 of A-Z a-z 0-9 . _ - with a letter or digit first; None takes the time.

        Returns:
            Its name, and how many tables, rows and bytes it holds, once it is whole.

        Raises:
            InvalidRequestError: the server has no data directory.
            StorageFullError: there is no room; what stood under the name still stands.
        """
        reply: CheckpointReply = self._channel.call(
            endpoints.WRITE_CHECKPOINT, message=CheckpointRequest(name=name), wait_s=_WAIT_S
        )
        return reply

    def list_checkpoints(self) -> list[CheckpointReply]:
        """Return every whole checkpoint, by name."""
        found: list[CheckpointReply] = self._channel.call(
            endpoints.LIST_CHECKPOINTS, repeatable=True
        ).checkpoints
        return found

    def restore_checkpoint(self, name: str) -> None:
        """Replace all tables, writers' sequences and parameters by those of a checkpoint.

        Raises:
            UnknownCheckpointError: there is none of that name.
        """
        self._channel.call(endpoints.RESTORE_CHECKPOINT, table=name, wait_s=_WAIT_S)

    def delete_checkpoint(self, name: str) -> None:
        """Delete a checkpoint.

        Raises:
            UnknownCheckpointError: there is none of that name.
        """
        self._channel.call(endpoints.DELETE_CHECKPOINT, table=name)
