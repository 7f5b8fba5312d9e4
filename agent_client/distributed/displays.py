"""What a person sees of an actor: one live line, or plain lines where there is no terminal."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.status import Status

from agent_client.distributed.acting_loop import ActingLoop

LIVE_INTERVAL_S: Final = 0.2
PLAIN_INTERVAL_S: Final = 5.0


class ActorDisplay:
    """Observes acting loops; a context manager.

    Attributes:
        weights_version: shown; whoever loads weights sets it.
    """

    def __init__(self, console: Console) -> None:
        """Make a display.

        Args:
            console: where to print.
        """
        self.weights_version = 0
        self._console = console
        self._interval_s = LIVE_INTERVAL_S if console.is_terminal else PLAIN_INTERVAL_S
        self._status: Status | None = None
        if console.is_terminal:
            self._status = Status("starting", console=console)
        self._shown_at = time.monotonic()
        self._shown_step = 0
        self._newest_return: float | None = None

    def __enter__(self) -> Self:
        """Start the live line, if there is one."""
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the live line away."""
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """Show a text, such as what is waited for."""
        if self._status is None:
            self._console.print(text, highlight=False, soft_wrap=True)
        else:
            self._status.update(text)

    def on_step(self, loop: ActingLoop) -> None:
        """Show the state now and then."""
        elapsed = time.monotonic() - self._shown_at
        if elapsed < self._interval_s:
            return
        newest = "-" if self._newest_return is None else f"{self._newest_return:.1f}"
        rate = max(loop.step - self._shown_step, 0) / elapsed
        self.say(
            f"acting  step {loop.step:,}  {loop.episode:,} episodes  return {newest}  "
            f"epsilon {loop.epsilon:.4f}  {rate:,.0f} steps/s  weights {self.weights_version}  "
            f"held back {loop.seconds_held_back:.0f} s"
        )
        self._shown_at, self._shown_step = time.monotonic(), loop.step

    def on_episode(self, loop: ActingLoop, episode_return: float, length: int) -> None:
        """Keep the return to be shown."""
        self._newest_return = episode_return
