"""A refused request changes nothing: not a bit of the table, its generator included."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from replay_server.memory.errors import ReplayError
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler
from replay_server.memory.table import Table

X = np.arange(3)
ONES = np.ones(3)


def make_table(min_size: int = 1) -> Table:
    sampler = PrioritizedSampler(0.5, 0.4, True, "table")
    return Table(capacity=6, sampler=sampler, limiter=MinSize(min_size), seed=4)


def lived_in() -> Table:
    """Keys 4 to 8, of which 5 is deleted, 6 has no mass; the generator has been used."""
    table = make_table()
    table.insert({"x": X}, np.array([1.0, 4.0, 9.0]), ("w", 3))
    table.insert({"x": np.arange(6)}, None, ("v", 1))
    table.delete(np.array([5]))
    table.update_priorities(np.array([6, 2]), np.array([0.0, 8.0]))
    table.draw(7, 2)
    return table


REFUSED_INSERTS: dict[str, Callable[[Table], object]] = {
    "nan": lambda t: t.insert({"x": X}, np.array([1.0, np.nan, 1.0])),
    "infinity_last": lambda t: t.insert({"x": X}, np.array([9.0, 1.0, np.inf]), ("w", 4)),
    "negative": lambda t: t.insert({"x": X}, np.array([1.0, 1.0, -1e-9])),
    "too_few_priorities": lambda t: t.insert({"x": X}, np.ones(2)),
    "priority_scalar": lambda t: t.insert({"x": X}, np.array(1.0)),
    "bool_priorities": lambda t: t.insert({"x": X}, np.ones(3, np.bool_)),
    "no_columns": lambda t: t.insert({}, None, ("w", 4)),
    "too_many_rows": lambda t: t.insert({"x": np.arange(7)}, None, ("w", 4)),
    "lengths": lambda t: t.insert({"x": X, "y": X[:2]}, None, ("w", 4)),
    "scalar": lambda t: t.insert({"x": np.array(1)}, None, ("new", 4)),
}
REFUSED_LATER: dict[str, Callable[[Table], object]] = {
    "dtype": lambda t: t.insert({"x": X.astype(np.int32)}, None, ("w", 4)),
    "shape": lambda t: t.insert({"x": X[:, None]}, None, ("w", 4)),
    "unknown_column": lambda t: t.insert({"x": X, "y": X}, ONES * 50, ("w", 4)),
    "stale_sequence": lambda t: t.insert({"x": X}, ONES * 50, ("w", 2)),
    "update_nan": lambda t: t.update_priorities(np.array([4, 7]), np.array([50.0, np.nan])),
    "update_of_a_stranger": lambda t: t.update_priorities(np.array([99]), np.array([-1.0])),
    "update_lengths": lambda t: t.update_priorities(np.array([4, 7]), np.array([50.0])),
    "update_dtype": lambda t: t.update_priorities(np.array([4.0]), np.array([50.0])),
    "delete_dtype": lambda t: t.delete(np.array([4.0])),
    "draw_bad_update": lambda t: t.draw(3, update=(np.array([4, 7]), np.array([50.0, np.inf]))),
    "draw_bad_keys": lambda t: t.draw(3, update=(np.array([[4]]), np.array([50.0]))),
    "draw_barren": lambda t: t.draw(
        3, update=(np.array([4, 7, 7, 8, 3]), np.array([0.0, 50.0, 0.0, 0.0, 0.0]))
    ),
}


@pytest.mark.parametrize("name", REFUSED_INSERTS)
def test_a_refused_first_insert_leaves_a_new_table(name):
    table = make_table()
    before = pickle.dumps(table)

    with pytest.raises(ReplayError):
        REFUSED_INSERTS[name](table)

    assert pickle.dumps(table) == before
    assert table.signature is None


@pytest.mark.parametrize("name", [*REFUSED_INSERTS, *REFUSED_LATER])
def test_a_refused_request_changes_not_a_bit(name):
    table = lived_in()
    before = pickle.dumps(table)

    with pytest.raises(ReplayError):
        (REFUSED_INSERTS | REFUSED_LATER)[name](table)

    assert pickle.dumps(table) == before


def test_draws_go_on_as_if_the_refused_requests_had_never_been():
    table, twin = lived_in(), lived_in()

    for request in (REFUSED_INSERTS | REFUSED_LATER).values():
        with pytest.raises(ReplayError):
            request(table)
        assert table.draw(5).keys.tolist() == twin.draw(5).keys.tolist()


@pytest.mark.parametrize("update", [None, (np.array([4]), np.array([50.0]))])
def test_a_draw_that_the_limiter_holds_back_changes_not_a_bit(update):
    table = make_table(min_size=4)
    table.insert({"x": X})
    before = pickle.dumps(table)

    with pytest.raises(ReplayError):
        table.draw(2, update=update)

    assert pickle.dumps(table) == before


def test_a_first_insert_whose_columns_cannot_be_had_leaves_a_new_table():
    def allocate(name, shape, dtype):
        if name.startswith("column/"):
            raise MemoryError
        return np.zeros(shape, dtype)

    sampler = PrioritizedSampler(0.5, 0.4, True, "batch")
    table = Table(capacity=6, sampler=sampler, limiter=MinSize(1), seed=4, allocate=allocate)

    with pytest.raises(MemoryError):
        table.insert({"x": X}, None, ("w", 1))

    assert table.signature is None
    assert (table.size, table.inserted_total, table.next_key) == (0, 0, 0)


def test_reading_writes_nothing():
    table = lived_in()
    before = pickle.dumps(table)

    slots, _ = table.scan(-1, 3, "key")
    table.scan(-1, 3, "priority")
    table.gathering(slots, ["x"]).run()["x"][:] = 0
    table.keys_at(slots)[1][:] = 0.0
    _ = (table.priority_sum, table.max_priority, table.nbytes, table.sample_ages.quantiles())

    assert pickle.dumps(table) == before
