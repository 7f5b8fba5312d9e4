"""DQN from tables of steps: n-step returns in CartPole, stacked frames in MinAtar."""

import json
from pathlib import Path

import numpy as np
import pytest

from agent_client.__main__ import main
from agent_client.environments import action_count, make_environment
from agent_client.runs.folder import RunFolder

pytestmark = pytest.mark.slow

PIXELS = "MinAtar/Breakout-v1"
PIXEL_FRAMES = 20_000
RANDOM_EPISODES = 300
STANDARD_ERRORS = 3.0


def returns_of(folder: RunFolder) -> list[float]:
    returns: list[float] = json.loads(folder.evaluation.read_text())["returns"]
    return returns


def play_at_random(environment_id: str, episodes: int) -> list[float]:
    environment = make_environment(environment_id, seed=0)
    generator = np.random.default_rng(0)
    returns = []
    for episode in range(episodes):
        environment.reset(seed=episode)
        total, is_over = 0.0, False
        while not is_over:
            action = int(generator.integers(action_count(environment)))
            _, reward, terminated, truncated, _ = environment.step(action)
            total += float(reward)
            is_over = terminated or truncated
        returns.append(total)
    return returns


@pytest.mark.parametrize("seed", range(3))
def test_cartpole_is_solved_by_three_step_returns(seed: int, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")

    code = main(
        ["train", "--env", "CartPole-v1", "--set", "n_step=3", "--seed", str(seed),
         "--tracker", "none", "--out", str(folder.path)]
    )  # fmt: skip

    assert code == 0
    returns = returns_of(folder)
    assert len(returns) == 100
    assert np.mean(returns) >= 475.0


@pytest.mark.parametrize("seed", range(3))
def test_stacked_pixels_beat_random_play(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("minatar")
    folder = RunFolder(tmp_path / "run")

    code = main(
        ["train", "--env", PIXELS, "--steps", str(PIXEL_FRAMES), "--seed", str(seed),
         "--tracker", "none", "--out", str(folder.path)]
    )  # fmt: skip

    assert code == 0
    learned, random = returns_of(folder), play_at_random(PIXELS, RANDOM_EPISODES)
    error = np.hypot(*(np.std(returns) / len(returns) ** 0.5 for returns in (learned, random)))
    assert np.mean(learned) - np.mean(random) >= STANDARD_ERRORS * error


def test_camera_and_joints_together_solve_cartpole(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")

    code = main(
        ["train", "--env", "Replay/CameraCartPole-v0", "--seed", "0", "--tracker", "none",
         "--out", str(folder.path)]
    )  # fmt: skip

    assert code == 0
    assert np.mean(returns_of(folder)) >= 180.0
