"""Environments of our own, which Gymnasium knows once this is imported.

`replay/Maze-v0`: find the way to a goal, what Gymnasium's small environments don't ask for.
`Replay/CameraCartPole-v0`: observations of several parts.
`Replay/BitFlip-v0`: bits to flip until they are those of a goal, for hindsight.
"""

import gymnasium

__all__ = ["register_envs"]


def register_envs() -> None:
    """Make them known to Gymnasium; doing it again does nothing."""
    if "replay/Maze-v0" not in gymnasium.registry:
        gymnasium.register("replay/Maze-v0", "agent_client.tasks.maze:Maze")
    if "Replay/CameraCartPole-v0" not in gymnasium.registry:
        gymnasium.register(
            "Replay/CameraCartPole-v0",
            "agent_client.tasks.camera_cart_pole:CameraCartPole",
            max_episode_steps=200,
        )
    if "Replay/BitFlip-v0" not in gymnasium.registry:
        gymnasium.register("Replay/BitFlip-v0", "agent_client.tasks.bit_flip:BitFlip")


register_envs()
