"""The first signal asks, the second one insists."""

import signal
from dataclasses import dataclass

import pytest

from agent_client.runs.interrupts import STOPPING_SIGNALS, stop_on_signals


@dataclass
class Work:
    stop_requested: bool = False


@pytest.mark.parametrize("number", STOPPING_SIGNALS)
def test_first_signal_asks_to_stop(number: signal.Signals) -> None:
    work = Work()

    with stop_on_signals(work):
        signal.raise_signal(number)

    assert work.stop_requested


def test_second_signal_interrupts_at_once() -> None:
    with stop_on_signals(Work()):
        signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_of_before_are_put_back() -> None:
    before = [signal.getsignal(number) for number in STOPPING_SIGNALS]

    with stop_on_signals(Work()):
        pass

    assert [signal.getsignal(number) for number in STOPPING_SIGNALS] == before
