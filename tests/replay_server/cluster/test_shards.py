"""The directory of shards."""

import pytest

from replay_server.cluster.shards import Shard, ShardDirectory
from replay_wire.sharding.shard_keys import MAX_SHARDS

A, B = Shard(0, "http://a"), Shard(1, "http://b")


def test_shards_stand_by_number():
    assert ShardDirectory([B, A]).current() == (A, B)


def test_listeners_hear_of_every_change_and_of_nothing_else():
    directory, heard = ShardDirectory([A]), []
    unsubscribe = directory.subscribe(heard.append)

    directory.replace([A])
    directory.replace([B, A])
    unsubscribe()
    directory.replace([B])

    assert heard == [(A, B)]
    assert directory.version == 2


def test_two_shards_of_one_number_change_nothing():
    directory = ShardDirectory([A])

    with pytest.raises(ValueError, match="number 0"):
        directory.replace([B, A, Shard(0, "http://c")])

    assert directory.current() == (A,)
    assert directory.version == 0


@pytest.mark.parametrize(
    ("number", "state"), [(-1, "serving"), (MAX_SHARDS, "serving"), (0, "asleep")]
)
def test_a_shard_has_a_number_and_a_state_that_exist(number: int, state: str):
    with pytest.raises(ValueError, match="shard"):
        Shard(number, "http://a", state)  # type: ignore[arg-type]
