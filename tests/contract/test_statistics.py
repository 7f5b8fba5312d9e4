"""Draws agree with P(i) = p_i^alpha / sum_k p_k^alpha: chi-square tests, through the socket.

Each test raises a false alarm once in a million seeds; the seeds are fixed, so each passes always
or never. Stratified counts scatter less than the test allows, so they are held to a bound of their
own, too: an item's share of a batch covers, in part or in whole, at most 2 draws more or fewer.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from tests.contract.peer import TablePeer, array
from tests.contract.steps import StepPeer, episode

FALSE_ALARM = 1e-6
BATCH, BATCHES, REQUESTS = 64, 500, 4
DRAWS = BATCH * BATCHES * REQUESTS
KINDS = pytest.mark.parametrize("kind", ["prioritized", "uniform"])
STRATIFIED = pytest.mark.parametrize("stratified", [True, False], ids=["stratified", "plain"])


def as_inserted(table: TablePeer) -> None:
    table.fill(range(12), [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0.5, 100])


def after_updates(table: TablePeer) -> None:
    keys = table.fill(range(12), [50] * 12)
    table.update([*keys, keys[3], 999], [*range(12), 17, 1e6])


def after_overwriting(table: TablePeer) -> None:
    for first in range(0, 5 * 16, 7):  # round the ring several times, a step that does not fit
        table.fill(range(first, first + 7), [1 + (first + i) % 5 for i in range(7)])


def after_deletes(table: TablePeer) -> None:
    keys = table.fill(range(16), range(16))
    table.delete(keys[::3])
    table.fill([1, 2], [8, 3])


def after_all_of_it(table: TablePeer) -> None:
    after_overwriting(table)
    keys = sorted(table.contents())
    table.update(keys[::2], [9.5] * len(keys[::2]))
    table.delete(keys[1::4])
    table.fill([0], [2.5])
    table.sample(5, update={"keys": array("<i8", keys[-1:]), "priorities": array("<f8", [20])})


def with_a_heavy_and_many_light(table: TablePeer) -> None:
    table.fill(range(16), [1e6, *[1.0] * 15])


HISTORIES = pytest.mark.parametrize(
    "history",
    [as_inserted, after_updates, after_overwriting, after_deletes, after_all_of_it,
     with_a_heavy_and_many_light],
)  # fmt: skip


def masses(table: TablePeer, kind: str, alpha: float) -> dict[int, float]:
    """Key -> mass, from the rows as a scan gives them."""
    rows = table.contents().items()
    if kind == "uniform":
        return {key: 1.0 for key, _ in rows}
    return {key: priority**alpha if priority else 0.0 for key, (_, priority) in rows}


def agree(counts: np.ndarray, expected: np.ndarray) -> None:
    """Assert by chi-square; what is expected less than 5 times is counted together."""
    rare = expected < 5
    observed = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    keep = wanted > 0
    assert observed[~keep].sum() == 0
    if keep.sum() > 1:
        assert stats.chisquare(observed[keep], wanted[keep]).pvalue > FALSE_ALARM


@KINDS
@STRATIFIED
@HISTORIES
def test_frequencies_agree_with_probabilities(
    table: TablePeer, history: Callable[[TablePeer], None], stratified: bool, kind: str
):
    alpha = 0.6
    sampler = {"kind": kind, "stratified": stratified}
    table.make(capacity=16, sampler=sampler, seed=20261122)
    history(table)
    mass = masses(table, kind, alpha)
    total = sum(mass.values())
    probability = {key: m / total for key, m in mass.items()}
    counts = dict.fromkeys(mass, 0)

    for _ in range(REQUESTS):
        answer = table.sample(BATCH, batches=BATCHES, columns=[])
        keys = answer.array("keys")
        for key in mass:
            of_key = keys == key
            counts[key] += int(of_key.sum())
            told = answer.array("probabilities")[of_key]
            assert told == pytest.approx(probability[key], rel=1e-12)
            if stratified:
                in_each_batch = of_key.sum(axis=1)
                assert np.abs(in_each_batch - BATCH * probability[key]).max() < 2

    assert sum(counts.values()) == DRAWS
    agree(np.array([*counts.values()]), DRAWS * np.array([*probability.values()]))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 2.5])
def test_frequencies_agree_for_every_alpha(table: TablePeer, alpha: float):
    table.make(sampler={"alpha": alpha, "stratified": False}, seed=5)
    table.fill(range(6), [0, 0.25, 1, 2, 3, 4])
    mass = masses(table, "prioritized", alpha)
    expected = DRAWS * np.array([*mass.values()]) / sum(mass.values())

    keys = table.sample(DRAWS, columns=[]).array("keys")

    agree(np.bincount(keys, minlength=6), expected)


def test_draws_of_a_plain_batch_are_independent_of_one_another(table: TablePeer):
    table.make(sampler={"alpha": 1.0, "stratified": False}, seed=6)
    table.fill(range(4), [1, 2, 3, 4])
    probability = np.array([0.1, 0.2, 0.3, 0.4])

    pairs = table.sample(2, batches=DRAWS, columns=[]).array("keys")

    counts = np.bincount(pairs[:, 0] * 4 + pairs[:, 1], minlength=16)
    agree(counts, DRAWS * np.outer(probability, probability).ravel())


def test_each_part_of_a_stratified_batch_is_drawn_from_evenly(table: TablePeer):
    table.make(sampler={"alpha": 1.0}, seed=7)
    table.fill(range(8), [1] * 8)

    keys = table.sample(2, batches=DRAWS, columns=[]).array("keys")

    for part in range(2):  # keys 0 to 3 lie in the one half, 4 to 7 in the other
        counts = np.bincount(keys[:, part] - 4 * part, minlength=4)
        agree(counts, np.full(4, DRAWS / 4))


def test_many_items_are_all_drawn_as_they_should(table: TablePeer):
    table.make(capacity=3000, sampler={"alpha": 1.0, "stratified": False}, seed=8)
    priorities = np.arange(3500) % 97
    table.fill(range(3000), priorities[:3000])
    table.fill(range(3000, 3500), priorities[3000:])
    expected = np.zeros(3500)
    expected[500:] = priorities[500:]

    keys = table.sample(1_000_000, columns=[]).array("keys")

    agree(np.bincount(keys, minlength=3500), 1_000_000 * expected / expected.sum())


@pytest.mark.parametrize("kind", ["prioritized", "uniform"])
def test_items_near_an_episodes_end_come_as_often_as_they_are_told(steps: StepPeer, kind: str):
    # Whoever draws rows and throws away those without a whole window tells other probabilities.
    items = {"kind": "sequence", "length": 3, "period": 1, "pad": False}
    steps.make(items=items, sampler={"kind": kind}, seed=10)
    keys = steps.store(episode(range(4))) + steps.store(episode(range(7), end="open"))
    whole = [*keys[:2], *keys[4:9]]

    answer = steps.sample(BATCH, batches=BATCHES, columns=[])

    drawn = answer.array("keys").ravel()
    assert answer.array("probabilities") == pytest.approx(1 / len(whole))
    agree(np.bincount(drawn, minlength=len(keys))[whole], np.full(7, BATCH * BATCHES / 7))


def test_weights_make_the_mean_of_draws_unbiased(table: TablePeer):
    # With beta 1 the sum of weight * x over that of weights estimates the plain mean of x.
    table.make(sampler={"alpha": 1.0, "beta": 1.0, "stratified": False}, seed=9)
    table.fill(range(10), range(1, 11))

    answer = table.sample(DRAWS)
    weights, x = answer.array("weights").astype(float), answer.column("x")
    mean = (weights * x).sum() / weights.sum()

    deviation = np.sqrt(((weights * (x - mean)) ** 2).sum()) / weights.sum()
    assert abs(mean - 4.5) < stats.norm.isf(FALSE_ALARM / 2) * deviation
