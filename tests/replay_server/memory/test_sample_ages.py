import numpy as np
import pytest

from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.changes import Changes
from replay_server.memory.sample_ages import SampleAges

WINDOW = 4_096


def test_there_are_no_quantiles_before_the_first_draw():
    ages = SampleAges(aligned_zeros, Changes())
    ages.add(np.empty(0, np.int64))

    assert ages.quantiles() == {"0.5": None, "0.9": None, "0.99": None}


def test_quantiles_are_interpolated():
    ages = SampleAges(aligned_zeros, Changes())

    ages.add(np.arange(11))

    assert ages.quantiles() == {"0.5": 5.0, "0.9": 9.0, "0.99": pytest.approx(9.9)}


@pytest.mark.parametrize(
    "sizes", [[WINDOW + 7], [WINDOW, 7], [30_000] * 3, [1, 2 * WINDOW], [7, WINDOW]]
)
def test_only_the_last_ages_count(sizes):
    ages, everything = SampleAges(aligned_zeros, Changes()), np.empty(0, np.int64)
    generator = np.random.default_rng(0)

    for size in sizes:
        more = generator.integers(0, 1000, size) + len(everything)
        ages.add(more)
        everything = np.concatenate((everything, more))

    expected = np.quantile(everything[-WINDOW:], (0.5, 0.9, 0.99))
    assert list(ages.quantiles().values()) == expected.tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100, 101, WINDOW])
def test_quantiles_are_those_of_numpy(size: int):
    generator = np.random.default_rng(size)
    for _ in range(20):
        ages, drawn = SampleAges(aligned_zeros, Changes()), generator.integers(0, 50, size)
        ages.add(drawn)

        expected = np.quantile(drawn, (0.5, 0.9, 0.99)).tolist()
        assert list(ages.quantiles().values()) == expected
