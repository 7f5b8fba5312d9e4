import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.changes import Changes
from replay_server.memory.inspection import full_bytes, some_priorities, writers_of
from replay_server.memory.table import Table
from replay_server.table_factory import build_table
from replay_wire.complaints import convert
from replay_wire.specs import TableSpec


def table_of(capacity: int, **spec: object) -> Table:
    made = convert({"capacity": capacity, **spec}, TableSpec)
    return build_table(made, 10, 10, aligned_zeros, Changes())


def fill(table: Table, count: int, first: int = 0) -> None:
    numbers = np.arange(first, first + count)
    table.insert({"x": numbers}, numbers.astype(np.float64))


@pytest.mark.parametrize("remover", ["fifo", "lifo"])
def test_few_priorities_are_told_all(remover: str):
    table = table_of(100, remover={"kind": remover})
    fill(table, 7)
    table.delete(np.array([2, 3]))

    assert sorted(some_priorities(table, 100)) == [0, 1, 4, 5, 6]


def test_those_of_rows_that_have_gone_are_not_told():
    table = table_of(10)
    for first in (0, 10, 15):
        fill(table, 10, first)

    assert sorted(some_priorities(table, 100)) == list(range(15, 25))


@pytest.mark.parametrize("remover", ["fifo", "lifo"])
def test_many_priorities_are_told_in_part_from_all_over_the_table(remover: str):
    table = table_of(1000, remover={"kind": remover})
    fill(table, 900)

    told = some_priorities(table, 100)

    assert len(told) == 100
    assert np.diff(np.sort(told)) == pytest.approx(9)


def test_of_an_empty_table_none_is_told():
    table = table_of(10)
    assert len(some_priorities(table, 5)) == 0
    fill(table, 3)
    table.reset()

    assert len(some_priorities(table, 5)) == 0


def test_steps_that_are_no_items_are_not_told():
    table = table_of(20, items={"kind": "transition", "n_step": 2})
    flags = np.arange(5) == 0
    ends = np.arange(5) == 4
    columns = {
        "observation": np.zeros(5),
        "action": np.zeros(5),
        "reward": np.zeros(5),
        "is_first": flags,
        "is_last": ends,
        "is_terminal": ends,
    }
    table.insert(columns, np.arange(5.0))

    assert sorted(some_priorities(table, 10)) == [0, 1, 2, 3]  # the last step starts no item


def test_the_latest_writers_come_first():
    table = table_of(20)
    for writer, sequence in (("a", 1), ("b", 5), ("a", 2)):
        table.insert({"x": np.arange(2)}, writer=(writer, sequence))
    table.insert({"x": np.arange(0)}, writer=("c", 1))

    writers = writers_of(table)

    assert writers.latest(2) == [("c", 1, None), ("a", 2, 5)]
    assert writers.latest(9) == [("c", 1, None), ("a", 2, 5), ("b", 5, 3)]
    assert len(writers) == 3


def test_bytes_are_told_without_counting_streams():
    table = table_of(20)
    table.insert({"x": np.arange(2)}, writer=("a", 1))

    assert full_bytes(table) == table.nbytes
