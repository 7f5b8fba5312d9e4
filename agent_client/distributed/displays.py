"""What a person sees of an actor: one live line, or plain lines where there is no terminal."""

from rich.console import Console
from rich.spinner import Spinner

from agent_client.distributed.acting_loop import ActingLoop
from agent_client.reporting.live_display import LiveDisplay


class ActorDisplay(LiveDisplay):
    """Observes acting loops.

    Attributes:
        weights_version: shown; whoever loads weights sets it.
    """

    def __init__(self, console: Console) -> None:
        """Make a display.

        Args:
            console: where to print.
        """
        super().__init__(console, transient=True)
        self.weights_version = 0
        self._newest_return: float | None = None
        self._spinner = Spinner("dots", text="starting")
        self.show(self._spinner)

    def say(self, text: str) -> None:
        """Show a text, such as what is waited for."""
        if self.is_live:
            self._spinner.update(text=text)
        else:
            self.print(text)

    def on_step(self, loop: ActingLoop) -> None:
        """Show the state now and then; rates and shares are of the time since then."""
        rates = self.rates({"steps": loop.step, "held back": loop.seconds_held_back})
        if rates is None:
            return
        explored = "".join(
            f"{name} {value:.4f}  " for name, value in loop.explorer.exploration.items()
        )
        newest = "-" if self._newest_return is None else f"{self._newest_return:.1f}"
        self.say(
            f"acting  step {loop.step:,}  return {newest}  {loop.episode:,} episodes  "
            f"{explored}{rates['steps']:,.0f} steps/s  "
            f"weights {self.weights_version}  held back {min(rates['held back'], 1.0):.0%}"
        )

    def on_episode(self, loop: ActingLoop, episode_return: float, length: int) -> None:
        """Keep the return to be shown."""
        self._newest_return = episode_return
