"""Priorities that fade with age."""

import numpy as np

from agent_client.learning.freshness import faded

PRIORITIES = np.array([8.0, 8.0, 8.0, 0.0])
AGES = np.array([0, 100, 300, 100])


def test_a_priority_halves_with_every_half_life() -> None:
    assert faded(PRIORITIES, AGES, 100.0).tolist() == [8.0, 4.0, 1.0, 0.0]


def test_without_a_half_life_priorities_stay_as_they_are() -> None:
    assert faded(PRIORITIES, AGES, 0.0).tolist() == PRIORITIES.tolist()


def test_what_is_given_is_not_changed() -> None:
    faded(PRIORITIES, AGES, 1.0)

    assert PRIORITIES.tolist() == [8.0, 8.0, 8.0, 0.0]
