"""The table of transitions that a DQN wants from a replay server.

Plain dictionaries in the form of the protocol's table spec; nothing here talks to a server.
"""

from typing import Any

from agent_client.dqn.config import DQNConfig

ColumnSpecs = dict[str, dict[str, Any]]


def transition_columns(observation_size: int) -> ColumnSpecs:
    """Return dtype and shape of each column of a transition, as the protocol writes them."""
    return {
        "observation": {"dtype": "<f4", "shape": [observation_size]},
        "action": {"dtype": "<i8", "shape": []},
        "reward": {"dtype": "<f4", "shape": []},
        "discount": {"dtype": "<f4", "shape": []},
        "next_observation": {"dtype": "<f4", "shape": [observation_size]},
    }


def transition_table_spec(config: DQNConfig, observation_size: int, seed: int) -> dict[str, Any]:
    """Return the spec of a prioritized table of transitions.

    Args:
        config: capacity, alpha, the first beta, and how many rows draws must wait for.
        observation_size: length of an observation vector.
        seed: of the table's own generator, so that draws can be repeated.
    """
    return {
        "capacity": config.replay_capacity,
        "columns": transition_columns(observation_size),
        "items": {"kind": "row"},
        "sampler": {
            "kind": "prioritized",
            "alpha": config.priority_exponent,
            "beta": config.importance_exponent_start,
        },
        "remover": {"kind": "fifo"},
        "rate_limiter": {"kind": "min_size", "min_size": config.learning_starts},
        "seed": seed,
    }
