"""SAC reaches its bar on Pendulum, through a replay server of its own."""

import json
from pathlib import Path

import pytest

from agent_client.__main__ import main
from agent_client.runs.folder import RunFolder

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(2))
def test_pendulum_is_swung_up_and_kept_there(seed: int, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")

    code = main(
        ["train", "--env", "Pendulum-v1", "--seed", str(seed), "--tracker", "none",
         "--out", str(folder.path)]
    )  # fmt: skip

    evaluation = json.loads(folder.evaluation.read_text())
    assert code == 0
    assert evaluation["episodes"] == 100
    assert evaluation["mean_return"] >= -200.0
