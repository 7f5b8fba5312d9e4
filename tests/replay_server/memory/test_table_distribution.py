"""What is drawn, in numbers: chi-square tests that raise a false alarm once in a million."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2

from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler, UniformSampler
from replay_server.memory.table import Table

FALSE_ALARMS = 1e-6
DRAWS = 200_000


def make_table(alpha: float | None, stratified: bool, seed: int, capacity: int = 50) -> Table:
    options = (0.4, stratified, "batch")
    sampler = UniformSampler(*options) if alpha is None else PrioritizedSampler(alpha, *options)
    return Table(capacity=capacity, sampler=sampler, limiter=MinSize(1), seed=seed)


def insert(table: Table, count: int, generator: np.random.Generator) -> None:
    priorities = generator.random(count) * 4.0
    priorities[::7] = 0.0
    table.insert({"x": np.arange(count)}, priorities)


def fresh(table: Table, generator: np.random.Generator) -> None:
    insert(table, 40, generator)


def updated(table: Table, generator: np.random.Generator) -> None:
    insert(table, 50, generator)
    table.update_priorities(generator.integers(-5, 60, 300), generator.random(300) * 9.0)


def overwritten(table: Table, generator: np.random.Generator) -> None:
    for count in (50, 33, 1, 27):
        insert(table, count, generator)


def deleted(table: Table, generator: np.random.Generator) -> None:
    insert(table, 50, generator)
    table.delete(generator.integers(0, 50, 20))


def everything(table: Table, generator: np.random.Generator) -> None:
    overwritten(table, generator)
    table.delete(np.arange(70, 80))
    table.update_priorities(np.arange(60, 90), generator.random(30) * 9.0)
    insert(table, 5, generator)


def surprise(table: Table, alpha: float | None, draws: int, batch_size: int) -> tuple[float, int]:
    """Return Pearson's statistic of drawn keys against p^alpha / sum, and degrees of freedom."""
    keys, priorities = table.keys_at(table.scan(-1, 10**6, "key")[0])
    masses = np.ones(len(keys)) if alpha is None else np.where(priorities, priorities**alpha, 0.0)
    expected = dict(zip(keys.tolist(), (draws * masses / masses.sum()).tolist(), strict=True))
    drawn = Counter(table.draw(batch_size, draws // batch_size).keys.ravel().tolist())

    assert all(expected.get(key, 0.0) > 0.0 for key in drawn)
    frequent = {key: number for key, number in expected.items() if number >= 10.0}
    rare = sum(number for number in expected.values() if number < 10.0)
    seldom = sum(number for key, number in drawn.items() if key not in frequent)
    statistic = sum((drawn[key] - number) ** 2 / number for key, number in frequent.items())
    if rare >= 10.0:
        return statistic + (seldom - rare) ** 2 / rare, len(frequent)
    return statistic, len(frequent) - 1


@pytest.mark.parametrize("prepare", [fresh, updated, overwritten, deleted, everything])
@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("alpha", [None, 0.0, 0.6, 1.0])
def test_items_are_drawn_in_proportion_to_p_to_the_alpha(alpha, stratified, prepare):
    table = make_table(alpha, stratified, seed=1)
    prepare(table, np.random.default_rng(2))

    statistic, freedom = surprise(table, alpha, DRAWS, batch_size=250)

    assert statistic < chi2.isf(FALSE_ALARMS, freedom)


def test_the_test_would_notice_another_alpha():
    table = make_table(0.6, False, seed=1)
    fresh(table, np.random.default_rng(2))

    statistic, freedom = surprise(table, 0.65, DRAWS, batch_size=250)

    assert statistic > chi2.isf(FALSE_ALARMS, freedom)


def test_strata_make_frequencies_far_steadier_than_chance():
    """In a batch an item of probability P is drawn B P times, rounded up or down at its edges."""
    table = make_table(0.6, True, seed=1)
    fresh(table, np.random.default_rng(2))
    draw = table.draw(1000)
    counts = Counter(draw.keys.tolist())
    probability = dict(zip(draw.keys.tolist(), draw.probabilities.tolist(), strict=True))

    assert all(abs(counts[key] - 1000 * probability[key]) < 2.0 for key in counts)


@pytest.mark.parametrize("stratified", [False, True])
def test_the_same_seed_and_requests_give_the_same_draws(stratified):
    def story(seed: int | None, first_key: int = 0) -> list[list[int]]:
        sampler = PrioritizedSampler(0.6, 0.4, stratified, "batch")
        table = Table(
            capacity=50, sampler=sampler, limiter=MinSize(1), seed=seed, first_key=first_key
        )
        overwritten(table, np.random.default_rng(2))
        return [table.draw(20, batches).ages.ravel().tolist() for batches in (1, 3, 1)]

    assert story(5) == story(5)
    assert story(5) != story(6)
    assert story(None) != story(None)
    assert story(5, first_key=1234) == story(5)  # a table that bears a name used before


def test_one_large_draw_is_the_same_as_its_batches_one_after_another():
    one, other = (make_table(0.6, True, seed=3) for _ in range(2))
    for table in (one, other):
        fresh(table, np.random.default_rng(2))

    together = one.draw(8, 5)
    apart = [other.draw(8) for _ in range(5)]

    for name in ("keys", "weights", "times_sampled", "probabilities"):
        np.testing.assert_array_equal(
            getattr(together, name), [getattr(draw, name) for draw in apart]
        )
