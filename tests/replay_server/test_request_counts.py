"""Durations in the places of a histogram."""

import pytest

from replay_server.metrics.request_counts import BOUNDS_S, Timings


@pytest.mark.parametrize(
    ("seconds", "place"),
    [
        pytest.param(0.0, 0, id="nothing"),
        pytest.param(BOUNDS_S[0], 0, id="a_bound_belongs_to_what_is_below_it"),
        pytest.param(BOUNDS_S[0] * 1.01, 1, id="above_the_first"),
        pytest.param(0.2, BOUNDS_S.index(0.25), id="between"),
        pytest.param(BOUNDS_S[-1], len(BOUNDS_S) - 1, id="the_last"),
        pytest.param(1e9, len(BOUNDS_S), id="beyond_all"),
    ],
)
def test_a_duration_counts_below_the_least_bound_that_it_does_not_exceed(
    seconds: float, place: int
):
    timings = Timings()

    timings.add(seconds)

    assert [index for index, count in enumerate(timings.below) if count] == [place]
    assert (timings.count, timings.seconds) == (1, seconds)
