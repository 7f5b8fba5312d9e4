"""Which defaults an environment gets."""

import gymnasium
import pytest

from agent_client.algorithms import CONFIGS
from agent_client.dqn.config import DQNConfig
from agent_client.runs.dqn_presets import ATARI, CARTPOLE, LUNAR_LANDER, MAZE, MINATAR, RAINBOW
from agent_client.runs.presets import GENERIC_PRESETS, PRESETS, preset_for
from agent_client.runs.sac_presets import LUNAR_LANDER_CONTINUOUS


def test_cartpole_has_its_own_preset_and_others_have_none() -> None:
    assert preset_for("CartPole-v1") is CARTPOLE
    assert preset_for("Acrobot-v1") is None


def test_a_family_of_environments_has_one_preset() -> None:
    assert preset_for("MinAtar/Seaquest-v0") is MINATAR
    assert preset_for("ALE/Pong-v5") is ATARI
    assert preset_for("ALE/Pong-v5?obs_type=ram") is None
    assert preset_for("replay/Maze-v0") is MAZE
    assert preset_for("LunarLander-v3") is LUNAR_LANDER


def test_rainbow_has_every_switch_on() -> None:
    config = RAINBOW.config
    assert isinstance(config, DQNConfig)
    switches = (config.double_q, config.dueling, config.categorical, config.noisy)
    assert switches == (True,) * 4
    assert config.n_step > 1
    assert config.is_prioritized


def test_presets_of_another_algorithm_are_passed_over() -> None:
    assert preset_for("CartPole-v1", "dqn") is CARTPOLE
    assert preset_for("CartPole-v1", "sac") is None


def test_environments_are_known_by_their_arguments() -> None:
    for name in ("LunarLanderContinuous-v3?", "LunarLander-v3?continuous=%74rue"):
        assert preset_for(name) is LUNAR_LANDER_CONTINUOUS
    assert preset_for("LunarLander-v3?continuous=true&gravity=-5.0") is None


def test_every_algorithm_has_a_generic_preset() -> None:
    assert set(GENERIC_PRESETS) == set(CONFIGS)


def test_cartpole_numbers_are_those_of_the_environment() -> None:
    spec = gymnasium.spec("CartPole-v1")

    assert CARTPOLE.solved_return == spec.reward_threshold
    assert CARTPOLE.best_return == spec.max_episode_steps


def test_published_score_is_the_tutorials() -> None:
    assert CARTPOLE.published is not None
    assert (CARTPOLE.published.mean_return, CARTPOLE.published.best_return) == (50.02, 200.0)


@pytest.mark.parametrize("name", PRESETS)
def test_schedules_end_within_the_training(name: str) -> None:
    preset = PRESETS[name]

    assert preset.name == name
    if isinstance(preset.config, DQNConfig):
        assert preset.config.epsilon_decay_steps <= preset.steps
    if preset.config.is_prioritized:
        assert preset.config.importance_anneal_steps <= preset.steps


@pytest.mark.parametrize("name", PRESETS)
def test_evaluations_follow_a_round_of_learner_steps(name: str) -> None:
    preset = PRESETS[name]

    assert preset.evaluation_period % preset.config.update_period == 0
