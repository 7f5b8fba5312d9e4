"""Defaults per environment: hyper-parameters, how long to train, when it is solved.

What a preset says, a configuration file, the environment's variables and the command line
may overrule, in this order.
"""

from dataclasses import dataclass, field
from typing import Final

from agent_client.dqn.config import DQNConfig
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
        environment_ids: environments that take it when no preset is named.
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


GENERIC: Final = Preset(name="generic")

# How fast the target network follows decides, and whether layers are normalized. Without
# normalization, copies every 30 learner steps solve most runs soon, but in one of ten the values
# grow without bound; a Polyak average of 1 % is safe and takes three times as long. With it, 3 %
# is fast and no run was seen to diverge. docs/results.md has the figures.
CARTPOLE: Final = Preset(
    name="cartpole",
    environment_ids=("CartPole-v1",),
    steps=60_000,
    evaluation_period=512,
    selection_episodes=5,
    stop_return=495.0,
    solved_return=475.0,
    best_return=500.0,
    config=DQNConfig(
        learning_rate=1e-3,
        learning_rate_final=3e-4,
        learning_rate_decay_steps=30_000,
        layer_norm=True,
        target_update_period=1,
        target_update_rate=0.03,
        epsilon_final=0.04,
        epsilon_decay_steps=8_000,
        importance_anneal_steps=10_000,
    ),
    published=PublishedScore(
        source="a published DQN experience-replay tutorial", mean_return=50.02, best_return=200.0
    ),
)

# Young & Tian (2019, arXiv 1903.03176) train for 5,000,000 frames; these are for minutes on one
# core, not for their scores.
MINATAR: Final = Preset(
    name="minatar",
    environment_ids=tuple(
        f"MinAtar/{game}-v{version}"
        for game in ("Asterix", "Breakout", "Freeway", "Seaquest", "SpaceInvaders")
        for version in (0, 1)
    ),
    steps=100_000,
    evaluation_period=10_000,
    config=DQNConfig(
        hidden_units=(128,),
        learning_rate=3e-4,
        learning_rate_final=3e-4,
        batch_size=32,
        n_step=3,
        frame_stack=4,
        target_update_period=500,
        update_period=4,
        updates_per_round=1,
        epsilon_final=0.05,
        epsilon_decay_steps=40_000,
        importance_anneal_steps=100_000,
    ),
)

CAMERA_CARTPOLE: Final = Preset(
    name="camera-cartpole",
    environment_ids=("Replay/CameraCartPole-v0",),
    steps=40_000,
    evaluation_period=2_048,
    stop_return=195.0,
    solved_return=195.0,
    best_return=200.0,
    config=DQNConfig(
        hidden_units=(128,),
        learning_rate=5e-4,
        learning_rate_final=2e-4,
        learning_rate_decay_steps=30_000,
        layer_norm=True,
        target_update_period=1,
        target_update_rate=0.03,
        epsilon_final=0.04,
        epsilon_decay_steps=8_000,
        importance_anneal_steps=10_000,
    ),
)

PRESETS: Final = {preset.name: preset for preset in (CARTPOLE, MINATAR, CAMERA_CARTPOLE, GENERIC)}
_GENERIC: Final = {preset.algorithm: preset for preset in (GENERIC,)}


def preset_for(environment_id: str, algorithm: str | None = None) -> Preset:
    """Return the preset made for an environment, or the generic one of an algorithm.

    Args:
        environment_id: of the environment.
        algorithm: what the preset must be of; None takes that of the environment's own preset.
    """
    for preset in PRESETS.values():
        if environment_id in preset.environment_ids and algorithm in (None, preset.algorithm):
            return preset
    return _GENERIC[algorithm or GENERIC.algorithm]
