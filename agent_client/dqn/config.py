"""Every hyper-parameter that is DQN's alone, once, with its meaning, unit and range.

Those of replay, which other algorithms have as well, are in ``agent_client.learning.config``. The
names are ours; docstrings map them to the letters of the papers. Which values suit which
environment is told in ``agent_client.runs.presets``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from agent_client.learning.config import (
    COUNT,
    FINITE,
    FRACTION,
    LAYERS,
    NOT_NEGATIVE,
    POSITIVE,
    RATE,
    STEPS,
    Range,
    ReplayConfig,
    Search,
    among,
    hyperparameter,
)

SEVERAL: Final = Range("at least 2", lambda value: value >= 2)


@dataclass(frozen=True, slots=True)
class DQNConfig(ReplayConfig):
    """Hyper-parameters of a double DQN with prioritized replay, and of all that Rainbow adds.

    The defaults are meant for small observation vectors and short training. In the papers'
    letters ``target_update_rate`` is tau, ``noise_scale`` sigma_0; ``huber_delta`` is kappa of the
    quantiles' loss, too.

    The target network moves every ``target_update_period`` learner steps by
    ``target_update_rate`` of the way to the online network: rate 1.0 is the hard copy of
    Mnih et al. (2015), period 1 with a small rate is the Polyak average of Lillicrap et
    al. (2016). Period 1 with rate 1.0 is no target network: targets come of the online network
    itself, which normalized layers keep from running away (Gallici et al. 2024, arXiv 2407.04811).

    ``double_q``, ``dueling``, ``n_step`` above 1, ``priority_exponent`` above 0, ``categorical``
    and ``noisy`` are switches, each by itself; all of them make Rainbow (Hessel et al. 2018, arXiv
    1710.02298): ``DQNConfig.rainbow()``.

    Raises:
        ValueError: a value is outside its range; the message names it.
    """

    algorithm: ClassVar[str] = "dqn"

    hidden_units: tuple[int, ...] = hyperparameter(
        (256, 256), "units of each hidden layer, input to output", COUNT, search=LAYERS
    )
    convolution_channels: tuple[int, ...] = hyperparameter(
        (), "filters of each convolution over images; none: as suits their size", COUNT
    )
    convolution_kernels: tuple[int, ...] = hyperparameter(
        (3,), "pixels on a side of those filters; one number is for all", COUNT
    )
    convolution_strides: tuple[int, ...] = hyperparameter(
        (1,), "pixels between places of those filters; one number is for all", COUNT
    )
    layer_norm: bool = hyperparameter(
        False,
        "normalize hidden layers, which keeps values from growing without end",
        search=among(True, False),
    )
    learning_rate: float = hyperparameter(
        1e-3,
        "step size of Adam at the first learner step",
        POSITIVE,
        search=Search(1e-4, 3e-3, log=True),
    )
    learning_rate_final: float = hyperparameter(
        1e-3,
        "step size of Adam after learning_rate_decay_steps; equal to learning_rate: constant",
        POSITIVE,
        search=Search(3e-5, 1e-3, log=True),
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
    dueling: bool = hyperparameter(
        False,
        "value of an observation and advantages of actions in streams of their own",
        search=among(True, False),
    )
    categorical: bool = hyperparameter(
        False, "learn probabilities of returns from value_min to value_max: C51"
    )
    quantile: bool = hyperparameter(False, "learn quantiles of the return instead: QR-DQN")
    atoms: int = hyperparameter(51, "returns, or quantiles, that such a distribution has", SEVERAL)
    value_min: float = hyperparameter(-10.0, "least return that has a probability", FINITE)
    value_max: float = hyperparameter(10.0, "largest return that has a probability", FINITE)
    noisy: bool = hyperparameter(
        False,
        "explore by learned noise on the head's weights, and not by epsilon",
        search=among(True, False),
    )
    noise_scale: float = hyperparameter(
        0.5, "that noise's standard deviation at first, times the root of inputs", NOT_NEGATIVE
    )
    target_update_period: int = hyperparameter(
        50, "learner steps between updates of the target network", COUNT
    )
    target_update_rate: float = hyperparameter(
        1.0,
        "part of the way to the online network, over 0 to 1; 1 is a copy, less is Polyak",
        RATE,
        search=Search(0.003, 1.0, log=True),
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
        10_000,
        "environment steps over which that probability falls linearly",
        STEPS,
        search=Search(1_000, 50_000, log=True),
    )

    def __post_init__(self) -> None:
        """Refuse values that no learner could work with."""
        ReplayConfig.__post_init__(self)  # the short form of super does not know slotted classes
        for name in ("convolution_kernels", "convolution_strides"):
            if len(getattr(self, name)) not in (1, len(self.convolution_channels)):
                raise ValueError(
                    f"{name} must be one number, or as many as convolution_channels, not "
                    f"{getattr(self, name)}"
                )
        if self.categorical and self.quantile:
            raise ValueError("categorical and quantile exclude each other")
        if self.value_min >= self.value_max:
            raise ValueError(
                f"value_min ({self.value_min}) must be below value_max ({self.value_max})"
            )

    @classmethod
    def rainbow(cls, **others: Any) -> Self:
        """Return all of Rainbow's parts, numbers as in table 1 of Hessel et al. where they are any.

        Args:
            others: fields that are to be otherwise.

        Raises:
            ValueError: as the class.
        """
        parts: dict[str, Any] = {
            "double_q": True,
            "dueling": True,
            "categorical": True,
            "noisy": True,
            "n_step": 3,
            "priority_exponent": 0.5,
            "adam_epsilon": 1.5e-4,
        }
        return cls(**(parts | others))

    @property
    def has_target_network(self) -> bool:
        """Whether targets come of another network than the online one."""
        return self.target_update_period > 1 or self.target_update_rate < 1.0
