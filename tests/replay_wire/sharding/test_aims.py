"""Where targets fall: on which shard, and where there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay_wire.sharding.aims import aim

MASSES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-300, 1e300), st.floats(0.1, 10.0)), min_size=1, max_size=8
).filter(lambda masses: 0.0 < sum(masses) < 1e301)


class Fixed:
    """A generator of the same numbers."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers

    def random(self, count: int) -> np.ndarray:
        return self.numbers[:count].copy()


@given(MASSES, st.integers(1, 12), st.integers(1, 3), st.booleans(), st.integers(0, 2**32))
def test_every_draw_falls_somewhere_and_on_mass_only(
    masses: list[float], batch_size: int, batches: int, stratified: bool, seed: int
):
    by_shard = {3 * n: mass for n, mass in enumerate(masses)}

    aims = aim(by_shard, batch_size, batches, stratified, np.random.default_rng(seed))

    positions = np.concatenate([at for at, _ in aims.values()])
    assert sorted(positions.tolist()) == list(range(batch_size * batches))
    for shard, (at, targets) in aims.items():
        assert by_shard[shard] > 0.0
        assert (np.diff(at) > 0).all()
        assert ((targets >= 0.0) & (targets < 1.0)).all()


@given(
    st.lists(st.integers(0, 16), min_size=1, max_size=8).filter(any),
    st.lists(st.integers(0, 255), min_size=24, max_size=24),
    st.booleans(),
)
def test_it_agrees_with_a_loop(sizes: list[int], eighths: list[int], stratified: bool):
    """Masses and numbers that are exact in binary, so that the two must agree to the last bit."""
    masses = {n: float(size) for n, size in enumerate(sizes)}
    numbers = np.array(eighths) / 256.0
    batch_size, batches = 8, 3

    aims = aim(masses, batch_size, batches, stratified, Fixed(numbers))  # type: ignore[arg-type]

    found = {
        int(position): (shard, float(target))
        for shard, (at, targets) in aims.items()
        for position, target in zip(at, targets, strict=True)
    }
    for position, number in enumerate(numbers.tolist()):
        point = (number + position % batch_size) / batch_size if stratified else number
        target = point * sum(sizes)
        for shard, size in enumerate(sizes):
            if target < size:
                assert found[position] == (shard, target / size)
                break
            target -= size


def test_a_target_never_reaches_the_end_of_the_last_shard():
    last = np.nextafter(1.0, 0.0)

    aims = aim({0: 0.1, 1: 0.7, 2: 0.0}, 1, 1, False, Fixed(np.array([last])))  # type: ignore[arg-type]

    assert list(aims) == [1]
