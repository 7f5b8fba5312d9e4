"""Defaults per environment: hyper-parameters, how long to train, when it is solved.

What a preset says, a configuration file, the environment's variables and the command line
may overrule, in this order.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from agent_client.dqn.config import DQNConfig
from agent_client.environment_names import EnvironmentName
from agent_client.learning.config import ReplayConfig


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """A score that others published for the same task, to stand beside ours.

    Attributes:
        source: what the score is of.
        mean_return: what they reached.
        best_return: the most that could be reached in their version of the task.
    """

    source: str
    mean_return: float
    best_return: float


@dataclass(frozen=True, slots=True)
class Preset:
    """Defaults for one kind of environment.

    Attributes:
        name: what ``--preset`` calls it.
        environment_ids: environments that take it when no preset is named; ``*`` in an id stands
            for anything, arguments must be equal.
        steps: environment steps to train for at most.
        evaluation_period: environment steps between greedy evaluations.
        selection_episodes: episodes of each such evaluation.
        confirmation_episodes: further ones that must confirm ``stop_return``.
        stop_return: mean return that ends the training early; None trains for all steps.
        solved_return: mean return that counts as solving the task, drawn in the learning
            curve; None where there is no such number.
        best_return: the most that an episode can bring; None if unbounded or unknown.
        config: hyper-parameters, and by their class the algorithm.
        published: a score of others, or None.
    """

    name: str
    environment_ids: tuple[str, ...] = ()
    steps: int = 100_000
    evaluation_period: int = 5_120
    selection_episodes: int = 10
    confirmation_episodes: int = 100
    stop_return: float | None = None
    solved_return: float | None = None
    best_return: float | None = None
    config: ReplayConfig = field(default_factory=DQNConfig)
    published: PublishedScore | None = None

    @property
    def algorithm(self) -> str:
        """What ``--algorithm`` calls the algorithm that these are defaults of."""
        return self.config.algorithm

    def is_for(self, environment: EnvironmentName) -> bool:
        """Return whether an environment takes it when no preset is named."""
        return any(
            fnmatchcase(environment.id, known.id) and environment.arguments == known.arguments
            for known in map(EnvironmentName.parse, self.environment_ids)
        )
