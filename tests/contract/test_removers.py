"""Sections 3 and 4: what goes when a table is full."""

import pytest

from tests.contract.peer import TablePeer
from tests.contract.steps import StepPeer

PRIORITIES = [2.0, 1.0, 3.0, 1.0, 3.0]


def left(table: TablePeer) -> list[int]:
    return sorted(x for x, _ in table.contents().values())


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("fifo", [2, 3, 4, 5, 6]),
        ("lifo", [0, 1, 2, 3, 6]),  # 4 goes for 5, and 5 for 6
        ("min_heap", [0, 2, 4, 5, 6]),
        ("max_heap", [0, 1, 3, 4, 6]),  # 2 goes for 5 (3.5), which goes for 6
    ],
)
def test_the_removers_choice_goes_before_each_row(table: TablePeer, kind: str, after: list[int]):
    table.make(capacity=5, remover={"kind": kind})
    table.fill(range(5), PRIORITIES)

    table.fill([5, 6], [3.5, 0.5])

    assert left(table) == after
    assert table.stats()["size"] == 5


@pytest.mark.parametrize("kind", ["min_heap", "max_heap"])
def test_of_equal_priorities_the_older_goes(table: TablePeer, kind: str):
    table.make(capacity=3, remover={"kind": kind})
    table.fill(range(3), [1, 1, 1])

    table.fill([3], [1])

    assert left(table) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["lifo", "uniform", "min_heap", "max_heap"])
def test_the_row_that_comes_in_stays(table: TablePeer, kind: str):
    table.make(capacity=3, remover={"kind": kind})
    table.fill(range(3), [5, 5, 5])
    for x, priority in ((10, 0.0), (11, 9.0), (12, 0.0)):
        table.fill([x], [priority])

        assert x in left(table)


@pytest.mark.parametrize("kind", ["lifo", "uniform", "min_heap", "max_heap"])
def test_keys_are_never_used_again(table: TablePeer, kind: str):
    table.make(capacity=3, remover={"kind": kind})
    seen: set[int] = set()
    for x in range(0, 60, 2):
        keys = table.fill([x, x + 1])
        assert len(set(keys)) == 2
        assert not seen & set(keys)
        seen |= set(keys)
        if x == 30:
            table.peer.send("POST", f"{table.path}/reset")
    contents = table.contents()
    gone = seen - contents.keys()

    assert table.update(sorted(gone), [7.0] * len(gone)).document["stale"] == len(gone)
    assert table.contents() == contents


def test_a_heap_follows_updates(table: TablePeer):
    table.make(capacity=3, remover={"kind": "min_heap"})
    keys = table.fill(range(3), [1, 2, 3])

    table.update([keys[0], keys[2]], [9, 0])
    table.fill([3])

    assert left(table) == [0, 1, 3]


def test_deleted_rows_make_room(table: TablePeer):
    table.make(capacity=3, remover={"kind": "lifo"})
    keys = table.fill(range(3))
    table.delete(keys[:2])

    table.fill([3, 4])

    assert left(table) == [2, 3, 4]


def test_a_uniform_remover_takes_any_row(table: TablePeer):
    table.make(capacity=4, remover={"kind": "uniform"}, seed=3)
    table.fill(range(4))
    went = []
    for x in range(4, 404):
        before = set(left(table))
        table.fill([x])
        (gone,) = before - set(left(table))
        went.append(sorted(before).index(gone))

    # Of 400, each of four places is to have 100, give or take 8.7; five of these hardly ever.
    assert all(56 < went.count(place) < 144 for place in range(4))


def test_a_whole_table_comes_in_at_once(table: TablePeer):
    table.make(capacity=100, remover={"kind": "lifo"})
    table.fill(range(100))

    keys = table.fill(range(100, 200))

    assert len(set(keys)) == 100
    assert left(table) == [*range(99), 199]


@pytest.mark.parametrize("kind", ["lifo", "uniform", "min_heap", "max_heap"])
def test_tables_of_steps_take_fifo_only(steps: StepPeer, kind: str):
    answer = steps.put(items={"kind": "transition"}, remover={"kind": kind})

    assert (answer.status, answer.document["field"]) == (422, "remover.kind")
