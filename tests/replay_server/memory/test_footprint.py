import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.footprint import bytes_for, slots_for
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler
from replay_server.memory.signature import ColumnType, Signature
from replay_server.memory.table import Table


@pytest.mark.parametrize(
    ("capacity", "slots"), [(1, 2), (100, 101), (128, 130), (10**6, 1_004_096), (10**3, 1_015)]
)
def test_there_are_a_few_more_slots_than_rows(capacity, slots):
    assert slots_for(capacity) == slots


@pytest.mark.parametrize("capacity", [1, 64, 1000])
def test_the_bytes_foretold_are_those_that_a_table_comes_to_take(capacity):
    taken = 0

    def allocate(name, shape, dtype):
        nonlocal taken
        taken += int(np.prod(shape)) * dtype.itemsize
        return aligned_zeros(name, shape, dtype)

    signature = Signature({"x": ColumnType(np.dtype("<f4"), (3,))})
    sampler = PrioritizedSampler(1.0, 1.0, True, "table")
    table = Table(capacity=capacity, sampler=sampler, limiter=MinSize(1), allocate=allocate)
    without_rows = table.nbytes
    table.insert({"x": np.zeros((1, 3), np.float32)})
    table.draw(1)

    minima = 8 * len(table._priorities._minima._nodes)  # type: ignore[union-attr]
    assert taken + minima == table.nbytes == bytes_for(capacity, signature)
    assert table.nbytes - without_rows == slots_for(capacity) * 12


def test_a_shape_that_could_not_be_made_is_beyond_every_limit():
    signature = Signature({"x": ColumnType(np.dtype("<f4"), (0, 2**53 - 1, 2**53 - 1))})

    assert bytes_for(1, signature) > 2**63
