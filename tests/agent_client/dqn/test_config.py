"""Hyper-parameters refuse what no learner could work with."""

import dataclasses
from typing import Any

import pytest

from agent_client.dqn.config import DQNConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("batch_size", 0, id="empty_batch"),
        pytest.param("update_period", 0, id="period_of_nothing"),
        pytest.param("discount", 1.01, id="discount_above_one"),
        pytest.param("epsilon_final", -0.1, id="negative_probability"),
        pytest.param("learning_rate", 0.0, id="no_step_size"),
        pytest.param("learning_rate", float("nan"), id="nan_step_size"),
        pytest.param("huber_delta", float("inf"), id="infinite_delta"),
        pytest.param("fresh_share", 1.1, id="more_than_all_fresh"),
        pytest.param("priority_half_life", -1.0, id="negative_half_life"),
        pytest.param("max_times_sampled", 32, id="fewer_draws_allowed_than_made"),
        pytest.param("fresh_capacity", 1, id="no_transition_is_fresh"),
        pytest.param("priority_exponent", -0.5, id="negative_alpha"),
        pytest.param("target_update_rate", 1.5, id="beyond_the_online_network"),
        pytest.param("epsilon_decay_steps", -1, id="negative_steps"),
        pytest.param("hidden_units", (64, 0), id="layer_without_units"),
        pytest.param("convolution_channels", (0,), id="convolution_without_filters"),
        pytest.param("convolution_kernels", (3, 3), id="more_kernels_than_convolutions"),
        pytest.param("atoms", 1, id="one_atom"),
        pytest.param("value_max", -10.0, id="no_room_for_atoms"),
        pytest.param("value_min", float("-inf"), id="endless_room_for_atoms"),
        pytest.param("noise_scale", -0.1, id="negative_noise"),
        pytest.param("reward_limit", -1.0, id="negative_limit"),
        pytest.param("n_step", 0, id="no_step"),
        pytest.param("frame_stack", 0, id="no_frame"),
        pytest.param("n_step", 100_000, id="window_beyond_the_table"),
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        DQNConfig(**{name: value})


def test_learning_cannot_start_beyond_the_capacity() -> None:
    with pytest.raises(ValueError, match="learning_starts"):
        DQNConfig(replay_capacity=100, learning_starts=101)


def test_there_is_one_distribution_of_returns() -> None:
    with pytest.raises(ValueError, match="exclude"):
        DQNConfig(categorical=True, quantile=True)


def test_rainbow_has_all_its_parts_and_what_else_is_asked_for() -> None:
    config = DQNConfig.rainbow(batch_size=32, n_step=5)

    assert config.double_q
    assert config.dueling
    assert config.is_prioritized
    assert config.categorical
    assert config.noisy
    assert (config.n_step, config.batch_size) == (5, 32)
    assert DQNConfig.rainbow().n_step == 3


def test_beta_ends_at_one_by_default() -> None:
    assert DQNConfig().importance_exponent_final == 1.0


def test_every_hyperparameter_says_what_it_means() -> None:
    for hyperparameter in dataclasses.fields(DQNConfig):
        assert hyperparameter.metadata["help"], hyperparameter.name
