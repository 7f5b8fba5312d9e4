"""Tables of steps for Gymnasium environments: columns and spec, from the spaces.

Needs Gymnasium (`pip install replay-server[agent]`). Plain dictionaries in the form of the
protocol's table spec come out; nothing here talks to a server.
"""

from collections.abc import Mapping
from typing import Any, Literal

from gymnasium import spaces

from replay_wire.arrays import DTYPES

__all__ = ["goal_table_spec", "step_columns", "step_table_spec"]

ColumnSpecs = dict[str, dict[str, Any]]


def step_columns(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> ColumnSpecs:
    """Return dtype and shape of each column that `StepWriter` fills; rewards are float32.

    Args:
        observation_space: of one environment (a vector environment's `single_observation_space`).
            Dict spaces become a column for each part, `observation/x`.
        action_space: of one environment, alike.

    Raises:
        ValueError: a space has no values of one dtype and shape (Tuple, Text, Graph, ...).
    """
    flag = {"dtype": "|b1", "shape": []}
    return {
        **_parts("observation", observation_space),
        **_parts("action", action_space),
        "reward": {"dtype": "<f4", "shape": []},
        "is_first": dict(flag),
        "is_last": dict(flag),
        "is_terminal": dict(flag),
    }


def step_table_spec(
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    capacity: int,
    *,
    n_step: int = 1,
    discount: float = 0.99,
    frame_stack: int = 1,
    sampler: Mapping[str, Any] | None = None,
    rate_limiter: Mapping[str, Any] | None = None,
    max_times_sampled: int = 0,
    seed: int | None = None,
    compression: Literal["lz4", "zstd"] | None = None,
    further: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the spec of a table of steps whose items are n-step transitions.

    For sequences, put `"items": {"kind": "sequence", "length": ...}` in its place.

    Args:
        observation_space: of one environment.
        action_space: of one environment.
        capacity: rows; an episode takes one more than it has steps.
        n_step: steps whose rewards a transition sums up.
        discount: what a reward is worth one step later, 0 to 1.
        frame_stack: observations in a row that are drawn together.
        sampler: None takes the server's default, prioritized.
        rate_limiter: None takes the server's default: draws need one item.
        max_times_sampled: draws after which an item goes; 0 is no limit.
        seed: of the table's random generator.
        compression: of observations at rest; None stores them as they are.
        further: dtype and shape of further columns.

    Raises:
        ValueError: a space has no values of one dtype and shape.
    """
    columns = step_columns(observation_space, action_space)
    if compression is not None:
        for name in columns:
            if name.partition("/")[0] == "observation":
                columns[name]["compression"] = compression
    spec: dict[str, Any] = {
        "capacity": capacity,
        "columns": {
            **columns,
            **{name: dict(column) for name, column in (further or {}).items()},
        },
        "items": {
            "kind": "transition",
            "n_step": n_step,
            "discount": discount,
            "frame_stack": frame_stack,
        },
        "max_times_sampled": max_times_sampled,
        "seed": seed,
    }
    if sampler is not None:
        spec["sampler"] = dict(sampler)
    if rate_limiter is not None:
        spec["rate_limiter"] = dict(rate_limiter)
    return spec


def goal_table_spec(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any], capacity: int
) -> dict[str, Any]:
    """Return the spec of the table of rows that a `HindsightWriter` fills, drawn from uniformly.

    Args:
        observation_space: a Dict space with `achieved_goal` and `desired_goal` among its parts.
        action_space: of the environment.
        capacity: rows; each step makes one and those of its other goals.

    Raises:
        ValueError: a space has no values of one dtype and shape.
    """
    number = {"dtype": "<f4", "shape": []}
    return {
        "capacity": capacity,
        "columns": {
            **_parts("observation", observation_space),
            **_parts("action", action_space),
            "reward": number,
            "discount": dict(number),
            **_parts("next_observation", observation_space),
        },
        "sampler": {"kind": "uniform"},
    }


def _parts(name: str, space: spaces.Space[Any]) -> ColumnSpecs:
    if isinstance(space, spaces.Dict):
        return {
            column: spec
            for key, inner in space.spaces.items()
            for column, spec in _parts(f"{name}/{key}", inner).items()
        }
    dtype = None if space.dtype is None else space.dtype.newbyteorder("<")
    if dtype is None or space.shape is None or dtype.str not in DTYPES:
        raise ValueError(f"{name}: a column needs values of one dtype and shape, not {space}")
    return {name: {"dtype": dtype.str, "shape": list(space.shape)}}
