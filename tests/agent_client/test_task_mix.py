"""Several tables in one draw, by shares, against a real server."""

import uuid
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client import RateLimitedError, ReplayClient, TaskMix, UnknownTableError
from agent_client.batches import Batch
from agent_client.batches.draws import Draw


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


def make_tables(client: ReplayClient, *sizes: int) -> list[str]:
    """Make a table of each size, whose rows say which it is."""
    tables = [f"task-{number}-{uuid.uuid4().hex}" for number in range(len(sizes))]
    for number, (table, size) in enumerate(zip(tables, sizes, strict=True)):
        client.create_table(table, {"capacity": 1000, "sampler": {"kind": "prioritized"}})
        client.insert(table, {"task": np.full(size, number)})
    return tables


def counts(batches: dict[str, Batch]) -> dict[str, int]:
    return {table: len(batch.keys) for table, batch in batches.items()}


def test_a_batch_is_shared_out(client: ReplayClient) -> None:
    one, two, three = make_tables(client, 5, 5, 5)
    mix = TaskMix(client, {one: 2, two: 1, three: 1}, 32)

    batches = mix.next()

    assert counts(batches) == {one: 16, two: 8, three: 8}
    for number, table in enumerate((one, two, three)):
        assert batches[table].columns["task"].tolist() == [number] * len(batches[table].keys)
    assert mix.shares == {one: 0.5, two: 0.25, three: 0.25}


class CountingClient:
    """Keeps what was asked for and answers with as much."""

    def __init__(self) -> None:
        self.asked: list[dict[str, int]] = []

    def sample_mixed(self, draws: list[Draw]) -> list[None]:
        self.asked.append({draw.table: draw.batch_size for draw in draws})
        return [None for _ in draws]


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=1, max_size=8).filter(any),
    st.integers(1, 100),
    st.integers(1, 60),
)
def test_shares_hold_exactly_in_the_long_run(
    shares: list[float], batch_size: int, rounds: int
) -> None:
    client = CountingClient()
    mix = TaskMix(client, {str(i): share for i, share in enumerate(shares)}, batch_size)  # type: ignore[arg-type]

    for _ in range(rounds):
        mix.next()

    drawn: Counter[str] = Counter()
    for asked in client.asked:
        assert sum(asked.values()) == batch_size
        assert min(asked.values()) > 0
        drawn.update(asked)
    for number, share in enumerate(shares):
        exact = share / sum(shares) * batch_size * rounds
        assert abs(drawn[str(number)] - exact) <= len(shares)
        assert share or not drawn[str(number)]


def test_a_small_share_comes_now_and_then(client: ReplayClient) -> None:
    often, seldom = make_tables(client, 5, 5)
    mix = TaskMix(client, {often: 0.875, seldom: 0.125}, 2)

    drawn = [counts(mix.next()) for _ in range(16)]

    assert sum(each.get(seldom, 0) for each in drawn) == 4
    assert {} not in drawn
    assert all(sum(each.values()) == 2 for each in drawn)


def test_shares_may_change_from_draw_to_draw_and_tables_come_and_go(client: ReplayClient) -> None:
    one, two, three = make_tables(client, 5, 5, 5)
    mix = TaskMix(client, {one: 1, two: 1}, 8)
    mix.next()

    mix.shares = {two: 3, three: 1}

    assert counts(mix.next()) == {two: 6, three: 2}
    mix.shares = {one: 0, two: 0, three: 0.001}
    assert counts(mix.next()) == {three: 8}


def test_priorities_go_along_with_the_next_draw_from_their_table(client: ReplayClient) -> None:
    one, two = make_tables(client, 2, 2)
    mix = TaskMix(client, {one: 1, two: 0}, 4)
    keys = {table: client.scan(table).keys for table in (one, two)}

    mix.update_priorities(one, keys[one][:1], [0.0])
    mix.update_priorities(two, keys[two], [1.0, 2.0])
    mix.update_priorities(two, keys[two][:1], [0.0])
    first = mix.next()
    mix.shares = {two: 1}
    second = mix.next()
    third = mix.next()

    assert set(first[one].keys.tolist()) == {int(keys[one][1])}
    assert first[one].updated == 1
    assert second[two].updated == 3
    assert set(second[two].priorities.tolist()) == {2.0}
    assert third[two].updated == 0


def test_what_waits_for_a_draw_can_be_stored_at_once(client: ReplayClient) -> None:
    (one,) = make_tables(client, 2)
    mix = TaskMix(client, {one: 1}, 4)
    mix.update_priorities(one, client.scan(one).keys, [7.0, 8.0])

    mix.flush()
    mix.flush()

    assert client.scan(one).priorities.tolist() == [7.0, 8.0]
    assert client.describe_table(one)["stats"]["updated_total"] == 2


def test_a_refused_draw_loses_neither_priorities_nor_shares(client: ReplayClient) -> None:
    one, empty = make_tables(client, 2, 0)
    mix = TaskMix(client, {one: 1, empty: 1}, 5, timeout_s=0.0)
    mix.update_priorities(one, client.scan(one).keys, [0.0, 3.0])
    for _ in range(3):
        with pytest.raises(RateLimitedError):
            mix.next()

    mix.shares = {one: 1}
    batches = mix.next()

    assert counts(batches) == {one: 5}
    assert batches[one].updated == 2
    assert set(batches[one].priorities.tolist()) == {3.0}


def test_a_table_that_is_not_there_is_told_by_name(client: ReplayClient) -> None:
    (one,) = make_tables(client, 2)

    with pytest.raises(UnknownTableError, match="nowhere"):
        TaskMix(client, {one: 1, "nowhere": 1}, 4).next()


@pytest.mark.parametrize(
    "shares", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}, {"a": float("inf")}]
)
def test_shares_that_are_none_are_refused(client: ReplayClient, shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares"):
        TaskMix(client, shares, 4)


def test_a_batch_of_nothing_is_refused(client: ReplayClient) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        TaskMix(client, {"a": 1}, 0)


@pytest.mark.parametrize(
    ("keys", "priorities"), [([1, 2], [1.0]), ([[1]], [[1.0]]), ([1.5], [1.0])]
)
def test_priorities_that_fit_no_keys_are_refused(
    client: ReplayClient, keys: list[object], priorities: list[object]
) -> None:
    mix = TaskMix(client, {"a": 1}, 4)

    with pytest.raises(ValueError, match="expected"):
        mix.update_priorities("a", keys, priorities)  # type: ignore[arg-type]
