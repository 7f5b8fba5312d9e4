"""Rewards as they are learned from."""


def limited(reward: float, limit: float) -> float:
    """Return a reward clipped to [-limit, limit] (Mnih et al. 2015, Methods); 0 is no limit.

    Returns that are reported are of rewards as they came.
    """
    return max(-limit, min(limit, reward)) if limit else reward
