"""Shares by slopes, on curves whose slopes are known."""

import pytest

from agent_client.learning_progress import LearningProgress


def shares_of(
    *scores: tuple[float, ...], floor: float = 0.4, window: int = 4
) -> list[dict[str, float]]:
    """Return the shares after each evaluation of tasks a, b, ... with these scores."""
    progress = LearningProgress("abcdef"[: len(scores)], floor=floor, window=window)
    return [
        progress.shares_after(dict(zip("abcdef", now, strict=False)))
        for now in zip(*scores, strict=True)
    ]


def test_before_anything_has_moved_all_get_the_same() -> None:
    (first, second) = shares_of((5.0, 5.0), (0.0, 0.0))

    assert first == second == pytest.approx({"a": 0.5, "b": 0.5})


def test_what_moves_gets_the_more_and_what_rests_the_floor() -> None:
    shares = shares_of((1.0, 2.0, 3.0), (9.0, 9.0, 9.0), (0.0, 0.0, 0.0), floor=0.3)[-1]

    assert shares == pytest.approx({"a": 0.8, "b": 0.1, "c": 0.1})


def test_what_is_forgotten_counts_as_what_is_learned() -> None:
    shares = shares_of((0.0, 1.0, 2.0), (9.0, 7.0, 5.0), floor=0.4)[-1]

    assert shares == pytest.approx({"a": 0.2 + 0.6 / 3, "b": 0.2 + 0.6 * 2 / 3})


def test_one_outlier_moves_less_than_a_trend() -> None:
    shares = shares_of((0.0, 9.0, 0.0, 0.0), (0.0, 3.0, 6.0, 9.0))[-1]

    assert shares["b"] > 1.5 * shares["a"]


def test_what_is_beyond_the_window_is_forgotten() -> None:
    shares = shares_of((0.0, 50.0, 50.0, 50.0), (0.0, 0.0, 1.0, 2.0), window=3)[-1]

    assert shares == pytest.approx({"a": 0.2, "b": 0.8})


@pytest.mark.parametrize(
    ("tasks", "window", "floor"), [("", 4, 0.3), ("ab", 1, 0.3), ("ab", 4, 0.0), ("ab", 4, 1.1)]
)
def test_what_could_never_work_is_refused(tasks: str, window: int, floor: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        LearningProgress(tasks, window=window, floor=floor)


def test_a_task_without_a_score_is_an_error() -> None:
    with pytest.raises(KeyError):
        LearningProgress("ab").shares_after({"a": 1.0})
