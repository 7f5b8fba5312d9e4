"""Real frames: what a random player sees of an Atari game, as DQN sees it (Mnih et al., 2015).

Four emulator frames a step, the maximum of the last two, 210x160 gray averaged to 84x84. The games
come with ale-py (`pip install "replay-server[atari]"`).
"""

from __future__ import annotations

import numpy as np
from ale_py import ALEInterface, LoggerMode, roms
from numpy.typing import NDArray

__all__ = ["GAMES", "atari_steps"]

GAMES = ("pong", "breakout", "space_invaders", "seaquest")
_SCREEN = (210, 160)
_SIDE = 84
_FRAMES_A_STEP = 4


def atari_steps(game: str, count: int, seed: int = 0) -> dict[str, NDArray]:
    """Return columns of `count` steps of random play, `observation` [count, 84, 84] among them."""
    ALEInterface.setLoggerMode(LoggerMode.Error)
    emulator = ALEInterface()
    emulator.setInt("random_seed", seed)
    emulator.setFloat("repeat_action_probability", 0.0)
    emulator.loadROM(roms.get_rom_path(game))
    actions = emulator.getMinimalActionSet()
    generator = np.random.default_rng(seed)
    rows, columns = (_averages(length) for length in _SCREEN)
    chosen = generator.integers(0, len(actions), count)
    steps = {
        "observation": np.empty((count, _SIDE, _SIDE), np.uint8),
        "action": chosen,
        "reward": np.zeros(count, np.float32),
        **{name: np.zeros(count, np.bool_) for name in ("is_first", "is_last", "is_terminal")},
    }
    begins = True
    for number in range(count):
        screens = []
        for _ in range(_FRAMES_A_STEP):
            steps["reward"][number] += emulator.act(actions[chosen[number]])
            screens = [*screens[-1:], emulator.getScreenGrayscale()]
        screen = np.maximum(*screens).astype(np.float32)
        steps["observation"][number] = np.rint(rows @ screen @ columns.T)
        steps["is_first"][number] = begins
        begins = emulator.game_over()
        steps["is_last"][number] = steps["is_terminal"][number] = begins
        if begins:
            emulator.reset_game()
    return steps


def _averages(length: int) -> NDArray[np.float32]:
    """Return the matrix [84, length] that averages over areas."""
    edges = np.linspace(0, length, _SIDE + 1)
    places = np.arange(length)
    overlap = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    return (np.maximum(overlap, 0) * (_SIDE / length)).astype(np.float32)
