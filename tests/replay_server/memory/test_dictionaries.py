import numpy as np
import pytest

from replay_server.memory.codecs import Zstd
from replay_server.memory.dictionaries import MOST_DICTIONARY_BYTES, sample_rows, trained

MANY = 1_000_000


def alike(count: int, size: int, seed: int = 1) -> np.ndarray:
    """Rows of one pattern of bytes, in each of which a twentieth is its own."""
    rng = np.random.default_rng(seed)
    rows = np.tile(np.random.default_rng(0).integers(0, 256, size, np.uint8), (count, 1))
    places = rng.integers(0, size, (count, size // 20))
    rows[np.arange(count)[:, None], places] = rng.integers(0, 256, places.shape)
    return rows


@pytest.mark.parametrize("size", [40, 500, 7056, 100_000])
def test_rows_that_are_alike_get_smaller_also_those_that_were_not_seen(size: int):
    count = min(sample_rows(size, MANY), 600)
    found = trained(alike(count, size), MANY)

    later = [row.data for row in alike(50, size, seed=2)]
    helped = sum(map(len, Zstd(found).compress(later)))

    assert 0 < len(found) <= MOST_DICTIONARY_BYTES
    assert helped < 0.7 * sum(map(len, Zstd().compress(later)))


def test_what_has_nothing_in_common_gets_no_dictionary():
    noise = np.random.default_rng(3).integers(0, 256, (500, 100), np.uint8)

    assert trained(noise, MANY) == b""


def test_a_small_table_gets_no_dictionary_that_takes_more_than_it_saves():
    rows = alike(500, 500)

    assert trained(rows, MANY)
    assert trained(rows, 10) == b""


@pytest.mark.parametrize(
    ("row_bytes", "slots", "expected"),
    [
        pytest.param(7056, MANY, (1 << 22) // 7056, id="four_mebibytes"),
        pytest.param(50, MANY, 4096, id="small_rows"),
        pytest.param(7056, 200, 100, id="half_a_small_table"),
        pytest.param(7056, 20, 0, id="too_few"),
        pytest.param(1 << 20, MANY, 0, id="rows_too_large"),
        pytest.param(1, 2000, 0, id="rows_too_small"),
    ],
)
def test_it_is_trained_on_as_many_rows_as_it_takes(row_bytes: int, slots: int, expected: int):
    assert sample_rows(row_bytes, slots) == expected
