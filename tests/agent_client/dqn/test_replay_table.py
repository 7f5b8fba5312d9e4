"""The table that a DQN asks a server for."""

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.replay_table import transition_table_spec


def test_spec_is_what_the_protocol_calls_a_prioritized_table_of_rows() -> None:
    config = DQNConfig(
        replay_capacity=500,
        priority_exponent=0.7,
        importance_exponent_start=0.5,
        learning_starts=20,
    )

    assert transition_table_spec(config, observation_size=3, seed=9) == {
        "capacity": 500,
        "columns": {
            "observation": {"dtype": "<f4", "shape": [3]},
            "action": {"dtype": "<i8", "shape": []},
            "reward": {"dtype": "<f4", "shape": []},
            "discount": {"dtype": "<f4", "shape": []},
            "next_observation": {"dtype": "<f4", "shape": [3]},
        },
        "items": {"kind": "row"},
        "sampler": {"kind": "prioritized", "alpha": 0.7, "beta": 0.5},
        "remover": {"kind": "fifo"},
        "rate_limiter": {"kind": "min_size", "min_size": 20},
        "seed": 9,
    }
