"""How much memory tables and parameters may take together."""

from __future__ import annotations

import pytest

from replay_server.errors import TooLargeError
from replay_server.memory_budget import MemoryBudget


def test_all_of_it_may_be_taken():
    budget = MemoryBudget(100)
    budget.add(lambda: 60)
    budget.check(40)


def test_what_all_takers_have_by_now_counts():
    taken = [60, 0]
    budget = MemoryBudget(100)
    budget.add(lambda: taken[0])
    budget.add(lambda: taken[1])
    budget.check(40)
    taken[1] = 1
    with pytest.raises(TooLargeError, match=r"61 \+ 40"):
        budget.check(40)
    taken[0] = 0
    budget.check(99)
