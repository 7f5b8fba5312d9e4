import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import UniformSampler
from replay_server.memory.table import Table

PRIORITIES = st.sampled_from([0.0, 1.0, 2.0, 3.0])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(PRIORITIES, min_size=1, max_size=6)),
        st.tuples(st.just("delete"), st.lists(st.integers(0, 7), max_size=3)),
        st.tuples(st.just("update"), st.lists(st.tuples(st.integers(0, 7), PRIORITIES))),
        st.tuples(st.just("reset"), st.just([])),
    ),
    max_size=25,
)
RANKS = {
    "lifo": lambda row: -row[0],
    "min_heap": lambda row: (row[1], row[0]),
    "max_heap": lambda row: (-row[1], row[0]),
}


def make_table(remover, capacity=6):
    return Table(
        capacity=capacity,
        sampler=UniformSampler(0.4, True, "batch"),
        limiter=MinSize(1),
        remover=remover,
        seed=3,
    )


def content(table):
    """Rows as (x, priority), by x."""
    slots, _ = table.scan(-1, 1000, "key")
    if not len(slots):
        return []
    _, priorities = table.keys_at(slots)
    return sorted(zip(table.rows_at(slots, ["x"])["x"].tolist(), priorities.tolist(), strict=True))


@settings(max_examples=200)
@given(remover=st.sampled_from(list(RANKS)), actions=ACTIONS)
def test_any_program_leaves_what_a_list_would(remover, actions):
    table, rows, keys, issued = make_table(remover), {}, {}, set()
    for kind, argument in actions:
        some = sorted(rows)
        if kind == "insert":
            first = table.inserted_total
            xs = np.arange(first, first + len(argument))
            got, _ = table.insert({"x": xs}, np.array(argument))
            for x, priority, key in zip(xs.tolist(), argument, got.tolist(), strict=True):
                if len(rows) == table.capacity:
                    del rows[min(rows.items(), key=RANKS[remover])[0]]
                rows[x], keys[x] = priority, key
                assert key not in issued
                issued.add(key)
        elif kind == "delete":
            gone = {some[place] for place in argument if place < len(some)}
            table.delete(np.array([keys[x] for x in gone], np.int64))
            for x in gone:
                del rows[x]
        elif kind == "update":
            pairs = [(some[place], p) for place, p in argument if place < len(some)]
            sent = np.array([keys[x] for x, _ in pairs], np.int64)
            table.update_priorities(sent, np.array([p for _, p in pairs], np.float64))
            rows |= dict(pairs)
        else:
            table.reset()
            rows.clear()
        assert content(table) == sorted(rows.items())
        assert table.size == table.rows == len(rows)


def test_a_uniform_remover_takes_every_row_alike():
    table = make_table("uniform", capacity=5)
    table.insert({"x": np.arange(5)})
    went = []
    for x in range(5, 3005):
        before = [x for x, _ in content(table)]
        table.insert({"x": np.array([x])})
        (gone,) = set(before) - {x for x, _ in content(table)}
        went.append(before.index(gone))

    counts = np.bincount(went, minlength=5)
    assert ((counts - 600) ** 2 / 600).sum() < 23.5  # four degrees of freedom: one in 10,000


@pytest.mark.parametrize("remover", ["lifo", "uniform", "min_heap", "max_heap"])
def test_rows_of_one_insert_are_where_their_keys_say(remover):
    table = make_table(remover, capacity=40)
    table.insert({"x": np.arange(40)})

    keys, _ = table.insert({"x": np.arange(40, 80)})

    slots, _ = table.scan(-1, 100, "key")
    there, _ = table.keys_at(slots)
    told = dict(zip(there.tolist(), table.rows_at(slots, ["x"])["x"].tolist(), strict=True))
    given_keys = dict(zip(keys.tolist(), range(40, 80), strict=True))
    assert len(told) == 40
    assert all(given_keys.get(key, x) == x for key, x in told.items())
