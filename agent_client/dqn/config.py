"""Every hyper-parameter that is DQN's alone, once, with its meaning, unit and range.

Those of replay, which other algorithms have as well, are in ``agent_client.learning.config``. The
names are ours; docstrings map them to the letters of the papers. Which values suit which
environment is told in ``agent_client.runs.presets``.
"""

from dataclasses import dataclass
from typing import ClassVar

from agent_client.learning.config import (
    COUNT,
    FRACTION,
    POSITIVE,
    RATE,
    STEPS,
    ReplayConfig,
    hyperparameter,
)


@dataclass(frozen=True, slots=True)
class DQNConfig(ReplayConfig):
    """Hyper-parameters of a double DQN with prioritized replay.

    The defaults are meant for small observation vectors and short training. In the papers'
    letters ``target_update_rate`` is tau.

    The target network moves every ``target_update_period`` learner steps by
    ``target_update_rate`` of the way to the online network: rate 1.0 is the hard copy of
    Mnih et al. (2015), period 1 with a small rate is the Polyak average of Lillicrap et
    al. (2016).

    Raises:
        ValueError: a value is outside its range; the message names it.
    """

    algorithm: ClassVar[str] = "dqn"

    hidden_units: tuple[int, ...] = hyperparameter(
        (256, 256), "units of each hidden layer, input to output", COUNT
    )
    convolution_channels: tuple[int, ...] = hyperparameter(
        (16,), "filters of each 3x3 convolution, where observations are images", COUNT
    )
    layer_norm: bool = hyperparameter(
        False, "normalize hidden layers, which keeps values from growing without end"
    )
    learning_rate: float = hyperparameter(
        1e-3, "step size of Adam at the first learner step", POSITIVE
    )
    learning_rate_final: float = hyperparameter(
        1e-3,
        "step size of Adam after learning_rate_decay_steps; equal to learning_rate: constant",
        POSITIVE,
    )
    learning_rate_decay_steps: int = hyperparameter(
        50_000, "environment steps over which the step size falls linearly", STEPS
    )
    adam_epsilon: float = hyperparameter(
        1e-8, "term that keeps Adam from dividing by zero", POSITIVE
    )
    double_q: bool = hyperparameter(
        True, "choose the next action by the online network, value it by the target network"
    )
    target_update_period: int = hyperparameter(
        50, "learner steps between updates of the target network", COUNT
    )
    target_update_rate: float = hyperparameter(
        1.0, "part of the way to the online network, over 0 to 1; 1 is a copy, less is Polyak", RATE
    )
    huber_delta: float = hyperparameter(
        1.0, "absolute TD error, in returns, from which the loss grows linearly", POSITIVE
    )
    max_gradient_norm: float = hyperparameter(
        10.0, "longest gradient before it is scaled down", POSITIVE
    )
    epsilon_start: float = hyperparameter(1.0, "probability of a random action at first", FRACTION)
    epsilon_final: float = hyperparameter(
        0.05, "probability of a random action in the end", FRACTION
    )
    epsilon_decay_steps: int = hyperparameter(
        10_000, "environment steps over which that probability falls linearly", STEPS
    )
