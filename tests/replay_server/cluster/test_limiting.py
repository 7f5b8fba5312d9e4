"""The limiter of a cluster against that of one table."""

from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.errors import InvalidArgumentError
from replay_server.memory.rate_limiters import MinSize, SampleToInsertRatio
from replay_wire.sharding.asks import RefusalError
from replay_wire.sharding.limiting import Counts, missing_for_draw, missing_for_insert
from replay_wire.specs import MinSizeLimiter, SampleToInsertRatioLimiter

COUNT = st.integers(0, 200)


@given(COUNT, COUNT, st.integers(1, 50))
def test_min_size_is_that_of_one_table(min_size: int, size: int, draws: int):
    counts = Counts(size, size, 0)

    found = missing_for_draw(MinSizeLimiter(min_size), counts, draws)

    assert found == MinSize(min_size).missing_for_draw(size, draws)
    assert missing_for_insert(MinSizeLimiter(min_size), counts, draws, size + draws) is None


@given(
    st.sampled_from([0.25, 1.0, 3.0, 8.0]),
    COUNT,
    st.integers(8, 100),
    COUNT,
    COUNT,
    COUNT,
    st.integers(1, 60),
)
def test_the_ratio_is_that_of_one_table(
    ratio: float, min_size: int, buffer: int, size: int, inserted: int, drawn: int, count: int
):
    limiter = SampleToInsertRatioLimiter(ratio, min_size, float(buffer))
    counts = Counts(size, inserted, drawn)

    def of_one_table(is_insert: bool) -> str | None:
        one = SampleToInsertRatio(ratio, min_size, float(buffer))
        one.restore([inserted, drawn])
        try:
            if is_insert:
                return one.missing_for_insert(size, count, lambda: size + count)
            return one.missing_for_draw(size, count)
        except InvalidArgumentError as error:
            return error.field

    def of_cluster(is_insert: bool) -> str | None:
        try:
            if is_insert:
                return missing_for_insert(limiter, counts, count, size + count)
            return missing_for_draw(limiter, counts, count)
        except RefusalError as error:
            return str(error.problem.facts["field"])

    assert of_cluster(False) == of_one_table(False)
    assert of_cluster(True) == of_one_table(True)
