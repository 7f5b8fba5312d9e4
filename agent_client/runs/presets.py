"""Defaults per environment: hyper-parameters, how long to train, when it is solved.

What a preset says, a configuration file, the environment's variables and the command line
may overrule, in this order.
"""

from dataclasses import dataclass, field
from typing import Final

from agent_client.dqn.config import DQNConfig
from agent_client.environment_names import EnvironmentName
from agent_client.learning.config import ReplayConfig
from agent_client.sac.config import SACConfig


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

PENDULUM: Final = Preset(
    name="pendulum",
    environment_ids=("Pendulum-v1",),
    steps=10_000,
    evaluation_period=1_000,
    config=SACConfig(
        hidden_units=(64, 64),
        batch_size=128,
        policy_learning_rate=1e-3,
        critic_learning_rate=1e-3,
        temperature_learning_rate=1e-3,
        target_update_rate=0.01,
        learning_starts=500,
        random_steps=500,
    ),
)

LUNAR_LANDER_CONTINUOUS: Final = Preset(
    name="lunarlander-continuous",
    environment_ids=("LunarLanderContinuous-v3", "LunarLander-v3?continuous=true"),
    steps=200_000,
    evaluation_period=5_000,
    stop_return=230.0,
    solved_return=200.0,
    config=SACConfig(
        hidden_units=(128, 128),
        batch_size=128,
        policy_learning_rate=5e-4,
        critic_learning_rate=1e-3,
        temperature_learning_rate=5e-4,
        target_update_rate=0.01,
        replay_capacity=200_000,
        learning_starts=5_000,
        random_steps=5_000,
    ),
)

GENERIC_SAC: Final = Preset(name="generic-sac", config=SACConfig())

PRESETS: Final = {
    preset.name: preset
    for preset in (
        CARTPOLE,
        MINATAR,
        CAMERA_CARTPOLE,
        PENDULUM,
        LUNAR_LANDER_CONTINUOUS,
        GENERIC,
        GENERIC_SAC,
    )
}
GENERIC_PRESETS: Final = {preset.algorithm: preset for preset in (GENERIC, GENERIC_SAC)}


def preset_for(environment_id: str, algorithm: str | None = None) -> Preset | None:
    """Return the preset made for an environment, if there is one.

    Args:
        environment_id: of the environment, with its arguments.
        algorithm: what the preset must be of; None takes any.
    """
    name = EnvironmentName.parse(environment_id)
    for preset in PRESETS.values():
        made_for = [EnvironmentName.parse(one) for one in preset.environment_ids]
        if name in made_for and algorithm in (None, preset.algorithm):
            return preset
    return None
