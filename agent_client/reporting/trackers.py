"""Experiment trackers: where metrics go besides ``metrics.csv``.

A new one is a class with ``log`` and ``close`` and a line in ``TRACKERS``; its library is
imported only when it is chosen.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from agent_client.run_errors import TrackerUnavailableError


class Tracker(Protocol):
    """Takes named numbers at environment steps."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Take ``values`` as of environment step ``step``; ascending within a name."""

    def close(self) -> None:
        """Write out what was logged."""


class NoTracker:
    """Takes everything and keeps nothing."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Ignore ``values``."""

    def close(self) -> None:
        """Nothing to write."""


class TensorBoardTracker:
    """Writes TensorBoard event files."""

    def __init__(self, directory: Path) -> None:
        """Write below ``directory``, made if needed.

        Raises:
            TrackerUnavailableError: tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise TrackerUnavailableError("tensorboard", "tensorboard") from error
        self._writer = SummaryWriter(str(directory))

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write one scalar per name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


TRACKERS: Final[Mapping[str, Callable[[Path], Tracker]]] = {
    "tensorboard": TensorBoardTracker,
    "none": lambda directory: NoTracker(),
}


def open_tracker(name: str, directory: Path) -> Tracker:
    """Return the tracker of that name, which writes below ``directory``.

    Raises:
        KeyError: no such tracker.
        TrackerUnavailableError: its library is not installed.
    """
    return TRACKERS[name](directory)
