"""What people see of a program at work: a live part of the terminal, or plain lines elsewhere."""

import time
from collections.abc import Mapping
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live

from agent_client.closing import Closing

LIVE_INTERVAL_S: Final = 0.2
PLAIN_INTERVAL_S: Final = 5.0


class LiveDisplay(Closing):
    """Shows a state now and then, and how fast its counters rise; a context manager.

    In a log file or a container, where nothing can be live, it prints lines, and fewer of them.

    Attributes:
        is_live: whether it is a part of a terminal that changes.
    """

    def __init__(self, console: Console, *, transient: bool) -> None:
        """Make a display.

        Args:
            console: where to print.
            transient: whether a live one goes when it is closed, and does not stay as it is.
        """
        self.is_live = console.is_terminal
        self._console = console
        self._interval_s = LIVE_INTERVAL_S if self.is_live else PLAIN_INTERVAL_S
        self._live = Live(console=console, transient=transient) if self.is_live else None
        self._counters: dict[str, float] = {}
        self._counted_at = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to be live, if it can be."""
        if self._live is not None:
            self._live.start()
        return self

    def close(self) -> None:
        """Be live no more."""
        if self._live is not None:
            self._live.stop()

    def rates(self, counters: Mapping[str, float]) -> dict[str, float] | None:
        """Return by how much counters rise in a second, or None where it is not time to show that.

        The first time it only looks at them; so it does where one of them has gone back.

        Args:
            counters: as they stand, by their names.
        """
        elapsed = time.monotonic() - self._counted_at
        before = self._counters
        is_known = bool(before) and all(counters[name] >= before[name] for name in before)
        if is_known and elapsed < self._interval_s:
            return None
        self._counters, self._counted_at = dict(counters), time.monotonic()
        if not is_known:
            return None
        return {name: (value - before[name]) / elapsed for name, value in counters.items()}

    def show(self, state: RenderableType) -> None:
        """Let the live part be this."""
        if self._live is not None:
            self._live.update(state)

    def print(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, highlight=False, soft_wrap=True)
