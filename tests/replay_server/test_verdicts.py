from typing import Any

import pytest

from replay_server.histories import Pace
from replay_server.verdicts import Facts, verdict
from replay_wire.activity import Side
from replay_wire.specs import MinSizeLimiter, QueueLimiter, SampleToInsertRatioLimiter
from tests.replay_server.simulated_run import Run

RATIO = SampleToInsertRatioLimiter(samples_per_insert=8.0, min_size=100, error_buffer=80.0)
QUEUE = QueueLimiter(size=64)
FREE = MinSizeLimiter(min_size=100)


def side(
    per_second: float | None = 0.0, held: float = 0.0, waiting: int = 0, one: float | None = None
) -> Side:
    return Side(
        per_second=per_second,
        waiting=waiting,
        held_share=held,
        wait_share=held if one is None else one,
        held_seconds_total=0.0,
        refused_total=0,
    )


def facts(limiter: Any, inserts: Side, draws: Side, size: int = 500, inserted: int = 500) -> Facts:
    return Facts(limiter=limiter, size=size, inserted_total=inserted, inserts=inserts, draws=draws)


def seen(pace: Pace) -> Side:
    assert pace.held_share is not None
    return side(pace.per_second, pace.held_share, one=pace.wait_share)


@pytest.mark.parametrize("limiter", [RATIO, QUEUE, FREE], ids=["ratio", "queue", "min_size"])
def test_where_draws_are_held_back_the_actors_are_slow(limiter: Any):
    told = verdict(facts(limiter, side(10.0), side(80.0, held=0.93, waiting=1)))

    assert (told.state, told.slow) == ("actors_slow", "actors")
    assert "learner waits for actors" in told.detail
    assert "93%" in told.detail
    assert "more actors" in told.advice


@pytest.mark.parametrize("limiter", [RATIO, QUEUE], ids=["ratio", "queue"])
def test_where_inserts_are_held_back_the_learner_is_slow(limiter: Any):
    told = verdict(facts(limiter, side(10.0, held=1.0, waiting=4), side(80.0)))

    assert (told.state, told.slow) == ("learner_slow", "learner")
    assert "actors wait for the learner" in told.detail
    assert "fewer actors" in told.advice


def test_the_ratio_is_to_be_moved_towards_the_slow_side():
    hungry = verdict(facts(RATIO, side(10.0), side(80.0, held=0.9)))
    flooded = verdict(facts(RATIO, side(10.0, held=0.9), side(80.0)))

    assert "raise samples_per_insert (now 8)" in hungry.advice
    assert "lower samples_per_insert (now 8)" in flooded.advice


def test_who_wait_for_each_other_in_turn_keep_step():
    told = verdict(facts(RATIO, side(10.0, held=0.4), side(80.0, held=0.3)))

    assert (told.state, told.slow) == ("in_step", None)
    assert "error_buffer (now 80)" in told.advice


@pytest.mark.parametrize(
    ("inserts_held", "draws_held", "slow"),
    [
        pytest.param(0.6, 0.3, "learner", id="actors wait twice as long"),
        pytest.param(0.3, 0.6, "actors", id="the learner waits twice as long"),
    ],
)
def test_who_waits_less_is_slow_even_where_both_wait(
    inserts_held: float, draws_held: float, slow: str
):
    told = verdict(facts(RATIO, side(10.0, held=inserts_held), side(80.0, held=draws_held)))

    assert told.slow == slow
    assert "60%" in told.detail
    assert "less: 30%" in told.detail


def test_of_many_actors_one_nearly_always_waits_and_that_means_nothing():
    many = side(10.0, held=0.26, waiting=1, one=0.01)

    told = verdict(facts(RATIO, many, side(80.0, held=0.37, waiting=1)))

    assert told.slow == "actors"
    assert "less" not in told.detail


@pytest.mark.parametrize("actors", [1, 4, 32])
@pytest.mark.parametrize(
    ("insert_rows", "batch_size", "error_buffer"),
    [
        pytest.param(1, 256, 2_000.0, id="much slack"),
        pytest.param(8, 64, 64.0, id="slack for one request of each"),
        pytest.param(8, 16, 40.0, id="hardly any slack"),
    ],
)
@pytest.mark.parametrize(
    ("load", "slow"),
    [
        pytest.param(0.3, "actors", id="actors at a third of the learner's pace"),
        pytest.param(0.75, "actors", id="actors at three quarters of it"),
        pytest.param(1.35, "learner", id="the learner at three quarters of theirs"),
        pytest.param(3.0, "learner", id="the learner at a third of it"),
    ],
)
def test_who_is_said_to_be_slow_is_who_holds_the_run_up(
    actors: int, insert_rows: int, batch_size: int, error_buffer: float, load: float, slow: str
):
    paces = Run(actors, insert_rows, batch_size, error_buffer, load).paces()

    told = verdict(facts(RATIO, seen(paces.inserts), seen(paces.draws)))

    assert told.slow == slow, (paces, told)


@pytest.mark.parametrize(
    ("limiter", "advice"),
    [
        pytest.param(RATIO, "Raise error_buffer (now 80)", id="ratio"),
        pytest.param(QUEUE, "the queue longer", id="queue"),
    ],
)
def test_where_both_wait_and_neither_moves_they_are_stuck(limiter: Any, advice: str):
    told = verdict(facts(limiter, side(0.0, held=1.0, waiting=2), side(0.0, held=1.0, waiting=1)))

    assert (told.state, told.slow) == ("stuck", None)
    assert advice in told.advice


def test_a_moment_of_waiting_makes_nobody_slow():
    told = verdict(facts(RATIO, side(10.0, held=0.02), side(80.0, held=0.05)))

    assert (told.state, told.slow) == ("balanced", None)
    assert "wants 8" in told.detail


def test_an_empty_table_waits_for_its_first_actor():
    told = verdict(facts(FREE, side(None), side(None, held=1.0, waiting=2), size=0, inserted=0))

    assert told.state == "empty"
    assert "2 draws wait" in told.detail
    assert "actor" in told.advice


@pytest.mark.parametrize(
    ("per_second", "advice"),
    [
        pytest.param(1.0, "about 2 minutes", id="in minutes"),
        pytest.param(0.01, "about 3 hours", id="in hours"),
        pytest.param(50.0, "less than a minute", id="soon"),
        pytest.param(0.0, "actors run", id="never"),
        pytest.param(None, "", id="nobody knows"),
    ],
)
def test_a_filling_table_tells_how_long_it_takes(per_second: float | None, advice: str):
    limiter = MinSizeLimiter(min_size=200)

    told = verdict(facts(limiter, side(per_second), side(0.0, held=1.0, waiting=1), size=80))

    assert told.state == "filling"
    assert "120 items are missing" in told.detail
    assert "1 draw waits" in told.detail
    assert advice in told.advice


def test_a_table_that_is_drawn_empty_is_not_filling_but_starved():
    limiter = MinSizeLimiter(min_size=200)

    told = verdict(facts(limiter, side(5.0), side(10.0, held=0.8), size=80))

    assert told.slow == "actors"
    assert "min_size (now 200)" in told.advice


def test_an_empty_queue_is_not_filling_but_starved():
    told = verdict(facts(QUEUE, side(0.0), side(0.0, held=1.0, waiting=1), size=0))

    assert told.slow == "actors"


@pytest.mark.parametrize(
    ("inserts", "draws", "state"),
    [
        pytest.param(0.0, 0.0, "idle", id="nobody"),
        pytest.param(3.0, 0.0, "no_draws", id="no learner"),
        pytest.param(0.0, 3.0, "no_inserts", id="no actor"),
        pytest.param(None, None, "idle", id="first look"),
    ],
)
def test_whoever_does_nothing_is_named(inserts: float | None, draws: float | None, state: str):
    told = verdict(facts(FREE, side(inserts), side(draws)))

    assert (told.state, told.slow) == (state, None)


@pytest.mark.parametrize(
    ("draws", "slow"),
    [
        pytest.param(5.0, "learner", id="rows go undrawn"),
        pytest.param(80.0, None, id="8 draws a row"),
        pytest.param(20000.0, "actors", id="2,000 draws a row"),
    ],
)
def test_without_a_limiter_that_holds_back_the_draws_a_row_tell(draws: float, slow: str | None):
    told = verdict(facts(FREE, side(10.0), side(draws)))

    assert (told.state, told.slow) == ("free", slow)
