"""Seeds for everything random in a run, all derived from the run's one seed.

What is left to chance with equal seeds is only the timing between processes: which
transitions have reached the server when a batch is drawn.
"""

import enum
import random

import numpy as np
import torch


class EpisodePurpose(enum.IntEnum):
    """What an episode is for; no two purposes share seeds."""

    TRAINING = 0
    SELECTION = 1
    CONFIRMATION = 2
    EVALUATION = 3


def seed_everything(seed: int) -> np.random.Generator:
    """Seed Python's, NumPy's and PyTorch's global generators, and return the actor's own.

    Args:
        seed: the run's seed, in [0, 2^32).
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return np.random.default_rng(np.random.SeedSequence(seed))


def episode_seed(seed: int, purpose: EpisodePurpose, episode: int) -> int:
    """Return the seed to reset an environment with, in [0, 2^31).

    Each episode has its own, so that a run taken up again goes on with the episodes that it
    would have seen, without keeping the environment's random state.

    Args:
        seed: the run's seed.
        purpose: what the episode is for.
        episode: number of the episode among those of its purpose, from 0.
    """
    sequence = np.random.SeedSequence((seed, int(purpose), episode))
    return int(sequence.generate_state(1)[0]) >> 1
