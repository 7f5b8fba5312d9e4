"""Every hyper-parameter that is SAC's alone, once, with its meaning, unit and range.

Those of replay, which other algorithms have as well, are in ``agent_client.learning.config``; some
have another default here.
"""

from dataclasses import dataclass
from typing import ClassVar

from agent_client.learning.config import (
    COUNT,
    FINITE,
    FRACTION,
    LAYERS,
    POSITIVE,
    RATE,
    STEPS,
    ReplayConfig,
    Search,
    hyperparameter,
    with_default,
)


@dataclass(frozen=True, slots=True)
class SACConfig(ReplayConfig):
    """Hyper-parameters of soft actor-critic with twin critics and automatic temperature.

    The defaults are those of Haarnoja et al. (2018, arXiv 1812.05905, table 1) where that has
    them. In the papers' letters: ``temperature`` is alpha, ``target_update_rate`` tau.

    Raises:
        ValueError: a value is outside its range; the message names it.
    """

    algorithm: ClassVar[str] = "sac"

    batch_size: int = with_default(256, "batch_size")
    update_period: int = with_default(1, "update_period")
    updates_per_round: int = with_default(1, "updates_per_round")
    priority_exponent: float = with_default(0.0, "priority_exponent")

    hidden_units: tuple[int, ...] = hyperparameter(
        (256, 256),
        "units of each hidden layer of policy and critics, input to output",
        COUNT,
        search=LAYERS,
    )
    policy_learning_rate: float = hyperparameter(
        3e-4, "step size of the policy's Adam", POSITIVE, search=Search(1e-4, 3e-3, log=True)
    )
    critic_learning_rate: float = hyperparameter(
        3e-4, "step size of the critics' Adam", POSITIVE, search=Search(1e-4, 3e-3, log=True)
    )
    temperature_learning_rate: float = hyperparameter(
        3e-4, "step size of the temperature's Adam", POSITIVE, search=Search(1e-4, 3e-3, log=True)
    )
    target_update_rate: float = hyperparameter(
        0.005,
        "part of the way that the target critics follow at each learner step",
        RATE,
        search=Search(0.001, 0.05, log=True),
    )
    initial_temperature: float = hyperparameter(
        1.0, "what a nat of entropy is worth at first, in returns", POSITIVE
    )
    automatic_temperature: bool = hyperparameter(
        True, "move the temperature so that the policy keeps the target entropy"
    )
    target_entropy_per_dimension: float = hyperparameter(
        -1.0,
        "nats that the policy should keep for each dimension of an action",
        FINITE,
        search=Search(-2.0, -0.2),
    )
    random_steps: int = hyperparameter(
        1_000, "environment steps at first in which actions are uniformly random", STEPS
    )
    stretch_probability: float = hyperparameter(
        0.0, "part of the stretches that begin with one random action, held for a while", FRACTION
    )
    stretch_steps: int = hyperparameter(
        40, "environment steps of a stretch; an action is held for 1 to so many", COUNT
    )
