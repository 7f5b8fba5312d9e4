"""Section 6: sequences of steps."""

import pytest

from tests.contract.steps import StepPeer, episode, onward, sequences


def test_a_sequence_starts_every_period_steps(steps: StepPeer):
    steps.make(**sequences(3, period=2, pad=False))
    keys = steps.store(episode([1, 2, 3, 4, 5, 6, 7]))

    items = steps.items()

    assert list(items) == [keys[0], keys[2], keys[4]]
    assert items[keys[2]]["observation"] == [[3, -3], [4, -4], [5, -5]]
    assert items[keys[2]]["action"] == [10, 11, 12]
    assert items[keys[4]]["is_last"] == [False, False, True]
    assert all(item["mask"] == [True] * 3 for item in items.values())


def test_the_period_is_the_length_unless_told(steps: StepPeer):
    steps.make(**sequences(2))
    keys = steps.store(episode([1, 2, 3, 4, 5, 6]))

    assert list(steps.items()) == [keys[0], keys[2], keys[4]]
    assert steps.put(**sequences(2, period=2)).status == 200  # an equal spec
    assert steps.put(**sequences(2, period=1)).code == "table_exists"


def test_the_end_of_an_episode_is_padded_with_zeros_and_masked(steps: StepPeer):
    steps.make(**sequences(4, period=3))
    keys = steps.store(episode([1, 2, 3, 4, 5], [9, 9, 9, 9, 9]))

    items = steps.items()

    assert list(items) == [keys[0], keys[3]]
    assert items[keys[3]] == {
        "observation": [[4, -4], [5, -5], [0, 0], [0, 0]], "action": [11, 12, 0, 0],
        "reward": [9, 9, 0, 0], "is_first": [False] * 4, "is_last": [False, True, False, False],
        "is_terminal": [False, True, False, False], "mask": [True, True, False, False],
    }  # fmt: skip


def test_without_padding_a_short_end_is_no_item(steps: StepPeer):
    steps.make(**sequences(4, period=3, pad=False))
    keys = steps.store(episode([1, 2, 3, 4, 5]))

    assert list(steps.items()) == keys[:1]


def test_an_abandoned_episode_is_not_padded(steps: StepPeer):
    steps.make(**sequences(3))
    keys = steps.store(episode([1, 2, 3, 4, 5], end="open"))
    steps.store(episode([6], end="open"))

    assert list(steps.items()) == keys[:1]


def test_the_last_row_starts_no_sequence(steps: StepPeer):
    steps.make(**sequences(2, period=1))
    keys = steps.store(episode([1, 2, 3]))

    assert list(steps.items()) == keys[:2]


def test_periods_are_counted_from_the_episodes_first_step(steps: StepPeer):
    steps.make(**sequences(2, period=2), capacity=5)
    steps.store(episode([90, 91, 92]))  # so that the next episode begins at an odd key
    keys = steps.store(episode(range(4), end="open")) + steps.store(onward([4, 5, 6, 7]))

    assert list(steps.items()) == [keys[4], keys[6]]  # 2 to 3 went with step 2


def test_masks_come_whatever_columns_are_asked_for(steps: StepPeer):
    steps.make(**sequences(2))
    steps.store(episode([1, 2, 3]))

    answer = steps.sample(1, columns=["action"])

    assert set(answer.document["columns"]) == {"action", "mask"}
    assert answer.document["columns"]["mask"]["dtype"] == "|b1"
    assert answer.document["columns"]["mask"]["shape"] == [1, 2]


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"period": 1}, "items.length"),
        ({"length": 0}, "items.length"),
        ({"length": 101}, "items.length"),
        ({"length": 4, "period": 0}, "items.period"),
        ({"length": 4, "pad": 1}, "items.pad"),
        ({"length": 4, "n_step": 1}, "items.n_step"),
    ],
)
def test_sequences_that_can_not_be_are_refused(steps: StepPeer, keys: dict, field: str):
    answer = steps.put(items={"kind": "sequence", **keys})

    assert (answer.status, answer.document["field"]) == (422, field)


@pytest.mark.parametrize(
    ("items", "most"),
    [
        ({"kind": "transition"}, 9),
        ({"kind": "sequence", "length": 3, "period": 1}, 9),
        ({"kind": "sequence", "length": 3}, 5),
        ({"kind": "sequence", "length": 3, "pad": False}, 3),
        ({"kind": "sequence", "length": 4, "period": 2, "pad": False}, 4),
        ({"kind": "sequence", "length": 1}, 10),
    ],
)
def test_a_min_size_that_no_steps_could_reach_is_refused(steps: StepPeer, items: dict, most: int):
    answer = steps.put(capacity=10, items=items, rate_limiter={"min_size": most + 1})

    assert (answer.status, answer.document["field"]) == (422, "rate_limiter.min_size")
    assert steps.put(capacity=10, items=items, rate_limiter={"min_size": most}).status == 201
