"""TorchRL on a table: TensorDicts come back as they went in, priorities are stored."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tensordict import TensorDict
from torchrl.data import LazyTensorStorage, ReplayBuffer, TensorDictReplayBuffer

from agent_client import RateLimitedError, ReplayClient, SchemaMismatchError, UnknownTableError
from agent_client.integrations.torchrl import RemoteReplayBuffer


@pytest.fixture
def make(server_url: str, table: str) -> Iterator[Callable[..., RemoteReplayBuffer]]:
    """Make buffers of one table, which are closed at the end."""
    made: list[RemoteReplayBuffer] = []

    def make(**options: Any) -> RemoteReplayBuffer:
        made.append(
            RemoteReplayBuffer(**{"server": server_url, "table": table, "capacity": 100, **options})
        )
        return made[-1]

    yield make
    for buffer in made:
        buffer.close()


def transitions(count: int) -> TensorDict:
    number = torch.arange(count)
    return TensorDict(
        {
            "observation": number.float()[:, None] + torch.arange(3),
            "pixels": number.to(torch.uint8)[:, None, None].expand(-1, 2, 2),
            "action": number,
            "next": {
                "observation": number.double(),
                "reward": -number.float()[:, None],
                "done": (number % 2 == 0)[:, None],
            },
        },
        [count],
    )


def test_what_is_drawn_is_what_was_stored(make: Any) -> None:
    data = transitions(20)
    own = TensorDictReplayBuffer(storage=LazyTensorStorage(100))
    remote = make()

    own.extend(data.clone())
    keys = remote.extend(data.clone())
    sample = remote.sample(64)

    expected = own[sample["action"]].exclude("index")
    drawn = sample.exclude("index", "priority_weight")
    assert isinstance(remote, ReplayBuffer)
    assert sample.batch_size == (64,)
    assert set(drawn.keys(True, True)) == set(expected.keys(True, True))
    for entry in expected.keys(True, True):
        assert drawn[entry].dtype == expected[entry].dtype, entry
        assert torch.equal(drawn[entry], expected[entry]), entry
    assert torch.equal(sample["index"], keys[sample["action"]])
    assert sample["priority_weight"].tolist() == [1.0] * 64
    assert len(remote) == len(own) == remote.write_count == 20


def test_elements_with_dimensions_of_their_own_are_rows(make: Any) -> None:
    remote = make()
    data = TensorDict({"observation": torch.arange(24.0).reshape(4, 3, 2)}, [4, 3])

    keys = remote.extend(data)
    sample = remote.sample(8)

    assert data["index"].tolist() == [[key] * 3 for key in keys.tolist()]
    assert sample["observation"].shape == (8, 3, 2)


def test_one_row_is_added(make: Any) -> None:
    remote = make()

    first, second = (remote.add(transitions(2)[place]) for place in range(2))

    assert second == first + 1
    assert set(remote.sample(30)["index"].tolist()) == {first, second}


@pytest.mark.parametrize("prefetch", [0, 4])
def test_priorities_decide_what_is_drawn(
    make: Any, server_url: str, table: str, prefetch: int
) -> None:
    remote = make(alpha=1.0, beta=1.0, eps=0.0, batch_size=8, prefetch=prefetch)
    keys = remote.extend(transitions(4))

    remote.sample()
    remote.update_priority(keys[:3], torch.tensor([0.0, 3.0, 0.0]))
    remote.update_priority(int(keys[3]), 1.0)
    for _ in range(2 * prefetch):
        remote.sample()
    sample = remote.sample(400)

    actions = sample["action"]
    assert set(actions.tolist()) == {1, 3}
    assert 290 <= int((actions == 1).sum()) <= 310  # stratified: 300, and what rounding makes of it
    weights = {int(a): float(w) for a, w in zip(actions, sample["priority_weight"], strict=True)}
    assert weights[3] == 1.0
    assert weights[1] == pytest.approx(1 / 3)
    with ReplayClient(server_url) as client:
        assert client.scan(table).priorities.tolist() == [0.0, 3.0, 0.0, 1.0]


def test_a_sample_brings_its_priorities_back(make: Any, server_url: str, table: str) -> None:
    remote = make(alpha=0.7, eps=0.5)
    remote.extend(transitions(3))

    sample = remote.sample(64)
    errors = sample["action"].double()
    sample["td_error"] = torch.stack([errors - 1, errors], 1)  # the largest of each row counts
    remote.update_tensordict_priority(sample)
    remote.close()

    with ReplayClient(server_url) as client:
        assert client.scan(table).priorities.tolist() == [0.5, 1.5, 2.5]


def test_a_little_is_added_to_priorities(make: Any, server_url: str, table: str) -> None:
    remote = make(alpha=1.0, eps=0.25)
    keys = remote.extend(transitions(2))

    remote.update_priority(keys, torch.tensor([0.0, 2.0]))
    remote.close()

    with ReplayClient(server_url) as client:
        assert client.scan(table).priorities.tolist() == [0.25, 2.25]


@pytest.mark.parametrize(("update_priority", "expected"), [(None, [2.5, 0.5]), (False, [1.0, 1.0])])
def test_rows_may_come_with_priorities(
    make: Any, server_url: str, table: str, update_priority: Any, expected: list[float]
) -> None:
    remote = make(alpha=1.0, eps=0.5)
    data = transitions(2).set("td_error", torch.tensor([2.0, 0.0]))

    remote.extend(data, update_priority=update_priority)

    with ReplayClient(server_url) as client:
        assert client.scan(table).priorities.tolist() == expected


def test_more_rows_than_the_table_holds_come_in_one_after_another(make: Any) -> None:
    remote = make(capacity=8)

    keys = remote.extend(transitions(21))

    assert keys.tolist() == list(range(int(keys[0]), int(keys[0]) + 21))
    assert set(remote.sample(300)["action"].tolist()) == set(range(13, 21))


def test_transforms_are_applied_both_ways(make: Any) -> None:
    remote = make(batch_size=4)
    remote.append_transform(lambda data: data.set("action", data["action"] + 100))
    remote.extend(transitions(1))

    sample, info = remote.sample(return_info=True)

    assert sample["action"].tolist() == [100] * 4
    assert torch.equal(info["index"], sample["index"])
    assert next(iter(remote))["action"].tolist() == [100] * 4


def test_transforms_that_are_turned_round_are_applied_to_what_is_stored(
    make: Any, server_url: str, table: str
) -> None:
    remote = make()
    remote.append_transform(lambda data: data.set("action", data["action"] + 100), invert=True)

    remote.extend(transitions(2))

    with ReplayClient(server_url) as client:
        assert client.scan(table).columns["action"].tolist() == [100, 101]


def test_another_process_takes_the_table_as_it_is(make: Any) -> None:
    first = make()
    first.extend(transitions(5))

    second = make(capacity=7)
    third = pickle.loads(pickle.dumps(first))
    third.extend(transitions(5))

    assert len(second) == 10
    assert len(second.sample(3)) == 3
    third.close()


def test_empty_empties_the_table(make: Any) -> None:
    remote = make()
    remote.extend(transitions(5))

    remote.empty()

    assert len(remote) == remote.write_count == 0


def test_before_anything_was_stored_there_is_nothing(make: Any) -> None:
    remote = make(batch_size=2)

    assert len(remote) == 0
    with pytest.raises(UnknownTableError):
        remote.sample()


def test_what_does_not_fit_is_refused(make: Any) -> None:
    remote = make()
    remote.extend(transitions(2))

    with pytest.raises(SchemaMismatchError):
        remote.extend(transitions(2).exclude("action"))
    with pytest.raises(ValueError, match="my action"):
        remote.extend(TensorDict({"my action": torch.zeros(2)}, [2]))
    with pytest.raises(ValueError, match="bfloat16"):
        remote.extend(TensorDict({"a": torch.zeros(2, dtype=torch.bfloat16)}, [2]))
    with pytest.raises(ValueError, match="first dimension"):
        remote.extend(transitions(2)[0])
    with pytest.raises(RuntimeError, match="batch_size"):
        remote.sample()
    assert len(remote) == 2


def test_what_only_a_buffer_of_this_process_has_is_told(make: Any) -> None:
    with pytest.raises(AttributeError, match="the server's"):
        make().storage  # noqa: B018 - reading it is the test


def test_an_empty_table_is_a_refusal(make: Any, server_url: str, table: str) -> None:
    remote = make(table_spec={"rate_limiter": {"kind": "min_size", "min_size": 50}}, timeout_s=0.1)
    remote.extend(transitions(2))

    with pytest.raises(RateLimitedError):
        remote.sample(2)
