"""Environments of our own, known to Gymnasium as `Replay/NAME-vN` once `register_envs` was called.

They show what Gymnasium's own small environments don't: observations of several parts.
"""

import gymnasium

__all__ = ["register_envs"]


def register_envs() -> None:
    """Make them known to Gymnasium; doing it again does nothing."""
    if "Replay/CameraCartPole-v0" not in gymnasium.registry:
        gymnasium.register(
            "Replay/CameraCartPole-v0",
            "agent_client.tasks.camera_cart_pole:CameraCartPole",
            max_episode_steps=200,
        )
