"""Under which names actors and their learner find each other, and what else they tell one another.

A run is named by its table. Beside it stand

    TABLE                the steps, drawn as transitions
    TABLE.actors         one row per actor that asked for a number
    TABLE.episodes       one row per episode that an actor has ended
    parameters TABLE     the weights

Actors insert and read parameters, and nothing else, so that a token of the role `actor` is enough
for them; the learner makes the tables, or finds those that an admin has made.
"""

import re
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent_client.replay_client import ReplayClient

__all__ = [
    "ACTORS_SPEC",
    "EPISODES_SPEC",
    "LONGEST_RUN_NAME",
    "actors_table",
    "draw_ticket",
    "episode_row",
    "episodes_table",
    "run_name",
]

LONGEST_RUN_NAME: Final = 64 - len(".episodes")
_TICKET_SEQUENCE: Final = 1

ACTORS_SPEC: Final[dict[str, Any]] = {
    "capacity": 4096,
    "columns": {"seconds": {"dtype": "<f8", "shape": []}},  # since 1970, when the actor came
    "sampler": {"kind": "fifo"},
}
EPISODES_SPEC: Final[dict[str, Any]] = {
    "capacity": 16_384,
    "columns": {
        "actor": {"dtype": "<i4", "shape": []},
        "epsilon": {"dtype": "<f4", "shape": []},
        "episode_return": {"dtype": "<f4", "shape": []},
        "episode_length": {"dtype": "<i4", "shape": []},
        "weights_version": {"dtype": "<i8", "shape": []},
    },
    "sampler": {"kind": "fifo"},
}


def run_name(environment_id: str, algorithm: str) -> str:
    """Return the name of a run that was given none; equal for all who ask alike."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", environment_id).lstrip("._-") or "environment"
    return f"{stem[: LONGEST_RUN_NAME - len(algorithm) - 1]}-{algorithm}"


def actors_table(run: str) -> str:
    """Return the name of the table of actors' numbers."""
    return f"{run}.actors"


def episodes_table(run: str) -> str:
    """Return the name of the table of ended episodes."""
    return f"{run}.episodes"


def draw_ticket(client: ReplayClient, run: str, name: str) -> int:
    """Return this actor's number: 0 for the first to come, then 1, 2, ...

    The number is the key of a row, which the server gives out once. Asked again under the same
    name it is the same one, since an insert of the same sequence happens once: an actor that
    comes back stands where it stood.

    Args:
        client: of the server.
        run: its name.
        name: of the actor, unlike all others'.

    Raises:
        UnknownTableError: the learner has not made the table yet.
    """
    row = {"seconds": np.array([time.time()])}
    result = client.insert(actors_table(run), row, writer=(f"{run} {name}", _TICKET_SEQUENCE))
    return int(result.keys[0])


def episode_row(
    *, actor: int, epsilon: float, total: float, length: int, weights_version: int
) -> dict[str, NDArray[Any]]:
    """Return the row of an ended episode, each value of its column's dtype."""
    return {
        "actor": np.asarray(actor, np.int32),
        "epsilon": np.asarray(epsilon, np.float32),
        "episode_return": np.asarray(total, np.float32),
        "episode_length": np.asarray(length, np.int32),
        "weights_version": np.asarray(weights_version, np.int64),
    }
