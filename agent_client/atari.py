"""Atari games as most papers have them: the standard preprocessing."""

from typing import Any, Final

import gymnasium
from gymnasium import wrappers

NAMESPACE: Final = "ALE"
ARGUMENTS: Final = {"frameskip": 1}
"""What a game must be made with, so that the preprocessing sees each frame."""
_FRAMES_A_STEP: Final = 4


def takes_preprocessing(environment_id: str, arguments: dict[str, Any]) -> bool:
    """Return whether it is a game of which nobody asks for other frames or observations."""
    is_game = environment_id.startswith(f"{NAMESPACE}/")
    return is_game and not {"frameskip", "obs_type"} & set(arguments)


def preprocessed(environment: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """Return a game with the preprocessing of Machado et al. (2018, arXiv 1709.06009).

    An action lasts four frames, of whose last two each pixel's maximum is seen, in gray, uint8
    [84, 84, 1]; an episode begins with up to 30 frames without action, and goes on when a life is
    lost. Frames are stacked by `make_environment`, rewards clipped by ``reward_limit``. With
    `ALE/NAME-v5` one action in four is the one before, whatever was chosen (section 5).

    Args:
        environment: made with `ARGUMENTS`.

    Raises:
        gymnasium.error.DependencyNotInstalled: OpenCV is missing (`pip install
            replay-server[atari]`).
    """
    return wrappers.AtariPreprocessing(
        environment, frame_skip=_FRAMES_A_STEP, grayscale_newaxis=True
    )
