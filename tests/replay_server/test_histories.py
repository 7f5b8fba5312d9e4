import pytest

from replay_server.histories import Look, LookBook


def look(at_s: float, inserted: float = 0, drawn: float = 0, **more: float) -> Look:
    others = dict.fromkeys(Look._fields[3:], 0.0)
    return Look(at_s, inserted, drawn, **{**others, **more})


def book_of(*looks: Look) -> LookBook:
    book = LookBook()
    for each in looks:
        book.add(each)
    return book


def test_a_first_look_tells_no_pace():
    paces = LookBook().pace(look(100.0, 10, 20))

    assert paces.inserts == paces.draws == (None, None, None)
    assert paces.samples_per_insert is None


def test_pace_is_over_some_five_seconds():
    book = book_of(*(look(second, 10 * second, 80 * second) for second in range(10)))
    now = look(10.0, 200, 800)  # the last second was a quick one: 110 rows

    paces = book.pace(now)

    assert paces.inserts.per_second == pytest.approx((200 - 50) / 5)
    assert paces.draws.per_second == pytest.approx((800 - 400) / 5)
    assert paces.samples_per_insert == pytest.approx(400 / 150)


def test_pace_is_over_less_where_nobody_looked_before():
    assert book_of(look(8.0, 0), look(9.0, 10)).pace(look(10.0, 30)).inserts.per_second == 15.0


@pytest.mark.parametrize("at_s", [10.1, 60.0], ids=["just now", "long ago"])
def test_a_look_just_now_or_long_ago_tells_no_pace(at_s: float):
    assert book_of(look(10.0)).pace(look(at_s, 10)).inserts.per_second is None


def test_held_back_is_the_share_of_the_time_and_a_refusal_counts_a_second():
    book = book_of(look(0.0))

    paces = book.pace(look(10.0, inserts_held_s=2.5, draws_refused=3))
    flooded = book.pace(look(10.0, inserts_held_s=9.0, inserts_refused=500))

    assert paces.inserts.held_share == pytest.approx(0.25)
    assert paces.draws.held_share == pytest.approx(0.3)
    assert flooded.inserts.held_share == 1.0


def test_one_of_many_waits_on_average_less_than_any_of_them():
    book = book_of(look(0.0))

    of_four = book.pace(look(10.0, inserts_held_s=8.0, inserts_waited_s=12.0, writers=4))
    of_some = book.pace(look(10.0, inserts_held_s=8.0, inserts_waited_s=12.0))
    refused = book.pace(look(10.0, inserts_held_s=8.0, inserts_refused=4, writers=4))

    assert of_four.inserts.held_share == of_some.inserts.held_share == pytest.approx(0.8)
    assert of_four.inserts.wait_share == pytest.approx(0.3)
    assert of_some.inserts.wait_share == pytest.approx(0.8)  # nobody can tell how many
    assert refused.inserts.wait_share == pytest.approx(0.1)


def test_a_history_tells_how_long_one_of_many_waited():
    book = book_of(
        look(0.0),
        look(2.0, inserts_held_s=1.0, inserts_waited_s=2.0, writers=4),
        look(4.0, inserts_held_s=3.0, inserts_waited_s=4.0),
    )

    history = book.history(4.0)

    assert history.inserts_held == [0.5, 1.0]
    assert history.inserts_wait == [0.25, 1.0]  # at last nobody could tell how many there were


def test_rows_lately_are_those_of_half_a_minute():
    book = book_of(*(look(second, 10 * second) for second in range(100)))

    assert book.rows_lately(99.0, 1_000) == 1_000 - 690
    assert LookBook().rows_lately(99.0, 1_000) == 0


def test_a_history_is_what_went_on_between_looks():
    book = book_of(
        look(0.0),
        look(2.0, 20, 0, size=20),
        look(4.0, 20, 50, size=20, draws_held_s=1.0),
    )

    history = book.history(5.0)

    assert history.seconds == [-3.0, -1.0]
    assert history.inserts_per_second == [10.0, 0.0]
    assert history.draws_per_second == [0.0, 25.0]
    assert history.samples_per_insert == [0.0, None]  # no row came in
    assert history.draws_held == [0.0, 0.5]
    assert history.inserts_held == [0.0, 0.0]
    assert history.size == [20, 20]


def test_looks_that_follow_at_once_are_not_noted():
    book = book_of(look(0.0), look(0.5, 5), look(1.0, 10))

    assert book.history(1.0).inserts_per_second == [10.0]


def test_old_looks_are_forgotten():
    book = book_of(*(look(second) for second in range(1000)))

    seconds = book.history(1000.0).seconds

    assert len(seconds) == 239
    assert (seconds[0], seconds[-1]) == (-239.0, -1.0)


def test_without_looks_there_is_no_history():
    assert LookBook().history(1.0).seconds == []
