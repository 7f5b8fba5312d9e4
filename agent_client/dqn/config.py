"""Every hyper-parameter of the DQN agent, once, with its meaning and unit.

The names are ours; the docstring of :class:`DQNConfig` maps them to the letters of the
papers. How values come in from a file or a command line is told in
``agent_client.runs.settings``; which values suit which environment, in
``agent_client.runs.presets``.
"""

from dataclasses import dataclass, field
from typing import Any, Final

SMALLEST_PERIOD: Final = 1


def _hyperparameter(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class DQNConfig:
    """Hyper-parameters of a double DQN with prioritized replay.

    The defaults are meant for small observation vectors and short training. In the papers'
    letters: ``discount`` is gamma, ``target_update_rate`` tau, ``priority_exponent`` alpha,
    ``importance_exponent`` beta, ``epsilon_priority`` the epsilon added to priorities.

    The target network moves every ``target_update_period`` learner steps by
    ``target_update_rate`` of the way to the online network: rate 1.0 is the hard copy of
    Mnih et al. (2015), period 1 with a small rate is the Polyak average of Lillicrap et
    al. (2016).

    Raises:
        ValueError: a value is outside its range; the message names it.
    """

    hidden_units: tuple[int, ...] = _hyperparameter(
        (256, 256), "units of each hidden layer, input to output"
    )
    convolution_channels: tuple[int, ...] = _hyperparameter(
        (16,), "filters of each 3x3 convolution, where observations are images"
    )
    layer_norm: bool = _hyperparameter(
        False, "normalize hidden layers, which keeps values from growing without end"
    )
    learning_rate: float = _hyperparameter(1e-3, "step size of Adam at the first learner step")
    learning_rate_final: float = _hyperparameter(
        1e-3, "step size of Adam after learning_rate_decay_steps; equal to learning_rate: constant"
    )
    learning_rate_decay_steps: int = _hyperparameter(
        50_000, "environment steps over which the step size falls linearly"
    )
    adam_epsilon: float = _hyperparameter(1e-8, "term that keeps Adam from dividing by zero")
    batch_size: int = _hyperparameter(64, "transitions per learner step")
    discount: float = _hyperparameter(0.99, "what a reward is worth one step later, 0 to 1")
    n_step: int = _hyperparameter(1, "steps whose rewards a transition sums up")
    frame_stack: int = _hyperparameter(1, "observations in a row that the network sees at once")
    double_q: bool = _hyperparameter(
        True, "choose the next action by the online network, value it by the target network"
    )
    target_update_period: int = _hyperparameter(
        50, "learner steps between updates of the target network"
    )
    target_update_rate: float = _hyperparameter(
        1.0, "part of the way to the online network, over 0 to 1; 1 is a copy, less is Polyak"
    )
    huber_delta: float = _hyperparameter(
        1.0, "absolute TD error, in returns, from which the loss grows linearly"
    )
    max_gradient_norm: float = _hyperparameter(10.0, "longest gradient before it is scaled down")
    update_period: int = _hyperparameter(256, "environment steps between rounds of learner steps")
    updates_per_round: int = _hyperparameter(128, "learner steps in a round")
    learning_starts: int = _hyperparameter(1_000, "steps in the table before learning begins")
    replay_capacity: int = _hyperparameter(100_000, "steps that the table holds")
    priority_exponent: float = _hyperparameter(
        0.6, "how strongly priorities tell; 0 draws uniformly"
    )
    epsilon_priority: float = _hyperparameter(
        0.01, "added to |TD error|, in returns, so that every transition stays drawable"
    )
    importance_exponent_start: float = _hyperparameter(
        0.4, "how far importance weights undo the priorities at first, 0 to 1"
    )
    importance_exponent_final: float = _hyperparameter(
        1.0, "the same after importance_anneal_steps; 1 undoes the bias wholly"
    )
    importance_anneal_steps: int = _hyperparameter(
        50_000, "environment steps over which the importance exponent rises linearly"
    )
    epsilon_start: float = _hyperparameter(1.0, "probability of a random action at first")
    epsilon_final: float = _hyperparameter(0.05, "probability of a random action in the end")
    epsilon_decay_steps: int = _hyperparameter(
        10_000, "environment steps over which that probability falls linearly"
    )

    def __post_init__(self) -> None:
        """Refuse values that no learner could work with."""
        for name in (
            "batch_size",
            "target_update_period",
            "update_period",
            "updates_per_round",
            "learning_starts",
            "replay_capacity",
            "n_step",
            "frame_stack",
        ):
            if getattr(self, name) < SMALLEST_PERIOD:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("learning_rate_decay_steps", "importance_anneal_steps", "epsilon_decay_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in (
            "discount",
            "importance_exponent_start",
            "importance_exponent_final",
            "epsilon_start",
            "epsilon_final",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        for name in (
            "learning_rate",
            "learning_rate_final",
            "adam_epsilon",
            "huber_delta",
            "max_gradient_norm",
            "target_update_rate",
        ):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")
        for name in ("priority_exponent", "epsilon_priority"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if self.target_update_rate > 1.0:
            raise ValueError(f"target_update_rate must not exceed 1, not {self.target_update_rate}")
        for name in ("hidden_units", "convolution_channels"):
            if any(units < 1 for units in getattr(self, name)):
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.n_step + self.frame_stack > self.replay_capacity:
            raise ValueError(
                f"replay_capacity ({self.replay_capacity}) must hold the n_step ({self.n_step}) + "
                f"frame_stack ({self.frame_stack}) steps that a transition spans"
            )
        if self.learning_starts > self.replay_capacity:
            raise ValueError(
                f"learning_starts ({self.learning_starts}) must not exceed "
                f"replay_capacity ({self.replay_capacity})"
            )
