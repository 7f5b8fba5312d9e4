"""Draws from a cluster against one table, and against what they say of themselves.

Chi-square tests at a false-alarm rate of 1e-6, seeds fixed.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from replay_wire.arrays import Array
from replay_wire.messages import PriorityUpdate, SampleRequest
from replay_wire.sharding import table_view
from replay_wire.sharding.asks import RefusalError
from replay_wire.sharding.drawing import draw
from replay_wire.sharding.merging import merged
from replay_wire.sharding.shard_keys import MAX_SHARDS, cluster_keys
from replay_wire.sharding.updates import update_priorities
from tests.replay_server.cluster.shards_in_memory import ShardsInMemory

FALSE_ALARM = 1e-6
ROWS = {0: 40, 1: 9, 2: 25, 3: 1}
SCALES = {0: 0.5, 1: 8.0, 2: 0.01, 3: 20.0}


@pytest.fixture
def shards() -> Iterator[ShardsInMemory]:
    made = ShardsInMemory(4, seed=7)
    yield made
    made.loop.close()


def unequal(
    shards: ShardsInMemory, *, stratified: bool, alpha: float = 0.7
) -> tuple[np.ndarray, np.ndarray]:
    """Fill shards of masses between 0.25 and 200; return the keys of the cluster and the masses."""
    sampler = {"kind": "prioritized", "alpha": alpha, "stratified": stratified}
    shards.create("t", {"capacity": 400, "sampler": sampler})
    generator = np.random.default_rng(3)
    keys, masses = [], []
    for shard, rows in ROWS.items():
        priorities = SCALES[shard] * generator.uniform(0.2, 2.0, rows)
        keys.append(cluster_keys(shards.fill("t", shard, priorities), shard))
        masses.append(priorities**alpha)
    return np.concatenate(keys), np.concatenate(masses)


def p_value(counts: np.ndarray, expected: np.ndarray) -> float:
    few = expected < 5.0
    if few.any():
        counts = np.append(counts[~few], counts[few].sum())
        expected = np.append(expected[~few], expected[few].sum())
    return float(stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue)


@pytest.mark.parametrize("stratified", [False, True])
def test_shards_of_unequal_mass_are_drawn_from_as_one_table(
    shards: ShardsInMemory, stratified: bool
):
    keys, masses = unequal(shards, stratified=stratified)
    counts = dict.fromkeys(keys.tolist(), 0)
    for _ in range(60):
        whole = merged(shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=500))))
        truth = dict(zip(keys.tolist(), masses / masses.sum(), strict=True))
        told = whole.items["probabilities"].tolist()
        assert told == pytest.approx([truth[key] for key in whole.items["keys"].tolist()])
        for key in whole.items["keys"].tolist():
            counts[key] += 1

    assert p_value(np.array(list(counts.values())), 30_000 * masses / masses.sum()) > FALSE_ALARM


def test_a_stratified_batch_has_its_share_of_every_shard(shards: ShardsInMemory):
    keys, masses = unequal(shards, stratified=True)
    of_shard = keys % MAX_SHARDS
    for _ in range(20):
        whole = merged(shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=64))))
        found = whole.items["keys"] % MAX_SHARDS
        for shard in range(4):
            fair = 64 * masses[of_shard == shard].sum() / masses.sum()
            assert abs((found == shard).sum() - fair) <= 2.0


def test_probabilities_are_those_of_the_draw_that_was_made_while_masses_move(
    shards: ShardsInMemory,
):
    """Between what was known and what is drawn from, someone else changes priorities of all."""
    keys, masses = unequal(shards, stratified=False, alpha=1.0)
    of_shard = keys % MAX_SHARDS
    generator = np.random.default_rng(11)
    counts, expected = np.zeros(len(keys)), np.zeros(len(keys))
    place = {key: at for at, key in enumerate(keys.tolist())}
    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=1)))
    reports = shards.cluster.views["t"].reports
    at_first, moved_most = masses, 0.0
    for _ in range(300):
        known = np.array([reports[shard].mass for shard in range(4)])
        masses = at_first * generator.uniform(0.2, 5.0, 4)[of_shard]
        masses *= generator.uniform(0.5, 2.0, len(masses))
        now = np.array([masses[of_shard == shard].sum() for shard in range(4)])
        for shard in range(4):
            mine = of_shard == shard
            shards.update("t", shard, keys[mine] >> 12, masses[mine])
        truth = (known / known.sum())[of_shard] * masses / now[of_shard]

        whole = merged(shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=100))))
        at = np.array([place[key] for key in whole.items["keys"].tolist()])

        assert whole.items["probabilities"] == pytest.approx(truth[at])
        distance = 0.5 * np.abs(truth - masses / masses.sum()).sum()
        assert distance <= np.abs(known - now).sum() / known.sum() + 1e-12
        moved_most = max(moved_most, distance)
        counts += np.bincount(at, minlength=len(keys))
        expected += 100 * truth

    assert moved_most > 0.1
    assert p_value(counts, expected) > FALSE_ALARM


def test_what_falls_on_a_dead_shard_falls_on_the_others_as_if_it_were_not_there(
    shards: ShardsInMemory,
):
    keys, masses = unequal(shards, stratified=True)
    left = keys % MAX_SHARDS != 1
    truth = np.where(left, masses, 0.0)
    truth /= truth.sum()
    place = {key: at for at, key in enumerate(keys.tolist())}
    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=1)))
    alive, counts = shards.services[1], np.zeros(len(keys))
    for _ in range(200):
        shards.services[1] = None
        whole = merged(shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=100))))
        at = np.array([place[key] for key in whole.items["keys"].tolist()])
        assert whole.items["probabilities"] == pytest.approx(truth[at])
        counts += np.bincount(at, minlength=len(keys))
        shards.services[1] = alive
        shards.cluster.members.trust(1)

    assert not counts[~left].any()
    assert p_value(counts[left], 20_000 * truth[left]) > FALSE_ALARM


def test_weights_are_those_of_one_table(shards: ShardsInMemory):
    keys, masses = unequal(shards, stratified=False)
    truth = dict(zip(keys.tolist(), masses / masses.sum(), strict=True))
    for normalize in ("batch", "table"):
        request = SampleRequest(batch_size=32, batches=2, beta=0.6, normalize=normalize)  # type: ignore[arg-type]
        whole = merged(shards.run(draw(shards.cluster, "t", request)))

        for batch, weights in zip(whole.items["keys"], whole.items["weights"], strict=True):
            found = np.array([truth[key] for key in batch.tolist()])
            least = found.min() if normalize == "batch" else min(truth.values())
            assert weights == pytest.approx((least / found) ** 0.6, rel=1e-5)
        assert whole.items["weights"].dtype == np.float32


def test_only_shards_with_a_share_are_asked(
    shards: ShardsInMemory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table_view, "_OVERDUE_S", 1e9)
    unequal(shards, stratified=False)
    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=1)))
    shards.asked.clear()

    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=1)))

    assert len(shards.asked) == 1


def test_mass_that_comes_to_a_shard_without_a_share_is_heard_of(
    shards: ShardsInMemory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table_view, "_OVERDUE_S", 1e9)
    shards.create("t", {"capacity": 400})
    shards.fill("t", 0, np.ones(10))
    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=8)))
    shards.fill("t", 1, np.ones(30))
    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=8)))
    before = shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=64)))
    monkeypatch.setattr(table_view, "_OVERDUE_S", 0.0)
    monkeypatch.setattr(table_view, "_A_SHARD_S", 0.0)
    shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=8)))
    after = shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=64)))

    assert {part.shard for part in before.parts} == {0}
    assert {part.shard for part in after.parts} == {0, 1}
    assert after.size == 40


def test_items_go_after_as_many_draws_as_they_may_be_drawn(shards: ShardsInMemory):
    shards.create("t", {"capacity": 400, "max_times_sampled": 2})
    for shard in range(4):
        shards.fill("t", shard, np.ones(10))
    found: list[int] = []
    for _ in range(8):
        whole = merged(shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=10))))
        found += whole.items["keys"].tolist()
        assert whole.items["times_sampled"].max() <= 2

    assert np.unique(found, return_counts=True)[1].tolist() == [2] * 40
    with pytest.raises(RefusalError) as refused:
        shards.run(draw(shards.cluster, "t", SampleRequest(batch_size=1)))
    assert refused.value.problem.code == "rate_limited"


def test_a_bad_update_changes_nothing_on_any_shard(shards: ShardsInMemory):
    keys, masses = unequal(shards, stratified=False)
    for bad in (np.nan, -1.0, np.inf):
        priorities = np.ones(len(keys))
        priorities[-1] = bad
        update = PriorityUpdate(
            keys=Array.from_numpy(keys), priorities=Array.from_numpy(priorities)
        )
        for plan in (
            update_priorities(shards.cluster, "t", update),
            draw(shards.cluster, "t", SampleRequest(batch_size=1, update=update)),
        ):
            with pytest.raises(RefusalError) as refused:
                shards.run(plan)  # type: ignore[arg-type]
            assert refused.value.problem.code == "bad_priority"

    assert sum(shards.service(s).tables.find("t").table.mass for s in range(4)) == pytest.approx(
        masses.sum()
    )
