"""What is shown while training, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from agent_client.evaluation import Evaluation
from agent_client.reporting import progress
from agent_client.reporting.progress import ProgressDisplay
from tests.agent_client.fakes import corridor_loop

WANTED = ("return -3.0", "greedy -4.0", "epsilon 1.00", "steps/s", "updates/s", "replay 1,234")


def shown_on(console: Console) -> None:
    loop = corridor_loop()
    loop.replay_size = 1_234
    with ProgressDisplay(console, total_steps=100) as display:
        display.on_step(loop)
        display.on_episode(loop, episode_return=-3.0, length=3)
        display.on_evaluation(loop, Evaluation((-4.0,)))
        loop.progress.step = 10
        display.on_step(loop)


@pytest.fixture(autouse=True)
def _at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LIVE_INTERVAL_S", 0.0)
    monkeypatch.setattr(progress, "PLAIN_INTERVAL_S", 0.0)


def test_plain_lines_where_there_is_no_terminal() -> None:
    output = io.StringIO()

    shown_on(Console(file=output, force_terminal=False, width=80))

    text = output.getvalue()
    assert "\x1b" not in text
    assert "step 0: greedy return -4.0 over 1 episodes" in text
    assert "step 10 of 100" in text
    assert all(part in text for part in WANTED), text


def test_one_live_line_on_a_terminal() -> None:
    output = io.StringIO()

    shown_on(Console(file=output, force_terminal=True, width=160))

    text = output.getvalue()
    assert "10/100" in text
    assert all(part in text for part in WANTED), text


def test_nothing_is_printed_more_often_than_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_INTERVAL_S", 3_600.0)
    output = io.StringIO()
    loop = corridor_loop()

    with ProgressDisplay(Console(file=output, force_terminal=False), 100) as display:
        for _ in range(50):
            display.on_step(loop)

    assert output.getvalue() == ""
