"""Numbers of a run over its steps: ``metrics.csv``, and the same to an experiment tracker.

One line per training episode and one per evaluation; what a line does not tell is empty. Beside
the columns that every run has stand the figures that its algorithm tells.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from agent_client.closing import Closing
from agent_client.evaluation import Evaluation
from agent_client.loop_observers import ObservedLoop
from agent_client.reporting.trackers import Tracker


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """One line of ``metrics.csv``; its columns are these fields, and those of the figures.

    Attributes:
        step: environment steps done.
        seconds: wall-clock time spent training.
        learner_steps: gradient steps done.
        episode: training episodes ended.
        beta: importance exponent.
        replay_size: transitions in the table.
        episode_return: undiscounted return of the training episode that ended.
        episode_length: its steps.
        evaluation_return: mean return of the greedy episodes of an evaluation.
        evaluation_episodes: how many those were.
        seconds_waiting: of the seconds, those spent waiting for batches.
        figures: what the agent tells of its exploration and of the newest gradient step.
    """

    step: int
    seconds: float
    learner_steps: int
    episode: int
    beta: float
    replay_size: int
    episode_return: float | None = None
    episode_length: int | None = None
    evaluation_return: float | None = None
    evaluation_episodes: int | None = None
    seconds_waiting: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    def known(self) -> dict[str, float]:
        """Return by its column what the line tells."""
        common = {name: getattr(self, name) for name in COMMON_COLUMNS}
        told = {name: value for name, value in common.items() if value is not None}
        return {**told, **self.figures}


COMMON_COLUMNS: Final = tuple(one.name for one in fields(MetricsRow) if one.name != "figures")


class MetricsLog(Closing):
    """Observes a training loop and writes what it sees; a context manager."""

    def __init__(
        self,
        path: Path,
        tracker: Tracker,
        figures: Sequence[str],
        *,
        resume_step: int | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: of ``metrics.csv``.
            tracker: gets the same numbers; closed with this.
            figures: what the algorithm's agents may tell, each a column.
            resume_step: step of the checkpoint that a run goes on from; lines beyond it are
                dropped, since those steps will be done again. None begins a new file.
        """
        kept = [] if resume_step is None else _lines_up_to(path, resume_step)
        self._file = path.open("w", newline="", encoding="utf-8", buffering=1)
        self._writer = csv.DictWriter(self._file, (*COMMON_COLUMNS, *figures))
        self._writer.writeheader()
        self._writer.writerows(kept)
        self._tracker = tracker

    def close(self) -> None:
        """Close the file and the tracker."""
        self._file.close()
        self._tracker.close()

    def on_step(self, loop: ObservedLoop) -> None:
        """Single steps leave no line."""

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """Write the line of a training episode."""
        self._write(_row(loop, episode_return=episode_return, episode_length=length))

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """Write the line of an evaluation."""
        self._write(
            _row(
                loop,
                evaluation_return=evaluation.mean_return,
                evaluation_episodes=len(evaluation.returns),
            )
        )

    def _write(self, row: MetricsRow) -> None:
        known = row.known()
        self._writer.writerow(known)
        del known["step"]
        self._tracker.log(known, row.step)


def read_metrics(path: Path) -> list[MetricsRow]:
    """Return the lines of a ``metrics.csv``, in the order they were written."""
    return [_parse(line) for line in _read_lines(path)]


def _row(
    loop: ObservedLoop,
    *,
    episode_return: float | None = None,
    episode_length: int | None = None,
    evaluation_return: float | None = None,
    evaluation_episodes: int | None = None,
) -> MetricsRow:
    return MetricsRow(
        step=loop.progress.step,
        seconds=round(loop.progress.seconds, 3),
        learner_steps=loop.agent.learner.steps,
        episode=loop.progress.episode,
        beta=loop.beta,
        replay_size=loop.replay_size,
        episode_return=episode_return,
        episode_length=episode_length,
        evaluation_return=evaluation_return,
        evaluation_episodes=evaluation_episodes,
        seconds_waiting=round(loop.progress.seconds_waiting, 3),
        figures=loop.figures,
    )


_INTEGERS: Final = {
    "step",
    "learner_steps",
    "episode",
    "replay_size",
    "episode_length",
    "evaluation_episodes",
}


def _parse(line: dict[str, str]) -> MetricsRow:
    values = {
        name: (int if name in _INTEGERS else float)(text) for name, text in line.items() if text
    }
    common = {name: values.pop(name) for name in COMMON_COLUMNS if name in values}
    return MetricsRow(**common, figures=values)  # type: ignore[arg-type]  # the set tells the types


def _read_lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _lines_up_to(path: Path, step: int) -> list[dict[str, str]]:
    """Return the lines of steps up to ``step``; a last line cut short by a crash is dropped."""
    if not path.exists():
        return []
    return [
        line
        for line in _read_lines(path)
        if None not in line.values() and line["step"] and int(line["step"]) <= step
    ]
