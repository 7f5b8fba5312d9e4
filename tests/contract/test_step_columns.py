"""Section 6: what columns steps have, and what they may say."""

from typing import Any

import pytest

from tests.contract.peer import TablePeer, array
from tests.contract.steps import StepPeer, columns_of, episode, transitions

REQUIRED = ["observation", "action", "reward", "is_first", "is_last", "is_terminal"]


@pytest.mark.parametrize("missing", REQUIRED)
def test_each_required_column_is_asked_for(steps: StepPeer, missing: str):
    columns = {n: c for n, c in columns_of(episode([1, 2])).items() if n != missing}
    spec = {name: {"dtype": c["dtype"], "shape": c["shape"][1:]} for name, c in columns.items()}

    in_spec = steps.put(**transitions(), columns=spec)
    steps.make(**transitions())
    in_insert = steps.post("insert", {"columns": columns})

    assert (in_spec.status, in_spec.code) == (422, "invalid_request")
    assert (in_insert.status, in_insert.code) == (422, "invalid_request")
    assert steps.stats()["rows"] == 0


@pytest.mark.parametrize(
    "name", ["discount", "mask", "rows", "next_state", "next_", "goal_index", "observation_index"]
)
def test_names_that_draws_use_are_no_column_names(steps: StepPeer, name: str):
    columns = {**columns_of(episode([1, 2])), name: array("<f4", [0, 0])}
    steps.make(**transitions())

    answer = steps.post("insert", {"columns": columns})

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == f"columns.{name}"


@pytest.mark.parametrize("dtype", ["<i4", "|b1", "|u1"])
def test_rewards_are_floats(steps: StepPeer, dtype: str):
    steps.make(**transitions())

    answer = steps.post("insert", {"columns": columns_of(episode([1, 2]), reward=dtype)})

    assert (answer.status, answer.document["field"]) == (422, "columns.reward")


def test_a_reward_is_one_number(steps: StepPeer):
    steps.make(**transitions())
    columns = {**columns_of(episode([1, 2])), "reward": array("<f4", [[0], [0]])}

    assert steps.post("insert", {"columns": columns}).document["field"] == "columns.reward"


@pytest.mark.parametrize("name", ["is_first", "is_last", "is_terminal"])
@pytest.mark.parametrize("wired", [array("|u1", [1, 0]), array("|b1", [[1], [0]])])
def test_flags_are_bools(steps: StepPeer, name: str, wired: Any):
    steps.make(**transitions())

    answer = steps.post("insert", {"columns": {**columns_of(episode([1, 2])), name: wired}})

    assert (answer.status, answer.document["field"]) == (422, f"columns.{name}")


def test_nested_observations_and_actions_and_further_columns_are_taken(steps: StepPeer):
    columns = columns_of(episode([1, 2]))
    columns["observation/camera"] = columns.pop("observation")
    columns["observation/speed"] = array("<f4", [10, 20])
    columns["action/turn"] = columns.pop("action")
    columns["goal"] = array("<i2", [5, 6])
    steps.make(**transitions())

    assert steps.post("insert", {"columns": columns}).status == 200

    (item,) = steps.items().values()
    assert item["observation/camera"] == [1, -1]
    assert item["next_observation/camera"] == [2, -2]
    assert (item["observation/speed"], item["next_observation/speed"]) == (10, 20)
    assert (item["action/turn"], item["goal"]) == (8, 5)
    assert "next_goal" not in item


def test_a_step_is_terminal_only_where_it_is_last(steps: StepPeer):
    steps.make(**transitions())

    answer = steps.steps([(1, 0, True, False, False), (2, 0, False, False, True)])

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == "columns.is_terminal"
    assert steps.stats()["rows"] == 0


@pytest.mark.parametrize(
    "streams", [array("<i4", [0, 0]), array("<i8", [0]), array("<i8", [[0, 0]])]
)
def test_streams_are_one_int64_a_row(steps: StepPeer, streams: Any):
    steps.make(**transitions())

    answer = steps.post("insert", {"columns": columns_of(episode([1, 2])), "streams": streams})

    assert (answer.status, answer.document["field"]) == (422, "streams")


def test_tables_of_rows_have_no_streams(table: TablePeer):
    table.make()

    assert table.insert([1], streams=array("<i8", [0])).document["field"] == "streams"
