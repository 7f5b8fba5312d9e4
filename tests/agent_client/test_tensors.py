"""Arrays as tensors."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent_client.batches import Batch
from agent_client.tensors import TensorBatch, to_tensor
from replay_wire.arrays import DTYPES


def share_memory(tensor: torch.Tensor, array: NDArray[Any]) -> bool:
    return bool(tensor.data_ptr() == array.ctypes.data)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in ("<u2", "<u4")])
def test_an_aligned_writable_array_is_not_copied(dtype: str) -> None:
    array = np.zeros((3, 2), dtype)

    assert share_memory(to_tensor(array), array)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("<u2", torch.int32), ("<u4", torch.int64), ("<u8", torch.int64)],
)
def test_unsigned_integers_become_the_signed_ones_that_hold_them(
    dtype: str, expected: torch.dtype
) -> None:
    highest = np.iinfo(dtype).max if dtype != "<u8" else 2**63 - 1
    array = np.array([0, 1, highest], dtype)

    tensor = to_tensor(array)

    assert tensor.dtype == expected
    assert tensor.tolist() == [0, 1, highest]


def test_a_uint64_beyond_int64_is_refused() -> None:
    with pytest.raises(OverflowError):
        to_tensor(np.array([2**63], "<u8"))


def test_a_read_only_array_is_copied() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False

    tensor = to_tensor(array)

    assert not share_memory(tensor, array)
    assert tensor.tolist() == [0.0, 1.0, 2.0]


def test_an_unaligned_array_is_copied() -> None:
    array = np.frombuffer(bytearray(1 + 8 * 2), np.uint8)[1:].view("<f8")

    assert to_tensor(array).tolist() == [0.0, 0.0]


def test_an_empty_and_a_scalar_array_keep_their_shapes() -> None:
    assert to_tensor(np.empty((0, 4), np.float32)).shape == (0, 4)
    assert to_tensor(np.array(3.0)).shape == ()


def test_a_batch_keeps_its_fields() -> None:
    batch = Batch(
        keys=np.array([5, 6]),
        probabilities=np.array([0.25, 0.75]),
        weights=np.array([1.0, 0.5], np.float32),
        priorities=np.array([1.0, 3.0]),
        times_sampled=np.array([1, 2], np.int32),
        ages=np.array([9, 8]),
        columns={"observation": np.zeros((2, 4), np.float32)},
        size=10,
        updated=1,
        stale=2,
    )

    tensors = TensorBatch.from_batch(batch, "cpu")

    assert tensors.keys.tolist() == [5, 6]
    assert tensors.probabilities.dtype == torch.float64
    assert tensors.weights.dtype == torch.float32
    assert tensors.priorities.tolist() == [1.0, 3.0]
    assert tensors.times_sampled.dtype == torch.int32
    assert tensors.ages.tolist() == [9, 8]
    assert tensors.columns["observation"].shape == (2, 4)
    assert (tensors.size, tensors.updated, tensors.stale) == (10, 1, 2)
    assert share_memory(tensors.weights, batch.weights)
