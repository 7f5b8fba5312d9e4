import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_server.memory.order_tree import OrderTree

PROGRAMS = st.lists(
    st.tuples(st.sampled_from(["enter", "leave"]), st.integers(0, 299), st.integers(0, 4)),
    max_size=60,
)


def ordered(members: dict[int, float], ordinals: np.ndarray) -> list[int]:
    return sorted(members, key=lambda slot: (members[slot], ordinals[slot]))


@settings(max_examples=150)
@given(slots=st.sampled_from([1, 2, 8, 9, 64, 65, 300]), program=PROGRAMS, seed=st.integers(0, 99))
def test_any_program_leaves_the_order_of_a_sorted_list(slots, program, seed):
    ordinals = np.random.default_rng(seed).permutation(slots).astype(np.int64)
    tree, members = OrderTree(ordinals), dict[int, float]()
    for verb, slot, value in program:
        slot %= slots
        if verb == "enter":
            tree.enter(np.array([slot]), np.array([float(value)]))
            members[slot] = value
        else:
            tree.leave(np.array([slot]))
            members.pop(slot, None)

    expected = ordered(members, ordinals)
    assert tree.first == (expected[0] if expected else -1)
    for count in (1, 3, len(expected), len(expected) + 1):
        assert tree.first_ones(count).tolist() == expected[:count]
    assert tree.first_ones(slots).tolist() == expected  # looking has changed nothing


def test_of_one_slot_given_twice_the_last_value_counts():
    tree = OrderTree(np.arange(3))

    tree.enter(np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]))

    assert tree.first_ones(3).tolist() == [1, 0]


@pytest.mark.parametrize("slots", [1, 100])
def test_a_cleared_tree_has_nobody(slots):
    tree = OrderTree(np.arange(slots))
    tree.enter(np.arange(slots), np.zeros(slots))

    tree.clear()

    assert tree.first == -1
    assert tree.first_ones(2).tolist() == []
