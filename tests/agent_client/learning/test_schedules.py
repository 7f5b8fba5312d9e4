"""Straight lines."""

import pytest

from agent_client.learning.schedules import LinearSchedule


@pytest.mark.parametrize(
    ("step", "value"),
    [
        pytest.param(0, 1.0, id="first_step"),
        pytest.param(25, 0.775, id="quarter"),
        pytest.param(50, 0.55, id="half"),
        pytest.param(100, 0.1, id="end"),
        pytest.param(10_000, 0.1, id="long_after"),
    ],
)
def test_epsilon_falls_linearly_and_then_stays(step: int, value: float) -> None:
    assert LinearSchedule(1.0, 0.1, 100).value(step) == pytest.approx(value)


@pytest.mark.parametrize(
    ("step", "value"),
    [
        pytest.param(0, 0.4, id="first_step"),
        pytest.param(500, 0.7, id="half"),
        pytest.param(1_000, 1.0, id="end"),
        pytest.param(1_001, 1.0, id="after"),
    ],
)
def test_beta_rises_linearly_to_one(step: int, value: float) -> None:
    assert LinearSchedule(0.4, 1.0, 1_000).value(step) == pytest.approx(value)


def test_schedule_of_no_steps_is_at_its_end_from_the_beginning() -> None:
    assert LinearSchedule(1.0, 0.05, 0).value(0) == 0.05
