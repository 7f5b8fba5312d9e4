"""What the twin reckons may come of a draw, beside all ways of drawing."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tests.twin.draws import _ends_of_distinct_draws


def ends_of_all_ways(left: tuple[int, ...], batch_size: int, batches: int) -> set[str | None]:
    if batches == 0:
        return {None}
    there = [place for place, times in enumerate(left) if times]
    if len(there) < batch_size:
        return {"rate_limited"}
    return {
        end
        for taken in combinations(there, batch_size)
        for end in ends_of_all_ways(
            tuple(times - (place in taken) for place, times in enumerate(left)),
            batch_size,
            batches - 1,
        )
    }


@given(st.lists(st.integers(1, 3), max_size=6), st.integers(1, 4), st.integers(1, 3))
def test_distinct_draws_end_as_some_way_of_drawing_ends(
    left: list[int], batch_size: int, batches: int
):
    expected = ends_of_all_ways(tuple(left), batch_size, batches)

    assert _ends_of_distinct_draws([*left], batch_size, batches) == expected


def test_those_used_up_first_are_not_always_the_fewest_left_first():
    # 1, 2, 2, 2 and then four that have one left leave three: fewest first would leave four.
    assert _ends_of_distinct_draws([1, 1, 2, 2, 2, 2, 2, 2], 4, 3) == {None, "rate_limited"}
