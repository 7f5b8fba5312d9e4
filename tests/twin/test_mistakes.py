"""The mistakes that the twin has to see still fit the code."""

from pathlib import Path

import pytest

from tests.twin.mistakes import MISTAKES, Mistake

SERVER = Path(__file__).parents[2] / "replay_server"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_can_be_made_in_one_place(mistake: Mistake):
    assert (SERVER / mistake.file).read_text(encoding="utf-8").count(mistake.right) == 1
