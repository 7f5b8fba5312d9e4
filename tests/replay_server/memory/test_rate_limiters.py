import pytest

from replay_server.memory.rate_limiters import MinSize


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
    assert MinSize(min_size).missing_for_draw(size) == missing
