"""What a person sees while an agent trains: a live bar, or plain lines where there is none."""

import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from agent_client.evaluation import Evaluation
from agent_client.training_loop import ObservedLoop

LIVE_INTERVAL_S = 0.2
PLAIN_INTERVAL_S = 5.0
AVERAGED_EPISODES = 20


class ProgressDisplay:
    """Observes a training loop; a context manager.

    On a terminal it shows one live line. Elsewhere, in a log file or a container, it prints a
    line every five seconds and one per evaluation.
    """

    def __init__(self, console: Console, total_steps: int) -> None:
        """Make a display.

        Args:
            console: where to print.
            total_steps: environment steps at most; where the bar ends.
        """
        self._console = console
        self._interval_s = LIVE_INTERVAL_S if console.is_terminal else PLAIN_INTERVAL_S
        self._returns: deque[float] = deque(maxlen=AVERAGED_EPISODES)
        self._evaluation: float | None = None
        self._shown_at = time.monotonic()
        self._shown_step = -1
        self._shown_updates = -1
        self._total_steps = total_steps
        self._progress: Progress | None = None
        self._task = TaskID(0)
        if console.is_terminal:
            self._progress = Progress(
                TextColumn("training"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=console,
            )
            self._task = self._progress.add_task("starting", total=total_steps)

    def __enter__(self) -> Self:
        """Start the live line, if there is one."""
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the last state of the live line standing."""
        if self._progress is not None:
            self._progress.stop()

    def on_step(self, loop: ObservedLoop) -> None:
        """Show the state now and then."""
        if self._shown_step < 0:
            self._remember(loop)
        elif time.monotonic() - self._shown_at >= self._interval_s:
            self._show(loop)

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """Take the return into the average."""
        self._returns.append(episode_return)

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """Show how the greedy policy does."""
        self._evaluation = evaluation.mean_return
        if self._progress is None:
            self._console.print(
                f"step {loop.progress.step:,}: greedy return {evaluation.mean_return:.1f} "
                f"over {len(evaluation.returns)} episodes",
                highlight=False,
            )

    def _show(self, loop: ObservedLoop) -> None:
        elapsed = time.monotonic() - self._shown_at
        steps_rate = (loop.progress.step - self._shown_step) / elapsed
        updates_rate = (loop.agent.learner.steps - self._shown_updates) / elapsed
        parts = [
            f"return {_mean(self._returns)}",
            f"greedy {'-' if self._evaluation is None else f'{self._evaluation:.1f}'}",
            *(f"{name} {value:.2f}" for name, value in loop.exploration.items()),
            f"{steps_rate:,.0f} steps/s",
            f"{updates_rate:,.0f} updates/s",
            f"replay {loop.replay_size:,}",
            *loop.notes,
        ]
        age = loop.figures.get("sample_age")
        if age is not None:
            parts.append(f"age {age:,.0f}")
        line = "  ".join(parts)
        if self._progress is None:
            step = f"step {loop.progress.step:,} of {self._total_steps:,}"
            self._console.print(f"{step}  {line}", highlight=False, soft_wrap=True)
        else:
            self._progress.update(self._task, completed=loop.progress.step, description=line)
        self._remember(loop)

    def _remember(self, loop: ObservedLoop) -> None:
        self._shown_at = time.monotonic()
        self._shown_step = loop.progress.step
        self._shown_updates = loop.agent.learner.steps


def _mean(returns: deque[float]) -> str:
    return f"{sum(returns) / len(returns):.1f}" if returns else "-"
