"""What a person sees while an agent trains: a live bar and figures, or plain lines."""

from collections import deque
from typing import Final

from rich.columns import Columns
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent_client.evaluation import Evaluation
from agent_client.loop_observers import ObservedLoop
from agent_client.reporting.live_display import LiveDisplay

AVERAGED_EPISODES: Final = 20


class ProgressDisplay(LiveDisplay):
    """Observes a training loop.

    On a terminal it shows a bar and, below it, the figures. Elsewhere, in a log file or a
    container, it prints a line every five seconds and one per evaluation. Rates and the share of
    time that the learner waited for batches are of the time since they were shown before.
    """

    def __init__(self, console: Console, total_steps: int) -> None:
        """Make a display.

        Args:
            console: where to print.
            total_steps: environment steps at most; where the bar ends.
        """
        super().__init__(console, transient=False)
        self._returns: deque[float] = deque(maxlen=AVERAGED_EPISODES)
        self._evaluation: float | None = None
        self._total_steps = total_steps
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=total_steps)
        self.show(self._bar)

    def on_step(self, loop: ObservedLoop) -> None:
        """Show the state now and then."""
        progress = loop.progress
        rates = self.rates(
            {
                "steps": progress.step,
                "updates": loop.agent.learner.steps,
                "waiting": progress.seconds_waiting,
            }
        )
        if rates is None:
            return
        parts = self._parts(loop, rates)
        if self.is_live:
            self._bar.update(self._task, completed=progress.step)
            self.show(Group(self._bar, Columns(map(Text, parts), padding=(0, 2))))
        else:
            step = f"step {progress.step:,} of {self._total_steps:,}"
            self.print("  ".join((step, *parts)))

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """Take the return into the average."""
        self._returns.append(episode_return)

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """Show how the greedy policy does."""
        self._evaluation = evaluation.mean_return
        if not self.is_live:
            self.print(
                f"step {loop.progress.step:,}: greedy return {evaluation.mean_return:.1f} "
                f"over {len(evaluation.returns)} episodes"
            )

    def _parts(self, loop: ObservedLoop, rates: dict[str, float]) -> list[str]:
        mean = sum(self._returns) / len(self._returns) if self._returns else None
        age = loop.figures.get("sample_age")
        return [
            f"return {_or_dash(mean)}",
            f"greedy {_or_dash(self._evaluation)}",
            f"{loop.progress.episode:,} episodes",
            *(f"{name} {value:.2f}" for name, value in loop.exploration.items()),
            f"{rates['steps']:,.0f} steps/s",
            f"{rates['updates']:,.0f} updates/s",
            f"replay {loop.replay_size:,}",
            *([] if age is None else [f"age {age:,.0f}"]),
            f"waiting {min(rates['waiting'], 1.0):.0%}",
            *loop.notes,
        ]


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
