"""All presets, and which one an environment gets."""

from typing import Final

from agent_client.environment_names import EnvironmentName
from agent_client.runs.dqn_presets import (
    ATARI,
    CAMERA_CARTPOLE,
    CARTPOLE,
    GENERIC,
    LUNAR_LANDER,
    MAZE,
    MINATAR,
    RAINBOW,
)
from agent_client.runs.preset import Preset
from agent_client.runs.sac_presets import GENERIC_SAC, LUNAR_LANDER_CONTINUOUS, PENDULUM

PRESETS: Final = {
    preset.name: preset
    for preset in (
        CARTPOLE,
        MINATAR,
        ATARI,
        CAMERA_CARTPOLE,
        MAZE,
        LUNAR_LANDER,
        PENDULUM,
        LUNAR_LANDER_CONTINUOUS,
        GENERIC,
        RAINBOW,
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
        if preset.is_for(name) and algorithm in (None, preset.algorithm):
            return preset
    return None
