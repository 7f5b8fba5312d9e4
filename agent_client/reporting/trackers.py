"""Experiment trackers: where metrics go besides ``metrics.csv``.

A new one is a class with ``log`` and ``close`` and a line in ``TRACKERS``; its library is
imported only when it is chosen.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, cast

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


class WandbTracker:
    """Writes a run of Weights & Biases.

    Offline, unless the variable WANDB_MODE says otherwise: training must not stop at a question
    for an account. ``wandb sync`` sends what was written.
    """

    def __init__(self, directory: Path, about: Mapping[str, Any]) -> None:
        """Write below ``directory``, made if needed.

        Args:
            directory: where ``wandb`` makes a folder of its own.
            about: the run's configuration; what is of this machine only stays here.

        Raises:
            TrackerUnavailableError: wandb is not installed.
        """
        try:
            import wandb
        except ImportError as error:
            raise TrackerUnavailableError("wandb", "wandb") from error
        directory.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "replay-server"),
            dir=str(directory),
            mode=cast("Any", os.environ.get("WANDB_MODE", "offline")),
            config={name: value for name, value in about.items() if name not in _OF_THIS_MACHINE},
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write the values at their step."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Write out what was logged; online, wait until it is sent."""
        self._run.finish()


_OF_THIS_MACHINE: Final = frozenset({"server", "token_file", "tls_ca"})

TRACKERS: Final[Mapping[str, Callable[[Path, Mapping[str, Any]], Tracker]]] = {
    "tensorboard": lambda directory, about: TensorBoardTracker(directory),
    "wandb": WandbTracker,
    "none": lambda directory, about: NoTracker(),
}


def open_tracker(name: str, directory: Path, about: Mapping[str, Any]) -> Tracker:
    """Return the tracker of that name, which writes below ``directory``.

    Args:
        name: a key of ``TRACKERS``.
        directory: of the run's tracker.
        about: the run's configuration, for trackers that show it.

    Raises:
        KeyError: no such tracker.
        TrackerUnavailableError: its library is not installed.
    """
    return TRACKERS[name](directory, about)
