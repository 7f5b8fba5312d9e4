import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros


@pytest.mark.parametrize("shape", [(), (1,), (7,), (5, 3), (0,), (4, 0, 2)])
@pytest.mark.parametrize("dtype", ["|b1", "<f2", "<i4", "<f8"])
def test_aligned_zeros_are_zeros_on_a_cache_line(shape, dtype):
    array = aligned_zeros("x", shape, np.dtype(dtype))

    assert (array.shape, array.dtype.str) == (shape, dtype)
    assert not array.any()
    assert array.size == 0 or array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous
    assert array.flags.writeable
