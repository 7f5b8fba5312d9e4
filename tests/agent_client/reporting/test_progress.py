"""What is shown while training, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from agent_client.evaluation import Evaluation
from agent_client.reporting import live_display
from agent_client.reporting.progress import ProgressDisplay
from tests.agent_client.fakes import corridor_loop

WANTED = (
    "return -3.0", "greedy -4.0", "1,000 episodes", "epsilon 1.00", "100 steps/s", "20 updates/s",
    "replay 1,234", "age 77", "waiting 25%",
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def shown_on(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = corridor_loop()
    loop.replay_size = 1_234
    clock = Clock()
    monkeypatch.setattr(live_display.time, "monotonic", clock)
    with ProgressDisplay(console, total_steps=100) as display:
        display.on_step(loop)
        display.on_episode(loop, episode_return=-3.0, length=3)
        display.on_evaluation(loop, Evaluation((-4.0,)))
        loop.progress.step, loop.progress.episode, loop.agent.learner.steps = 10, 1_000, 2
        loop.progress.seconds_waiting = 0.025
        loop.progress.draws = {
            "sample_age": 77.0, "effective_sample_share": 1.0, "drawn_steps": 1.0,
        }  # fmt: skip
        clock.now += 0.1
        display.on_step(loop)


@pytest.fixture(autouse=True)
def _at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_display, "LIVE_INTERVAL_S", 0.0)
    monkeypatch.setattr(live_display, "PLAIN_INTERVAL_S", 0.0)


def test_plain_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()

    shown_on(Console(file=output, force_terminal=False, width=80), monkeypatch)

    text = output.getvalue()
    assert "\x1b" not in text
    assert "step 0: greedy return -4.0 over 1 episodes" in text
    assert "step 10 of 100" in text
    assert all(part in text for part in WANTED), text


@pytest.mark.parametrize("width", [80, 160])
def test_a_live_bar_and_figures_on_a_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()

    shown_on(Console(file=output, force_terminal=True, width=width), monkeypatch)

    text = output.getvalue()
    assert "10/100" in text
    assert all(part in text for part in WANTED), text


def test_nothing_is_printed_more_often_than_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_display, "PLAIN_INTERVAL_S", 3_600.0)
    output = io.StringIO()
    loop = corridor_loop()

    with ProgressDisplay(Console(file=output, force_terminal=False), 100) as display:
        for _ in range(50):
            display.on_step(loop)

    assert output.getvalue() == ""
