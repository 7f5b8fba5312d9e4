import numpy as np
import pytest

from replay_server.memory.errors import SignatureMismatchError
from replay_server.memory.signature import ColumnType, Signature

SIGNATURE = Signature(
    {
        "x": ColumnType(np.dtype("<f4"), (2,)),
        "done": ColumnType(np.dtype("|b1"), ()),
    }
)
X, DONE = np.zeros((3, 2), np.float32), np.zeros(3, np.bool_)


def test_columns_that_fit_give_their_number_of_rows_in_any_order():
    assert SIGNATURE.check({"done": DONE, "x": X}) == 3
    assert SIGNATURE.check({"done": DONE[:0], "x": X[:0]}) == 0


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        pytest.param({"x": X}, "done", id="missing"),
        pytest.param({}, "x", id="none"),
        pytest.param({"x": X, "done": DONE, "more": DONE}, "more", id="unknown"),
        pytest.param({"x": X.astype(np.float64), "done": DONE}, "x", id="dtype"),
        pytest.param({"x": X.astype(">f4"), "done": DONE}, "x", id="byte_order"),
        pytest.param({"x": X, "done": DONE.astype(np.uint8)}, "done", id="bool_is_no_byte"),
        pytest.param({"x": X[:, :1], "done": DONE}, "x", id="shape"),
        pytest.param({"x": X[..., None], "done": DONE}, "x", id="too_many_axes"),
        pytest.param({"x": X[0], "done": DONE}, "x", id="a_row_without_its_axis"),
        pytest.param({"x": X, "done": DONE[0:1].reshape(())}, "done", id="scalar"),
        pytest.param({"x": X, "done": DONE[:2]}, "done", id="lengths_differ"),
    ],
)
def test_a_column_that_does_not_fit_is_named(columns, column):
    with pytest.raises(SignatureMismatchError) as caught:
        SIGNATURE.check(columns)

    assert caught.value.column == column
    assert caught.value.expected != caught.value.got


def test_the_signature_of_arrays_fits_them():
    signature = Signature.of({"x": X, "done": DONE})

    assert signature == SIGNATURE
    assert signature.row_bytes == 2 * 4 + 1


def test_an_axis_of_length_zero_counts_as_one_so_that_a_limit_on_bytes_holds():
    assert ColumnType(np.dtype("<f4"), (0, 2**50)).nbytes == 4 * 2**50
    assert ColumnType(np.dtype("<f4"), (0,)).nbytes == 4


def test_a_type_is_told_as_the_protocol_writes_it():
    assert str(ColumnType(np.dtype("|u1"), (84, 84))) == "|u1 of shape [N, 84, 84]"


def test_chosen_columns_come_once_each_in_the_order_asked_for():
    assert SIGNATURE.chosen(None) == ["x", "done"]
    assert SIGNATURE.chosen(["done", "x", "done"]) == ["done", "x"]
    assert SIGNATURE.chosen([]) == []
    with pytest.raises(SignatureMismatchError) as caught:
        SIGNATURE.chosen(["x", "y"])
    assert caught.value.column == "y"
