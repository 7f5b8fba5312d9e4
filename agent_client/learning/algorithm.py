"""What a run wants of an algorithm, whichever it is: the seam between ``runs`` and the algorithms.

An algorithm is a package with a ``config`` that loads without PyTorch, and an ``algorithm`` module
with a class that is an :class:`Algorithm`; ``agent_client.algorithms`` knows them by name. The
training loop, checkpoints, metrics and evaluation see an agent through these protocols only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from agent_client.learning.transitions import TransitionBatch
from agent_client.observations import Observation

ConfigT = TypeVar("ConfigT", contravariant=True)


class Policy(Protocol):
    """What acts."""

    def action(self, observation: Any) -> Any:
        """Return the action to take at an observation: an array, or parts by their names."""


class Exportable(Protocol):
    """A greedy policy as ``agent_client.exporting`` writes it to files."""

    @property
    def module(self) -> nn.Module:
        """[B, ...] observations in, or their parts by name; [B] or [B, ...] actions out."""

    def are_same(
        self,
        observation: Tensor | Mapping[str, Tensor],
        expected: NDArray[Any],
        actual: NDArray[Any],
    ) -> NDArray[np.bool_]:
        """Return [B]: whether the actions at each observation are the same but for rounding."""


class Actor(Protocol):
    """What acts while training, and explores."""

    @property
    def generator(self) -> np.random.Generator:
        """The only source of its randomness."""

    def act(self, observation: Observation, step: int) -> Any:
        """Return an action of the environment's space.

        Args:
            observation: of the environment.
            step: environment steps that the run has done before this one.
        """


@dataclass(frozen=True, slots=True)
class Choice:
    """What an explorer does at an observation.

    Attributes:
        action: of the environment's space.
        value: what it thinks that the action is worth; 0 where it tells no values.
        best_value: what it thinks that the best action is worth; alike.
    """

    action: Any
    value: float = 0.0
    best_value: float = 0.0


class Explorer(Protocol):
    """What acts for a learner elsewhere, by weights of a network that come now and then."""

    @property
    def tells_values(self) -> bool:
        """Whether its choices have values, of which first priorities can be made."""

    @property
    def exploration(self) -> Mapping[str, float]:
        """How much it explores, by names, where that is its own affair and not the weights'."""

    def choose(self, observation: Observation, run_step: int) -> Choice:
        """Return what to do.

        Args:
            observation: of the environment.
            run_step: steps that all actors of the run had done when the newest weights came.
        """


class LearnerStep(Protocol):
    """What one gradient step found."""

    @property
    def priorities(self) -> NDArray[np.float64]:
        """[B] float64 >= 0, new priorities in the order of the batch."""

    def figures(self) -> Mapping[str, float]:
        """Return numbers to watch: some of the algorithm's ``figures``."""


class Learner(Protocol):
    """What learns."""

    steps: int
    """Gradient steps done."""

    def step(self, batch: TransitionBatch, environment_step: int) -> LearnerStep:
        """Take one gradient step; ``environment_step`` tells where the run stands."""


class Agent(Protocol):
    """All that changes while an agent trains."""

    @property
    def network(self) -> nn.Module:
        """What the policy is made of."""

    @property
    def best_network(self) -> nn.Module:
        """The same, with the weights that did best in evaluations."""

    @property
    def actor(self) -> Actor:
        """Acts with the network as it stands."""

    @property
    def learner(self) -> Learner:
        """Trains it."""

    def greedy_policy(self) -> Policy:
        """Return the policy of the network as it stands, without exploration."""

    def exploration(self, step: int) -> Mapping[str, float]:
        """Return how much it explores at an environment step: some of the ``figures``."""

    def modules(self) -> Mapping[str, nn.Module]:
        """Return all weights by the names that a checkpoint gives them; "best" among them."""

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return all optimizers by the names that a checkpoint gives them."""


class Algorithm(Protocol[ConfigT]):
    """How agents of one kind are made. Spaces are those of ``environments.make_environment``."""

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what its agents tell of exploration and learning: columns of the metrics."""

    @property
    def network_name(self) -> str:
        """Name of an agent's ``network`` among its ``modules``."""

    def build(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: ConfigT,
        generator: np.random.Generator,
    ) -> Agent:
        """Return a fresh agent; weights come from torch's global generator.

        Args:
            observation_space: with the axis of stacked frames, if any.
            action_space: of the environment.
            config: hyper-parameters.
            generator: of the actor's exploration.

        Raises:
            ValueError: the spaces do not suit the algorithm; the message says why.
        """

    def make_network(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: ConfigT,
    ) -> nn.Module:
        """Return what an agent's ``network`` is, to load weights into; arguments as ``build``."""

    def greedy_policy(self, network: nn.Module) -> Policy:
        """Return the policy of such a network as it stands, without exploration."""

    def explorer(
        self,
        network: nn.Module,
        action_space: spaces.Space[Any],
        config: ConfigT,
        generator: np.random.Generator,
        epsilon: float,
    ) -> Explorer:
        """Return what acts for a learner elsewhere, by such a network as it stands.

        Args:
            network: of ``make_network``.
            action_space: of the environment.
            config: hyper-parameters.
            generator: the only source of its randomness; advanced.
            epsilon: probability of a random action, where it explores by that.
        """

    def exportable(self, network: nn.Module) -> Exportable:
        """Return the same policy as a module of tensors."""
