"""One seed for everything."""

import random

import numpy as np
import torch

from agent_client.seeding import EpisodePurpose, episode_seed, seed_everything


def draws(seed: int) -> list[float]:
    generator = seed_everything(seed)
    return [
        random.random(),
        float(np.random.random()),
        float(torch.rand(1)),
        float(generator.random()),
    ]


def test_equal_seeds_draw_the_same_from_every_generator() -> None:
    assert draws(3) == draws(3)


def test_other_seeds_draw_differently_from_every_generator() -> None:
    assert all(one != other for one, other in zip(draws(3), draws(4), strict=True))


def test_episode_seeds_differ_by_run_purpose_and_episode() -> None:
    seeds = {
        episode_seed(seed, purpose, episode)
        for seed in range(5)
        for purpose in EpisodePurpose
        for episode in range(20)
    }

    assert len(seeds) == 5 * 4 * 20
    assert all(0 <= seed < 2**31 for seed in seeds)
