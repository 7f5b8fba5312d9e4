import pytest

from tests.fuzz.long_run import Progress


def line(inputs: int, edges: int) -> str:
    return f"#{inputs}\tNEW    cov: {edges} ft: 9 corp: 2/3b lim: 4096 exec/s: 5 rss: 77Mb L: 1/1\n"


@pytest.fixture
def progress() -> Progress:
    return Progress(inputs=100, minutes=0)


def test_a_run_is_done_when_enough_inputs_were_fed(progress: Progress):
    progress.hear(line(99, 5))
    assert not progress.is_done

    progress.hear(line(100, 5))
    assert progress.is_done


def test_a_new_edge_begins_the_minutes_anew(progress: Progress):
    progress.minutes = 1
    progress.hear(line(100, 5))
    progress.began -= 61
    assert progress.is_done

    progress.hear(line(101, 6))
    assert not progress.is_done
    assert [(inputs, edges) for _, inputs, edges in progress.rises] == [(100, 5), (101, 6)]


def test_inputs_of_earlier_rounds_count_and_edges_found_again_are_not_new(progress: Progress):
    progress.hear(line(60, 5))
    progress.before, progress.now = 60, 0

    progress.hear("INFO: Seed: 1\n")
    progress.hear(line(40, 5))

    assert progress.total == 100
    assert len(progress.rises) == 1
    assert "100 inputs, 5 edges" in str(progress)
