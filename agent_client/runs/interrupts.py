"""Ctrl-C and SIGTERM while training: finish the step, keep what was reached, then end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

STOPPING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """What can be asked to stop at the next opportunity."""

    stop_requested: bool


@contextmanager
def stop_on_signals(stoppable: Stoppable) -> Iterator[None]:
    """Within a ``with`` block, let the first signal ask ``stoppable`` to stop.

    A second one interrupts at once, as a ``KeyboardInterrupt``. Only the main thread may
    call this. The handlers of before are put back at the end.
    """

    def request_stop(number: int, frame: FrameType | None) -> None:
        if stoppable.stop_requested:
            raise KeyboardInterrupt
        stoppable.stop_requested = True

    before = {number: signal.signal(number, request_stop) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
