"""The table of steps that an agent wants from a replay server.

Plain dictionaries in the form of the protocol's table spec; nothing here talks to a server.
"""

import dataclasses
from typing import Any

from gymnasium import spaces

from agent_client.learning.config import ReplayConfig
from agent_client.step_tables import step_table_spec


def transition_table_spec(
    config: ReplayConfig,
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    seed: int,
) -> dict[str, Any]:
    """Return the spec of a table of steps, drawn as n-step transitions.

    Draws wait for fewer items than ``learning_starts``: the newest steps are no items before
    their future is known, and in a full table the final observations take room, too.

    Args:
        config: capacity, alpha (0 draws uniformly), the first beta, and what a transition is.
        observation_space: of one frame.
        action_space: of the environment.
        seed: of the table's own generator, so that draws can be repeated.
    """
    window = config.n_step + config.frame_stack
    fewest = min(config.learning_starts - config.n_step, (config.replay_capacity - window) // 2)
    spec = step_table_spec(
        observation_space,
        action_space,
        config.replay_capacity,
        n_step=config.n_step,
        discount=config.discount,
        frame_stack=config.frame_stack,
        sampler=_sampler(config),
        rate_limiter={"kind": "min_size", "min_size": max(1, fewest)},
        seed=seed,
        max_times_sampled=config.max_times_sampled,
    )
    return {**spec, "remover": {"kind": "fifo"}}


def fresh_table_spec(
    config: ReplayConfig,
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    seed: int,
) -> dict[str, Any]:
    """Return the spec of the table of the newest steps, drawn uniformly; arguments as above."""
    small = dataclasses.replace(
        config,
        replay_capacity=config.fresh_capacity,
        learning_starts=min(config.learning_starts, config.fresh_capacity),
        max_times_sampled=0,
        priority_exponent=0.0,
    )
    return transition_table_spec(small, observation_space, action_space, seed)


def _sampler(config: ReplayConfig) -> dict[str, Any]:
    if not config.is_prioritized:
        return {"kind": "uniform"}
    return {
        "kind": "prioritized",
        "alpha": config.priority_exponent,
        "beta": config.importance_exponent_start,
    }
