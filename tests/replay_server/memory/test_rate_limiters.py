import pytest

from replay_server.memory.errors import InvalidArgumentError
from replay_server.memory.rate_limiters import MinSize, Queue, SampleToInsertRatio


@pytest.mark.parametrize(
    ("min_size", "size", "missing"),
    [
        pytest.param(3, 0, "3 more inserts", id="empty"),
        pytest.param(3, 2, "1 more insert", id="one_short"),
        pytest.param(3, 3, None, id="just_enough"),
        pytest.param(3, 9, None, id="enough"),
        pytest.param(0, 0, "1 more insert", id="an_empty_table_gives_nothing"),
        pytest.param(0, 1, None, id="zero_needs_one_item_all_the_same"),
    ],
)
def test_draws_need_min_size_items(min_size, size, missing):
    assert MinSize(min_size).missing_for_draw(size, 7) == missing


def test_min_size_never_holds_an_insert_back():
    assert MinSize(3).missing_for_insert(0, 10**6, lambda: 10**6) is None


def ratio(inserted: int = 0, drawn: int = 0) -> SampleToInsertRatio:
    """Two draws an insert, from 3 items on, give or take 4: d must stay within 2 and 10."""
    limiter = SampleToInsertRatio(2.0, 3, 4.0)
    limiter.inserted(inserted)
    limiter.drawn(drawn)
    return limiter


@pytest.mark.parametrize(
    ("inserted", "drawn", "draws", "missing"),
    [
        pytest.param(2, 0, 1, "1 more insert", id="below_the_minimum"),
        pytest.param(3, 0, 4, None, id="down_to_the_lower_edge"),  # d = 6, 6 - 4 = 2
        pytest.param(3, 0, 5, "1 more insert", id="one_below_the_lower_edge"),
        pytest.param(3, 4, 5, "3 more inserts", id="five_below"),  # each insert adds 2
        pytest.param(5, 0, 8, None, id="the_whole_width"),
    ],
)
def test_draws_keep_to_the_ratio(inserted, drawn, draws, missing):
    assert ratio(inserted, drawn).missing_for_draw(inserted, draws) == missing


@pytest.mark.parametrize(
    ("inserted", "drawn", "rows", "leaves", "missing"),
    [
        pytest.param(0, 0, 3, 3, None, id="up_to_the_minimum_they_always_pass"),
        pytest.param(3, 0, 2, 5, None, id="up_to_the_upper_edge"),  # d = 6, 6 + 4 = 10
        pytest.param(3, 0, 3, 6, "2 more draws", id="one_row_above_it"),
        pytest.param(3, 1, 3, 6, "1 more draw", id="nearly"),
        pytest.param(3, 2, 3, 6, None, id="after_two_draws"),
        pytest.param(9, 0, 1, 3, None, id="a_table_that_stays_small_takes_all"),
    ],
)
def test_inserts_keep_to_the_ratio(inserted, drawn, rows, leaves, missing):
    assert ratio(inserted, drawn).missing_for_insert(inserted, rows, lambda: leaves) == missing


def test_what_could_never_pass_the_ratio_is_refused_at_once():
    with pytest.raises(InvalidArgumentError) as draw:
        ratio().missing_for_draw(100, 9)
    with pytest.raises(InvalidArgumentError) as insert:
        ratio().missing_for_insert(100, 5, lambda: 100)

    assert (draw.value.field, insert.value.field) == ("batch_size", "columns")


def test_a_ratio_that_is_restarted_forgets():
    limiter = ratio(inserted=50)

    limiter.restart()

    assert limiter.missing_for_draw(50, 1) == "2 more inserts"  # d = 0, which must be 3 at least


def test_draws_taken_back_count_no_more():
    limiter = ratio(inserted=3, drawn=4)

    limiter.drawn(-4)

    assert limiter.missing_for_draw(3, 4) is None


@pytest.mark.parametrize(
    ("size", "draws", "missing"), [(2, 2, None), (1, 3, "2 more inserts"), (0, 1, "1 more insert")]
)
def test_a_queue_gives_what_it_has(size, draws, missing):
    assert Queue(4).missing_for_draw(size, draws) == missing


@pytest.mark.parametrize(
    ("size", "rows", "missing"), [(2, 2, None), (3, 2, "1 more draw"), (4, 4, "4 more draws")]
)
def test_a_queue_takes_what_fits(size, rows, missing):
    assert Queue(4).missing_for_insert(size, rows, lambda: 4) == missing


def test_what_never_fits_a_queue_is_refused_at_once():
    with pytest.raises(InvalidArgumentError):
        Queue(4).missing_for_draw(4, 5)
    with pytest.raises(InvalidArgumentError):
        Queue(4).missing_for_insert(0, 5, lambda: 5)
