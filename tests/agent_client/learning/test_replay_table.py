"""The table that an agent asks a server for."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium import spaces

from agent_client.dqn.config import DQNConfig
from agent_client.learning.replay_table import transition_table_spec

CONFIG = DQNConfig(
    replay_capacity=500,
    priority_exponent=0.7,
    importance_exponent_start=0.5,
    learning_starts=20,
    n_step=3,
    frame_stack=4,
    discount=0.9,
)
ACTIONS = spaces.Discrete(3)
IMAGES = spaces.Box(0, 1, (10, 10, 4), np.bool_)


def test_spec_is_what_the_protocol_calls_a_prioritized_table_of_transitions() -> None:
    flag = {"dtype": "|b1", "shape": []}

    assert transition_table_spec(CONFIG, IMAGES, ACTIONS, seed=9) == {
        "capacity": 500,
        "columns": {
            "observation": {"dtype": "|b1", "shape": [10, 10, 4]},
            "action": {"dtype": "<i8", "shape": []},
            "reward": {"dtype": "<f4", "shape": []},
            "is_first": flag,
            "is_last": flag,
            "is_terminal": flag,
        },
        "items": {"kind": "transition", "n_step": 3, "discount": 0.9, "frame_stack": 4},
        "sampler": {"kind": "prioritized", "alpha": 0.7, "beta": 0.5},
        "remover": {"kind": "fifo"},
        "rate_limiter": {"kind": "min_size", "min_size": 17},
        "max_times_sampled": 0,
        "seed": 9,
    }


@pytest.mark.parametrize(
    ("config", "min_size"),
    [
        pytest.param(replace(CONFIG, learning_starts=2), 1, id="fewer_than_a_window"),
        pytest.param(replace(CONFIG, learning_starts=500), 246, id="episodes_of_one_step"),
        pytest.param(replace(CONFIG, learning_starts=1, replay_capacity=7), 1, id="one_window"),
    ],
)
def test_draws_wait_for_no_more_items_than_there_will_be(config: DQNConfig, min_size: int) -> None:
    spec = transition_table_spec(config, IMAGES, ACTIONS, seed=9)

    assert spec["rate_limiter"]["min_size"] == min_size


def test_without_priorities_draws_are_uniform() -> None:
    spec = transition_table_spec(replace(CONFIG, priority_exponent=0.0), IMAGES, ACTIONS, seed=9)

    assert spec["sampler"] == {"kind": "uniform"}


def test_continuous_actions_are_a_column_of_numbers() -> None:
    spec = transition_table_spec(CONFIG, IMAGES, spaces.Box(-1.0, 1.0, (2,), np.float32), seed=9)

    assert spec["columns"]["action"] == {"dtype": "<f4", "shape": [2]}
