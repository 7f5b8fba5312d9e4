"""Keys of a cluster and of its shards."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay_wire.sharding.shard_keys import (
    MAX_SHARDS,
    SHARD_BITS,
    cluster_keys,
    local_after,
    split_keys,
)

LOCAL = st.integers(0, 2 ** (53 - SHARD_BITS) - 1)
SHARDS = st.integers(0, MAX_SHARDS - 1)


@given(st.lists(st.tuples(LOCAL, SHARDS), max_size=30))
def test_keys_find_the_way_back_to_their_shards(rows: list[tuple[int, int]]):
    keys = np.array([int(cluster_keys(np.array([key]), s)[0]) for key, s in rows], np.int64)

    found = {
        int(position): (int(key), shard)
        for shard, (positions, local) in split_keys(keys).items()
        for position, key in zip(positions, local, strict=True)
    }

    assert found == dict(enumerate(rows))
    assert ((keys >= 0) & (keys < 2**53)).all()


def test_of_a_key_given_twice_the_last_stays_the_last():
    keys = cluster_keys(np.array([7, 8, 7]), 5)

    assert split_keys(keys)[5][0].tolist() == [0, 1, 2]


def test_negative_keys_belong_to_no_shard():
    assert split_keys(np.array([-1, 4], np.int64)).keys() == {4}


@given(LOCAL, SHARDS, LOCAL, SHARDS)
def test_a_shard_scans_after_the_key_that_the_cluster_scans_after(
    key: int, shard: int, after_key: int, after_shard: int
):
    after = int(cluster_keys(np.array([after_key]), after_shard)[0])

    is_above = int(cluster_keys(np.array([key]), shard)[0]) > after

    assert (key > local_after(after, shard)) == is_above


def test_a_scan_from_the_start_starts_at_every_shard():
    assert [local_after(-1, shard) for shard in (0, 1, MAX_SHARDS - 1)] == [-1, -1, -1]
