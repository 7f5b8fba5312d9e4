"""DQN finds its way through mazes from where training never began, and the example tells so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent_client.__main__ import main

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "maze.py"


@pytest.mark.parametrize("seed", [1, 3])
def test_the_goal_is_reached_from_unseen_starts_by_short_ways(seed: int, tmp_path: Path) -> None:
    folder = str(tmp_path / "run")

    code = main(
        ["train", "--env", f"replay/Maze-v0?layout_seed={seed}", "--preset", "maze",
         "--seed", str(seed), "--tracker", "none", "--out", folder]
    )  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), folder],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip

    assert code == 0
    found = re.search(r"from ([\d.]+)% of (\d+) unseen starts, by ([\d.]+) of the shortest", told)
    assert found is not None, told
    reached, starts, ratio = (float(text) for text in found.groups())
    assert reached >= 99.0
    assert starts == 29
    assert ratio <= 1.1
