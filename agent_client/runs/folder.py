"""The folder of a run: what lies where, and who may write into it.

    config.toml          the complete configuration; ``--config`` takes it to repeat the run
    metrics.csv          one line per training episode and per evaluation
    checkpoint/          weights, optimizer, progress, random states: ``checkpoint.py``
    tracker/             what the experiment tracker writes
    learning_curve.png   drawn at the end from metrics.csv
    evaluation.json      greedy episodes with the best weights
    evaluation-last.json the same with those of the last checkpoint, where somebody asked for it
    replay/              of a deterministic run: its own server's checkpoint of the replay memory

Else the replay memory is not in here: it stays with the replay server. A run that is taken up
again on an empty table first fills it to ``learning_starts`` transitions, and then goes on.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import tomli_w

from agent_client.run_errors import RunFolderError

Weights: TypeAlias = Literal["best", "last"]
"""Which of a run's weights: those that did best in evaluations, or the last checkpoint's."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Names of the files of a run.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The complete configuration."""
        return self.path / "config.toml"

    @property
    def metrics(self) -> Path:
        """One line per training episode and per evaluation."""
        return self.path / "metrics.csv"

    @property
    def checkpoint(self) -> Path:
        """The folder of weights and state."""
        return self.path / "checkpoint"

    @property
    def replay(self) -> Path:
        """The data directory of a deterministic run's own server."""
        return self.path / "replay"

    @property
    def tracker(self) -> Path:
        """The folder of the experiment tracker."""
        return self.path / "tracker"

    @property
    def learning_curve(self) -> Path:
        """The drawing of the run."""
        return self.path / "learning_curve.png"

    @property
    def evaluation(self) -> Path:
        """The final evaluation."""
        return self.evaluation_of("best")

    def evaluation_of(self, weights: Weights) -> Path:
        """Return the file of the greedy episodes with some of the weights."""
        return self.path / (
            "evaluation.json" if weights == "best" else f"evaluation-{weights}.json"
        )

    def require_unused(self) -> None:
        """Refuse a folder that holds anything, so that no run is overwritten.

        Raises:
            RunFolderError: the path is a file, or a folder with something in it.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(self.path, "is a file; name a folder with --out")
        if self.path.is_dir() and any(self.path.iterdir()):
            raise RunFolderError(
                self.path, "is not empty; name another with --out, or go on with --resume"
            )

    def create(self, config: Mapping[str, Any]) -> None:
        """Make the folder if needed and write ``config`` into it.

        Raises:
            RunFolderError: it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.config.write_bytes(tomli_w.dumps(dict(config)).encode())
        except OSError as error:
            raise RunFolderError(self.path, f"cannot be written: {error.strerror}") from error

    def read_config(self) -> dict[str, Any]:
        """Return the document of ``config.toml``.

        Raises:
            RunFolderError: the folder holds no run, or its configuration cannot be read.
        """
        try:
            return tomllib.loads(self.config.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunFolderError(self.path, "holds no run: config.toml is missing") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RunFolderError(self.path, f"has an unreadable config.toml: {error}") from error


def default_run_folder(environment_id: str, seed: int, now: datetime) -> Path:
    """Return ``runs/ENV-seedN-TIME``, with characters fit for a path."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", environment_id)
    return Path("runs") / f"{name}-seed{seed}-{now:%Y%m%d-%H%M%S}"
