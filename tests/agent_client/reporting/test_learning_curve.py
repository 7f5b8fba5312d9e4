"""The drawing shows what the metrics say."""

from pathlib import Path

import numpy as np
import pytest

from agent_client.reporting.learning_curve import draw_learning_curve, moving_average
from agent_client.reporting.metrics import MetricsRow

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def row(step: int, **known: float) -> MetricsRow:
    return MetricsRow(
        step=step,
        seconds=0.0,
        learner_steps=0,
        episode=0,
        beta=0.4,
        replay_size=0,
        **known,  # type: ignore[arg-type]
    )


def test_moving_average_takes_what_there_is_at_first() -> None:
    averages = moving_average([1.0, 3.0, 5.0, 7.0], window=2)

    np.testing.assert_allclose(averages, [1.0, 2.0, 4.0, 6.0])


def test_moving_average_of_nothing_is_nothing() -> None:
    assert moving_average([], window=3).tolist() == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="nothing_yet"),
        pytest.param([row(1, episode_return=5.0)], id="one_episode"),
        pytest.param([row(1, evaluation_return=5.0)], id="one_evaluation"),
        pytest.param(
            [row(step, episode_return=float(step)) for step in range(50)]
            + [row(25, evaluation_return=30.0), row(50, evaluation_return=60.0)],
            id="a_run",
        ),
    ],
)
def test_png_is_drawn_from_whatever_there_is(tmp_path: Path, rows: list[MetricsRow]) -> None:
    path = tmp_path / "learning_curve.png"

    draw_learning_curve(rows, path, title="a run", solved_return=475.0)

    assert path.read_bytes().startswith(PNG_SIGNATURE)
