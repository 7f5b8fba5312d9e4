"""Section 6: tables of steps and their transitions, by hand-made episodes."""

import numpy as np
import pytest

from tests.contract.steps import StepPeer, columns_of, episode, onward, transitions


def test_a_step_becomes_an_item_when_the_next_one_comes(steps: StepPeer):
    steps.make(**transitions())
    first = steps.store(episode([1, 2], end="open"))

    stats = steps.stats()
    assert (stats["size"], stats["rows"]) == (1, 2)
    second = steps.store(onward([3], end="terminal"))

    assert list(steps.items()) == first
    assert steps.stats()["rows"] == len(first + second)


def test_one_step_transitions_by_hand(steps: StepPeer):
    steps.make(**transitions(discount=0.5))
    keys = steps.store(episode([1, 2, 3], [10, 20, 99], end="terminal"))

    items = steps.items()

    assert list(items) == keys[:2]
    assert items[keys[0]] == {
        "observation": [1, -1], "action": 8, "reward": 10, "discount": 0.5,
        "next_observation": [2, -2], "is_first": True, "is_last": False, "is_terminal": False,
    }  # fmt: skip
    assert items[keys[1]] == {
        "observation": [2, -2], "action": 9, "reward": 20, "discount": 0,
        "next_observation": [3, -3], "is_first": False, "is_last": False, "is_terminal": False,
    }  # fmt: skip


def test_transitions_have_the_defaults_of_the_protocol(steps: StepPeer):
    steps.make(items={"kind": "transition"})
    spec = steps.peer.get(steps.path).document["spec"]
    steps.store(episode([1, 2, 3], end="truncated"))

    answer = steps.sample(4)

    assert spec["items"] == {
        "kind": "transition", "n_step": 1, "discount": 0.99, "frame_stack": 1,
    }  # fmt: skip
    assert set(answer.column("discount").tolist()) == {np.float32(0.99).item()}
    assert answer.column("observation").shape == (4, 2)


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"n_step": 0}, "items.n_step"),
        ({"frame_stack": 0}, "items.frame_stack"),
        ({"discount": -0.01}, "items.discount"),
        ({"discount": 1.01}, "items.discount"),
        ({"discount": "1"}, "items.discount"),
        ({"n_step": 8, "frame_stack": 3}, "items.n_step"),
        ({"length": 3}, "items.length"),
    ],
)
def test_transitions_that_can_not_be_are_refused(steps: StepPeer, keys: dict, field: str):
    answer = steps.put(capacity=10, items={"kind": "transition", **keys})

    assert (answer.status, answer.document["field"]) == (422, field)
    fitting = {"kind": "transition", "discount": 1, "n_step": 7, "frame_stack": 3}
    assert steps.put(capacity=10, items=fitting).status == 201


def test_each_observation_is_stored_once(steps: StepPeer):
    columns = {
        **{name: {"dtype": "|b1", "shape": []} for name in ("is_first", "is_last", "is_terminal")},
        "observation": {"dtype": "|u1", "shape": [10_000]},
        "action": {"dtype": "<i8", "shape": []},
        "reward": {"dtype": "<f4", "shape": []},
    }

    steps.make(**transitions(n_step=3, frame_stack=4), capacity=1000, columns=columns)

    assert 1000 * 10_000 < steps.stats()["bytes"] < 1.1 * 1000 * 10_000


@pytest.mark.parametrize(("end", "last"), [("terminal", 0.0), ("truncated", 0.5)])
def test_n_step_returns_end_with_their_episode(steps: StepPeer, end: str, last: float):
    steps.make(**transitions(n_step=3, discount=0.5))
    keys = steps.store(episode([1, 2, 3, 4, 5], [16, 8, 4, 2, 77], end=end))
    steps.store(episode([6, 7, 8], [1000, 1000, 1000]))

    items = steps.items()

    returns = [items[key]["reward"] for key in keys[:4]]
    assert returns == [16 + 4 + 1, 8 + 2 + 0.5, 4 + 1, 2]  # the last row's reward means nothing
    over = 0 if end == "terminal" else 1
    discounts = [items[key]["discount"] for key in keys[:4]]
    assert discounts == [0.125, 0.125 * over, 0.25 * over, last]
    assert [items[key]["next_observation"][0] for key in keys[:4]] == [4, 5, 5, 5]


def test_returns_are_summed_in_float64_and_told_in_the_columns_dtype(steps: StepPeer):
    steps.make(**transitions(n_step=3, discount=1.0))
    rows = episode([1, 2, 3, 4], [2.0**24, 1, 1, 0])  # in float32, 2^24 + 1 is 2^24
    steps.post("insert", {"columns": columns_of(rows, reward="<f4")})

    answer = steps.sample(1)

    assert answer.document["columns"]["reward"]["dtype"] == "<f4"
    assert answer.document["columns"]["discount"]["dtype"] == "<f4"
    assert answer.column("reward").tolist() == [2.0**24 + 2]


def test_frames_are_stacked_and_the_first_is_repeated(steps: StepPeer):
    steps.make(**transitions(frame_stack=3))
    keys = steps.store(episode([1, 2, 3, 4]))

    items = steps.items()

    stacks = [[x for x, _ in items[key]["observation"]] for key in keys[:3]]
    assert stacks == [[1, 1, 1], [1, 1, 2], [1, 2, 3]]
    following = [[x for x, _ in items[key]["next_observation"]] for key in keys[:3]]
    assert following == [[1, 1, 2], [1, 2, 3], [2, 3, 4]]


def test_a_fragment_lacks_its_history(steps: StepPeer):
    steps.make(**transitions(frame_stack=3))
    keys = steps.store(onward([1, 2, 3, 4]))

    items = steps.items()

    assert list(items) == keys[2:3]
    assert [x for x, _ in items[keys[2]]["observation"]] == [1, 2, 3]


def test_an_abandoned_episode_keeps_what_was_complete(steps: StepPeer):
    steps.make(**transitions(n_step=2))
    old = steps.store(episode([1, 2, 3, 4], end="open"))
    new = steps.store(episode([50, 51]))

    assert list(steps.items()) == [*old[:2], new[0]]


def test_after_the_last_row_a_fragment_begins(steps: StepPeer):
    steps.make(**transitions(frame_stack=2))
    first, _ = steps.store(episode([1, 2]))
    fragment = steps.store(onward([3, 4, 5]))

    items = steps.items()

    assert list(items) == [first, fragment[1]]  # 3 lacks its history, which 2 is none of
    assert items[fragment[1]]["observation"] == [[3, -3], [4, -4]]


def test_a_deleted_step_takes_its_items_along_and_breaks_its_stream(steps: StepPeer):
    steps.make(**transitions(n_step=2, frame_stack=2))
    keys = steps.store(episode([1, 2, 3, 4, 5, 6], end="open"))
    assert list(steps.items()) == keys[:4]

    assert steps.delete([keys[2]]).document == {"deleted": 1, "stale": 0}
    assert list(steps.items()) == []  # 0, 1 look ahead to it, 3 looks back to it
    assert steps.stats()["rows"] == 5
    steps.delete([keys[5]])
    steps.store(onward([7, 8]))

    assert list(steps.items()) == []  # 7 continues nothing: its predecessor has gone


def test_items_go_with_the_first_row_of_theirs_that_is_overwritten(steps: StepPeer):
    steps.make(**transitions(frame_stack=3), capacity=6)
    keys = steps.store(episode(range(6), end="open"))
    assert list(steps.items()) == keys[:5]

    steps.store(onward([6]))

    assert list(steps.items()) == keys[3:]  # 1 and 2 need frame 0


def test_streams_are_one_environment_each_and_belong_to_their_writer(steps: StepPeer):
    steps.make(**transitions())
    a, b, c = [(x, 0, True, False, False) for x in (1, 11, 21)]
    keys = steps.store([a, b, c], streams=[0, -5, 2**62])
    steps.store([onward([12])[0], onward([2])[0]], streams=[-5, 0])
    steps.store(onward([22]), streams=[2**62], writer={"id": "w", "sequence": 0})

    items = steps.items()

    after = {key: item["next_observation"][0] for key, item in items.items()}
    assert after == {keys[0]: 2, keys[1]: 12}  # the writer w has streams of its own


def test_all_inserts_without_a_writer_are_of_one(steps: StepPeer):
    steps.make(**transitions())
    steps.store(episode([1], end="open"), streams=[3])
    steps.store(onward([2]), streams=[3])

    assert len(steps.items()) == 1


def test_inserts_without_streams_are_of_stream_0(steps: StepPeer):
    steps.make(**transitions())
    steps.store(episode([1], end="open"))
    steps.store([*episode([8], end="open"), *onward([2])], streams=[1, 0])

    assert [item["next_observation"][0] for item in steps.items().values()] == [2]


def test_a_row_whose_predecessor_was_overwritten_begins_a_fragment(steps: StepPeer):
    steps.make(**transitions(frame_stack=2), capacity=4)
    steps.store(episode([1], end="open"), streams=[0])
    steps.store(episode([11, 12, 13, 14], end="open"), streams=[1] * 4)
    steps.store(onward([15]), streams=[1])  # where 1 was

    keys = steps.store(onward([2, 3, 4]), streams=[0] * 3)

    items = steps.items()
    assert list(items) == [keys[1]]  # 2 lacks its history, and 4 its future
    assert items[keys[1]]["observation"] == [[2, -2], [3, -3]]


def test_a_reset_begins_streams_anew(steps: StepPeer):
    steps.make(**transitions())
    steps.store(episode([1], end="open"))
    steps.peer.send("POST", f"{steps.path}/reset")

    steps.store(onward([2]))

    assert steps.items() == {}


def test_an_items_default_priority_is_fixed_when_its_first_row_comes_in(steps: StepPeer):
    steps.make(**{**transitions(), "sampler": {"alpha": 1.0}})
    first, second = steps.store(episode([1, 2], end="open"))
    steps.update([first], [5.0])
    steps.store(onward([3]))
    assert steps.sample(64).array("priorities").max() == 5.0
    third = steps.store(onward([4]))

    scan = steps.scan()
    told = dict(zip(scan.array("keys").tolist(), scan.array("priorities").tolist(), strict=True))

    assert told[second] == 1.0
    assert told[third[0]] == 5.0


def test_an_update_of_a_step_without_an_item_yet_is_kept(steps: StepPeer):
    steps.make(**transitions())
    (key,) = steps.store(episode([1], end="open"))

    assert steps.update([key], [3.0]).document == {"updated": 1, "stale": 0}
    assert steps.stats()["size"] == 0
    steps.store(onward([2]))

    assert steps.sample(1).array("priorities").tolist() == [3.0]


def test_only_the_columns_asked_for_are_drawn(steps: StepPeer):
    steps.make(**transitions())
    steps.store(episode([1, 2]))

    answer = steps.sample(1, columns=["next_observation", "discount"])

    assert list(answer.document["columns"]) == ["next_observation", "discount"]
    assert steps.sample(1, columns=["next_action"]).code == "schema_mismatch"


def test_a_scan_tells_the_rows_as_they_were_stored(steps: StepPeer):
    steps.make(**transitions(n_step=3, frame_stack=2))
    steps.store(episode([1, 2, 3], [5, 6, 7]))

    scan = steps.scan()

    assert scan.column("reward").tolist() == [5, 6, 7]
    assert scan.column("observation").tolist() == [[1, -1], [2, -2], [3, -3]]


def test_a_scan_tells_the_step_before_each_also_where_that_has_gone(steps: StepPeer):
    steps.make(**transitions(), capacity=8)
    one = steps.store(episode([1, 2, 3, 4]), [5, 5, 5, 5])
    steps.store(episode([11], end="open"), [6])
    two = steps.store(onward([5, 12]), [5, 6])
    steps.delete([one[1]])

    scan = steps.scan()

    keys, previous = scan.array("keys").tolist(), scan.array("previous").tolist()
    told = dict(zip(keys, previous, strict=True))
    assert told == {one[0]: -1, one[2]: one[1], one[3]: one[2], one[3] + 1: -1, two[0]: -1,
                    two[1]: one[3] + 1}  # fmt: skip
    assert steps.scan(columns=[], after=two[0], limit=1).array("previous").tolist() == [one[3] + 1]
