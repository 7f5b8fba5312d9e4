"""Rendezvous hashing."""

from collections import Counter

from replay_wire.sharding.homes import ranked

NAMES = [f"actor-{n}" for n in range(2000)]


def test_names_are_spread_evenly():
    counts = Counter(ranked(name, range(8))[0] for name in NAMES)

    assert min(counts.values()) > 180  # of 250; five standard deviations
    assert max(counts.values()) < 320


def test_only_what_lives_on_a_shard_that_goes_moves():
    for name in NAMES[:200]:
        before = ranked(name, range(8))
        assert ranked(name, (0, 1, 2, 3, 4, 6, 7)) == [s for s in before if s != 5]


def test_the_order_does_not_depend_on_who_asks():
    assert ranked("actor-7", [3, 1, 2]) == ranked("actor-7", (2, 3, 1))
