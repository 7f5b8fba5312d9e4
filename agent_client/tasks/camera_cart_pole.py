"""CartPole seen by a camera, its speeds told by the joints: neither alone is enough."""

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = ["CameraCartPole"]

HEIGHT: Final = 12
WIDTH: Final = 40
_LEFT, _RIGHT = -2.4, 2.4  # metres along the track, as far as an episode goes
_TOP, _BOTTOM = 1.15, -0.25  # metres above the hinge
_POLE = 1.0
_POLE_HALF_WIDTH = 0.05
_CART_HALF_WIDTH, _CART_HEIGHT = 0.25, 0.2
_PIXEL = (_RIGHT - _LEFT) / WIDTH

Observation = dict[str, NDArray[Any]]


class CameraCartPole(gymnasium.ObservationWrapper[Any, Any, NDArray[np.float32]]):
    """Gymnasium's CartPole with `camera`, an image of where things are, and `joints`, their speeds.

    `camera` is uint8 [12, 40, 1]: cart and pole, bright on dark, each pixel as bright as it is
    covered, so that it tells positions more finely than its grid. `joints` is float32 [2]: the
    cart's speed in m/s and the pole's in rad/s. Episodes end after 200 steps.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 - as Gymnasium has it

    def __init__(self, render_mode: str | None = None) -> None:
        """Make one that people see as CartPole, if at all."""
        super().__init__(
            gymnasium.make("CartPole-v1", max_episode_steps=-1, render_mode=render_mode)
        )
        self.observation_space = spaces.Dict(
            {
                "camera": spaces.Box(0, 255, (HEIGHT, WIDTH, 1), np.uint8),
                "joints": spaces.Box(-np.inf, np.inf, (2,), np.float32),
            }
        )

    def observation(self, observation: NDArray[np.float32]) -> Observation:
        """Return what camera and joints tell of a state [x, speed, angle, turning speed]."""
        position, speed, angle, turning = observation
        return {
            "camera": picture(float(position), float(angle)),
            "joints": np.array([speed, turning], np.float32),
        }


_ACROSS = np.linspace(_LEFT, _RIGHT, WIDTH, endpoint=False) + _PIXEL / 2
_UP = np.linspace(_TOP, _BOTTOM, HEIGHT)[:, None]


def picture(position: float, angle: float) -> NDArray[np.uint8]:
    """Return uint8 [12, 40, 1] of a cart at `position` m whose pole leans by `angle` rad."""
    across = _ACROSS - position
    along = np.clip(across * np.sin(angle) + _UP * np.cos(angle), 0.0, _POLE)
    distance = np.hypot(across - along * np.sin(angle), _UP - along * np.cos(angle))
    pole = _covered(_POLE_HALF_WIDTH - distance)
    cart = _covered(_CART_HALF_WIDTH - np.abs(across)) * _covered(
        _CART_HEIGHT / 2 - np.abs(_UP + _CART_HEIGHT / 2)
    )
    return (np.maximum(pole, cart) * 255.0).astype(np.uint8)[:, :, None]


def _covered(inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of a pixel is covered whose middle lies `inside` metres within an edge."""
    covered: NDArray[np.float64] = np.clip(inside / _PIXEL + 0.5, 0.0, 1.0)
    return covered
