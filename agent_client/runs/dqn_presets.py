"""Presets of DQN and Rainbow, by environment."""

from typing import Final

from agent_client.dqn.config import DQNConfig
from agent_client.runs.preset import Preset, PublishedScore

GENERIC: Final = Preset(name="generic")

RAINBOW: Final = Preset(name="rainbow", config=DQNConfig.rainbow())

# How fast the target network follows decides, and whether layers are normalized. Without
# normalization, copies every 30 learner steps solve most runs soon, but in one of ten the values
# grow without bound; a Polyak average of 1 % is safe and takes three times as long. With it, 3 %
# is fast and no run was seen to diverge. Training ends at a policy that does not fail once in 300
# episodes: of those that had not failed in 100, a quarter failed in the next hundred.
# docs/results.md has the figures.
CARTPOLE: Final = Preset(
    name="cartpole",
    environment_ids=("CartPole-v1",),
    steps=60_000,
    evaluation_period=512,
    selection_episodes=5,
    confirmation_episodes=300,
    stop_return=500.0,
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
    environment_ids=("MinAtar/*",),
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

# Numbers of Hessel et al. (2018, table 1), but for a table that a small machine has room for, with
# beta rising over the training that it is.
ATARI: Final = Preset(
    name="atari",
    environment_ids=("ALE/*",),
    steps=2_500_000,
    evaluation_period=100_000,
    config=DQNConfig.rainbow(
        hidden_units=(512,),
        learning_rate=6.25e-5,
        learning_rate_final=6.25e-5,
        batch_size=32,
        frame_stack=4,
        reward_limit=1.0,
        target_update_period=2_000,
        update_period=4,
        updates_per_round=1,
        learning_starts=20_000,
        replay_capacity=100_000,
        importance_anneal_steps=2_500_000,
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

# Any of these numbers find the way long before half of the steps; the rest shortens it.
MAZE: Final = Preset(
    name="maze",
    environment_ids=("replay/Maze-v0",),
    steps=20_000,
    evaluation_period=1_024,
    selection_episodes=20,
    config=DQNConfig(
        hidden_units=(128, 128),
        learning_rate_final=3e-4,
        learning_rate_decay_steps=20_000,
        layer_norm=True,
        target_update_period=1,
        target_update_rate=0.03,
        epsilon_final=0.1,
        epsilon_decay_steps=10_000,
        importance_anneal_steps=20_000,
    ),
)

LUNAR_LANDER: Final = Preset(
    name="lunarlander",
    environment_ids=("LunarLander-v3",),
    steps=300_000,
    evaluation_period=5_120,
    stop_return=230.0,
    solved_return=200.0,
    config=DQNConfig(
        hidden_units=(128, 128),
        layer_norm=True,
        dueling=True,
        n_step=3,
        batch_size=256,
        learning_rate=1e-3,
        learning_rate_final=2e-4,
        learning_rate_decay_steps=150_000,
        target_update_period=1,
        target_update_rate=0.02,
        update_period=256,
        updates_per_round=32,
        priority_exponent=0.5,
        importance_anneal_steps=150_000,
        epsilon_final=0.05,
        epsilon_decay_steps=20_000,
    ),
)
