"""Floors: keys of dropped tables never come again, and their names are not kept for ever."""

from pathlib import Path

import pytest

from replay_server.durability.floors import MOST_FLOORS, Floors, floor_of, raise_floor
from replay_server.durability.keeper import Keeper, MemoryKeeper
from replay_server.keeping import builder
from tests.replay_server.durability.tables import abandon, make, open_directory


def test_a_name_has_the_highest_floor_that_its_tables_left():
    floors: Floors = {}

    for key in (7, 9, 3):
        raise_floor(floors, "t", key)

    assert floor_of(floors, "t") == 9
    assert floor_of(floors, "other") == 0


def test_of_many_names_the_latest_are_kept_and_the_others_have_their_highest_floor():
    floors: Floors = {}
    raise_floor(floors, "early", 5000)
    raise_floor(floors, "kept", 1)
    for number in range(2 * MOST_FLOORS):
        raise_floor(floors, "kept", 2)  # dropped again and again: never one of the oldest
        raise_floor(floors, f"t{number}", number % 100)

    assert len(floors) <= MOST_FLOORS
    assert floor_of(floors, "early") == 5000
    assert floor_of(floors, "never there") == 5000
    assert "kept" in floors
    assert f"t{2 * MOST_FLOORS - 1}" in floors


@pytest.mark.parametrize("kind", ["memory", "process"])
def test_a_table_under_a_forgotten_name_goes_on_above_its_keys(tmp_path: Path, kind: str):
    keeper: Keeper = MemoryKeeper(builder(16)) if kind == "memory" else open_directory(tmp_path)
    keeper.floors.update({"early": 1000}, **{f"t{number}": 1 for number in range(MOST_FLOORS - 1)})

    keeper.drop(make(keeper, "rows", "late"))

    assert len(keeper.floors) == MOST_FLOORS
    assert "early" not in keeper.floors
    assert make(keeper, "rows", "early").table.next_key >= 1000
    keeper.close()


def test_forgotten_names_are_forgotten_after_a_crash_as_well(tmp_path: Path):
    directory = open_directory(tmp_path)
    for number in range(3):
        standing = make(directory, "rows", f"t{number}")
        standing.table.raise_keys(1000 - number)
        directory.drop(standing)
    before = dict(directory.floors)
    abandon(directory)

    other = open_directory(tmp_path)

    assert [*other.floors.items()] == [*before.items()]
    other.close()
