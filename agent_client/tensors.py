"""Batches as torch tensors, without a copy where torch can use the bytes as they lie.

The only module of this package outside the learning code that imports torch; nothing imports it
before it is needed.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from agent_client.batches import Batch
from agent_client.batches.indexed_columns import stacked_columns

__all__ = ["TensorBatch", "to_tensor"]

_WIDER: Final[dict[np.dtype[Any], np.dtype[Any]]] = {
    np.dtype("u2"): np.dtype("i4"),
    np.dtype("u4"): np.dtype("i8"),
}


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """A `Batch` of tensors: the same fields, shapes and dtypes, but for unsigned integers.

    Attributes:
        keys: [B] int64.
        probabilities: [B] float64.
        weights: [B] float32.
        priorities: [B] float64.
        times_sampled: [B] int32.
        ages: [B] int64.
        columns: name -> [B, ...]; uint16 has become int32, uint32 and uint64 int64.
        size: items in the table.
        updated: keys of the update sent along that were there.
        stale: keys of it that were not.
        rows: name -> [U, ...] in the indexed layout, else None.
    """

    keys: torch.Tensor
    probabilities: torch.Tensor
    weights: torch.Tensor
    priorities: torch.Tensor
    times_sampled: torch.Tensor
    ages: torch.Tensor
    columns: dict[str, torch.Tensor]
    size: int
    updated: int
    stale: int
    rows: dict[str, torch.Tensor] | None = None

    @classmethod
    def from_batch(cls, batch: Batch, device: torch.device | str | None = None) -> "TensorBatch":
        """Return a batch's arrays as tensors; on the CPU they share the batch's memory.

        Args:
            batch: not changed.
            device: where the tensors go; None stays on the CPU.
        """
        return cls(
            keys=to_tensor(batch.keys, device),
            probabilities=to_tensor(batch.probabilities, device),
            weights=to_tensor(batch.weights, device),
            priorities=to_tensor(batch.priorities, device),
            times_sampled=to_tensor(batch.times_sampled, device),
            ages=to_tensor(batch.ages, device),
            columns={name: to_tensor(array, device) for name, array in batch.columns.items()},
            size=batch.size,
            updated=batch.updated,
            stale=batch.stale,
            rows=None
            if batch.rows is None
            else {name: to_tensor(array, device) for name, array in batch.rows.items()},
        )

    def stacked(self) -> "TensorBatch":
        """Return the batch in the stacked layout, indexed on the device that its tensors are on.

        As `Batch.stacked`: itself where it is stacked already.
        """
        if self.rows is None:
            return self
        return dataclasses.replace(
            self, columns=stacked_columns(self.columns, self.rows, _pick), rows=None
        )


def to_tensor(array: NDArray[Any], device: torch.device | str | None = None) -> torch.Tensor:
    """Return an array as a tensor.

    Shares the array's memory where that is aligned and writable and torch computes with its dtype;
    else copies. Torch can hold but hardly compute with uint16, uint32 and uint64: they become
    int32, int64 and int64.

    Args:
        array: of a dtype that the wire carries.
        device: where the tensor goes; None stays on the CPU.

    Raises:
        OverflowError: a uint64 is beyond the range of int64.
    """
    if array.dtype in _WIDER:
        array = array.astype(_WIDER[array.dtype])
    elif array.dtype == np.uint64:
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise OverflowError(f"{array.max()} does not fit int64, the widest that torch has")
        array = array.view(np.int64)
    if not (array.flags.aligned and array.flags.writeable and array.flags.c_contiguous):
        array = array.copy()
    tensor = torch.from_numpy(array)
    return tensor if device is None else tensor.to(device)


def _pick(rows: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return rows[index], row by row: torch's own indexing goes element by element."""
    picked = rows.index_select(0, index.reshape(-1))
    return picked.reshape(*index.shape, *rows.shape[1:])
