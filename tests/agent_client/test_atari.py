"""Atari games with the standard preprocessing, where they are installed."""

from typing import Any

import numpy as np
import pytest

from agent_client.environments import frame_space, make_environment

pytest.importorskip("ale_py")
pytest.importorskip("cv2")
GAME = "ALE/Breakout-v5"


def play(environment: Any, steps: int) -> list[tuple[Any, float, bool, bool, dict[str, Any]]]:
    return [environment.step(step % environment.action_space.n) for step in range(steps)]


def test_frames_are_small_and_gray_and_stacked() -> None:
    environment = make_environment(GAME, seed=0, frame_stack=4)

    observation, _ = environment.reset(seed=0)
    seen = [step[0] for step in play(environment, 300)]

    assert observation.shape == (4, 84, 84, 1)
    assert observation.dtype == np.uint8
    assert frame_space(environment).shape == (84, 84, 1)
    assert all(frames.shape == (4, 84, 84, 1) for frames in seen)
    assert np.array_equal(seen[-1][:3], seen[-2][1:])
    assert len({frames[-1].tobytes() for frames in seen}) > 100


def test_an_action_lasts_four_frames() -> None:
    environment = make_environment(GAME, seed=0)
    _, before = environment.reset(seed=0)

    after = play(environment, 10)[-1][-1]

    assert after["frame_number"] - before["frame_number"] == 40


def test_an_episode_goes_on_when_a_life_is_lost() -> None:
    environment = make_environment(GAME, seed=0)
    _, info = environment.reset(seed=0)
    assert info["lives"] == 5

    steps = []
    while not steps or steps[-1][-1]["lives"] == 5:
        steps += play(environment, 4)

    assert not any(step[2] or step[3] for step in steps)


def test_beginnings_differ_by_their_seed() -> None:
    environment = make_environment(GAME, seed=0)

    frames = [environment.reset(seed=seed)[1]["frame_number"] for seed in (1, 2, 3, 4, 1)]

    assert frames[0] == frames[4]
    assert len(set(frames)) > 1
    assert all(0 <= number <= 30 for number in frames)


@pytest.mark.parametrize(
    ("name", "shape"),
    [(f"{GAME}?obs_type=ram", (128,)), (f"{GAME}?frameskip=5", (210, 160, 3))],
)
def test_who_asks_for_something_else_gets_it(name: str, shape: tuple[int, ...]) -> None:
    observation, _ = make_environment(name, seed=0).reset(seed=0)

    assert observation.shape == shape


def test_the_game_has_a_limit_of_its_own() -> None:
    # 108,000 frames at most, which are more steps than an environment without a limit gets.
    environment = make_environment(f"{GAME}?max_num_frames_per_episode=200", seed=0)
    environment.reset(seed=0)

    ends = [step[3] for step in play(environment, 50)]

    assert True in ends
