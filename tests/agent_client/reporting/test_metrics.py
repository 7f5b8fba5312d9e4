"""Lines of metrics.csv, and the same numbers at a tracker."""

from collections.abc import Mapping
from pathlib import Path

from agent_client.dqn.algorithm import DQN
from agent_client.evaluation import Evaluation
from agent_client.reporting.metrics import COMMON_COLUMNS, MetricsLog, read_metrics
from agent_client.training_loop import TrainingLoop
from tests.agent_client.fakes import corridor_loop

FIGURES = DQN.figures


class RecordingTracker:
    def __init__(self) -> None:
        self.logged: list[tuple[dict[str, float], int]] = []
        self.closed = False

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.logged.append((dict(values), step))

    def close(self) -> None:
        self.closed = True


def at(step: int) -> TrainingLoop:
    loop = corridor_loop()
    loop.progress.step = step
    return loop


def test_episodes_and_evaluations_get_a_line_each(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.csv", RecordingTracker(), FIGURES) as log:
        log.on_episode(at(10), episode_return=-3.0, length=3)
        log.on_evaluation(at(20), Evaluation((-3.0, -5.0)))

    episode, evaluation = read_metrics(tmp_path / "metrics.csv")
    assert (episode.step, episode.episode_return, episode.episode_length) == (10, -3.0, 3)
    assert episode.evaluation_return is None
    assert (evaluation.step, evaluation.evaluation_return) == (20, -4.0)
    assert evaluation.evaluation_episodes == 2
    assert evaluation.episode_return is None


def test_first_line_names_the_columns(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.csv", RecordingTracker(), FIGURES):
        pass

    assert (tmp_path / "metrics.csv").read_text().strip() == ",".join((*COMMON_COLUMNS, *FIGURES))


def test_tracker_gets_what_is_known_and_is_closed(tmp_path: Path) -> None:
    tracker = RecordingTracker()
    with MetricsLog(tmp_path / "metrics.csv", tracker, FIGURES) as log:
        log.on_episode(at(10), episode_return=-3.0, length=3)

    ((values, step),) = tracker.logged
    assert step == 10
    assert values["episode_return"] == -3.0
    assert "evaluation_return" not in values
    assert "loss" not in values  # nothing learned yet
    assert tracker.closed


def test_lines_beyond_the_checkpoint_are_dropped_when_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with MetricsLog(path, RecordingTracker(), FIGURES) as log:
        for step in (10, 20, 30):
            log.on_episode(at(step), episode_return=float(step), length=1)

    with MetricsLog(path, RecordingTracker(), FIGURES, resume_step=20) as log:
        log.on_episode(at(25), episode_return=25.0, length=1)

    assert [row.step for row in read_metrics(path)] == [10, 20, 25]


def test_line_cut_short_by_a_crash_is_dropped_when_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with MetricsLog(path, RecordingTracker(), FIGURES) as log:
        log.on_episode(at(10), episode_return=1.0, length=1)
    with path.open("a") as file:
        file.write("20,1.5,3")

    with MetricsLog(path, RecordingTracker(), FIGURES, resume_step=100):
        pass

    assert [row.step for row in read_metrics(path)] == [10]


def test_run_without_metrics_yet_can_go_on(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.csv", RecordingTracker(), FIGURES, resume_step=5):
        pass

    assert read_metrics(tmp_path / "metrics.csv") == []
