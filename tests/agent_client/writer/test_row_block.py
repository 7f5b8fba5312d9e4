"""Rows in blocks: what fits, what is converted, what is refused."""

from typing import Any

import numpy as np
import pytest

from agent_client.columns import Signature
from agent_client.errors import ColumnMismatchError
from agent_client.writer.row_block import RowBlock, row_bytes, signature_of_row

SIGNATURE: Signature = {
    "observation": (np.dtype("<f4"), (2,)),
    "action": (np.dtype("|u1"), ()),
    "reward": (np.dtype("<f4"), ()),
    "done": (np.dtype("|b1"), ()),
}
ROW: dict[str, Any] = {
    "observation": np.array([1, 2], np.float32),
    "action": 3,
    "reward": 0.5,
    "done": True,
}


def test_rows_are_copied_into_columns() -> None:
    block = RowBlock(SIGNATURE, 4)
    observation = np.array([1, 2], np.float32)

    block.append({**ROW, "observation": observation}, None)
    observation[:] = 9
    block.append({**ROW, "action": 4}, None)

    columns = block.columns()
    assert columns["observation"].tolist() == [[1, 2], [1, 2]]
    assert columns["action"].tolist() == [3, 4]
    assert columns["reward"].tolist() == [0.5, 0.5]
    assert columns["done"].tolist() == [True, True]
    assert {name: column.dtype for name, column in columns.items()} == {
        name: dtype for name, (dtype, _) in SIGNATURE.items()
    }
    assert block.priorities() is None


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        pytest.param("action", np.int64(200), 200, id="wider_integer_in_range"),
        pytest.param("action", np.array(7), 7, id="array_without_axes"),
        pytest.param("reward", np.float64(0.25), 0.25, id="float64_number"),
        pytest.param("reward", 2, 2.0, id="integer_for_float"),
        pytest.param("reward", np.int32(2), 2.0, id="numpy_integer_for_float"),
        pytest.param("done", np.bool_(False), False, id="numpy_bool"),
        pytest.param("observation", [3, 4.5], [3.0, 4.5], id="list"),
        pytest.param("observation", np.array([3, 4], ">f4"), [3.0, 4.0], id="other_byte_order"),
    ],
)
def test_numbers_and_lists_take_the_dtype_of_their_column(
    column: str, value: Any, stored: Any
) -> None:
    block = RowBlock(SIGNATURE, 1)

    block.append({**ROW, column: value}, None)

    assert block.columns()[column][0].tolist() == stored


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("action", 256, id="out_of_range"),
        pytest.param("action", np.int64(-1), id="numpy_out_of_range"),
        pytest.param("action", 1.0, id="float_for_integer"),
        pytest.param("action", True, id="bool_for_integer"),
        pytest.param("action", [1], id="list_for_number"),
        pytest.param("action", None, id="none"),
        pytest.param("action", "3", id="text"),
        pytest.param("done", 1, id="integer_for_bool"),
        pytest.param("reward", True, id="bool_for_float"),
        pytest.param("observation", 1.0, id="number_for_array"),
        pytest.param("observation", np.zeros(2), id="float64_array_for_float32"),
        pytest.param("observation", np.zeros(3, np.float32), id="longer_array"),
        pytest.param("observation", np.zeros((1, 2), np.float32), id="more_axes"),
        pytest.param("observation", [1.0, "x"], id="list_with_text"),
        pytest.param("observation", [[1.0], [1.0, 2.0]], id="ragged_list"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_the_row_not_taken(
    column: str, value: Any
) -> None:
    block = RowBlock(SIGNATURE, 2)
    block.append(ROW, None)

    with pytest.raises(ColumnMismatchError) as raised:
        block.append({**ROW, column: value}, 1.0)

    assert raised.value.column == column
    assert block.count == 1
    assert block.priorities() is None


def test_missing_and_unknown_columns_are_refused_by_name() -> None:
    block = RowBlock(SIGNATURE, 1)
    without_reward = {name: value for name, value in ROW.items() if name != "reward"}

    with pytest.raises(ColumnMismatchError) as missing:
        block.append(without_reward, None)
    with pytest.raises(ColumnMismatchError) as unknown:
        block.append({**ROW, "rewrad": 1.0}, None)

    assert missing.value.column == "reward"
    assert unknown.value.column == "rewrad"
    assert block.count == 0


def test_priorities_go_with_their_rows_and_a_cleared_block_forgets_them() -> None:
    block = RowBlock(SIGNATURE, 2)
    block.append(ROW, 0.5)
    block.append(ROW, 2)
    priorities = block.priorities()
    assert priorities is not None
    assert priorities.tolist() == [0.5, 2.0]

    block.clear()
    block.append(ROW, None)

    assert block.count == 1
    assert block.priorities() is None


@pytest.mark.parametrize("priority", [-1.0, float("nan"), float("inf")])
def test_a_priority_that_no_table_takes_is_refused_and_the_row_not_taken(priority: float) -> None:
    block = RowBlock(SIGNATURE, 1)

    with pytest.raises(ValueError, match="priority"):
        block.append(ROW, priority)

    assert block.count == 0


def test_a_row_by_itself_has_the_dtypes_that_numpy_gives_it() -> None:
    signature = signature_of_row({**ROW, "action": 3, "observation": [1, 2]})

    assert signature == {
        "observation": (np.dtype("<i8"), (2,)),
        "action": (np.dtype("<i8"), ()),
        "reward": (np.dtype("<f8"), ()),
        "done": (np.dtype("|b1"), ()),
    }


def test_a_row_that_the_wire_cannot_carry_is_refused() -> None:
    with pytest.raises(ColumnMismatchError) as raised:
        signature_of_row({"reward": 1.0, "name": "agent"})

    assert raised.value.column == "name"


def test_the_bytes_of_a_row_are_counted() -> None:
    assert row_bytes(SIGNATURE) == 8 + 1 + 4 + 1


def test_rows_bear_the_numbers_of_their_streams() -> None:
    block = RowBlock(SIGNATURE, 4)
    block.append(ROW, None)
    assert block.streams() is None

    block.append(ROW, None, 3)
    block.append(ROW, None, 0)
    streams = block.streams()
    assert streams is not None
    assert streams.tolist() == [0, 3, 0]

    block.clear()
    block.append(ROW, None)
    block.append(ROW, None)
    block.append(ROW, None, 1)
    streams = block.streams()
    assert streams is not None
    assert streams.tolist() == [0, 0, 1]
