"""Presets of SAC, by environment."""

from typing import Final

from agent_client.runs.preset import Preset
from agent_client.sac.config import SACConfig

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
    steps=300_000,
    evaluation_period=5_000,
    stop_return=215.0,
    solved_return=200.0,
    config=SACConfig(
        hidden_units=(128, 128),
        batch_size=128,
        policy_learning_rate=5e-4,
        critic_learning_rate=1e-3,
        temperature_learning_rate=5e-4,
        target_update_rate=0.01,
        replay_capacity=200_000,
        learning_starts=2_000,
        random_steps=2_000,
        stretch_probability=0.05,
    ),
)

GENERIC_SAC: Final = Preset(name="generic-sac", config=SACConfig())
