"""Hyper-parameters of SAC: those of replay with defaults of their own, and more."""

import dataclasses
from typing import Any

import pytest

from agent_client.sac.config import SACConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("batch_size", 0, id="empty_batch"),
        pytest.param("discount", 1.01, id="discount_above_one"),
        pytest.param("policy_learning_rate", 0.0, id="no_step_size"),
        pytest.param("target_update_rate", 1.5, id="beyond_the_online_network"),
        pytest.param("initial_temperature", 0.0, id="no_temperature"),
        pytest.param("target_entropy_per_dimension", float("nan"), id="no_entropy"),
        pytest.param("random_steps", -1, id="negative_steps"),
        pytest.param("hidden_units", (64, 0), id="layer_without_units"),
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        SACConfig(**{name: value})


def test_draws_are_uniform_unless_priorities_are_asked_for() -> None:
    assert not SACConfig().is_prioritized
    assert SACConfig(priority_exponent=0.6).is_prioritized


def test_every_hyperparameter_says_what_it_means() -> None:
    for hyperparameter in dataclasses.fields(SACConfig):
        assert hyperparameter.metadata["help"], hyperparameter.name
