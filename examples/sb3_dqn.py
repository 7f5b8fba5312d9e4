"""Stable-Baselines3's DQN on CartPole, with its own replay buffer and with one in the service.

    replay-server serve                # in another terminal
    python examples/sb3_dqn.py         # or with the server's URL as its argument

Each seed is trained twice, one buffer after the other, the order turned round with each seed. DQN
with these hyper-parameters learns CartPole and loses it again, so what it reaches is its best mean
return over 100 episodes of training; that of greedy episodes at the end is told beside it.
`--seeds 5` is what docs/results.md tells of.
"""

import argparse
import statistics
import time
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from agent_client import ReplayClient
from agent_client.integrations.stable_baselines3 import RemoteReplayBuffer

HYPERPARAMETERS: dict[str, Any] = {
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "buffer_size": 100_000,
    "learning_starts": 1_000,
    "target_update_interval": 10,
    "train_freq": 256,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": [256, 256]},
}
"""Those of RL Baselines3 Zoo for CartPole-v1."""


class Reached(NamedTuple):
    """What a training came to: two mean returns, and environment steps a second."""

    best: float
    at_end: float
    rate: float


def train(seed: int, steps: int, server: str | None) -> Reached:
    """Train once; without a server with the library's own buffer."""
    remote: dict[str, Any] = {}
    table = f"sb3-cartpole-{seed}"
    if server is not None:
        remote["replay_buffer_class"] = RemoteReplayBuffer
        remote["replay_buffer_kwargs"] = {"server": server, "table": table}
    env = Monitor(gymnasium.make("CartPole-v1"))
    model = DQN("MlpPolicy", env, seed=seed, device="cpu", **HYPERPARAMETERS, **remote)
    started_at = time.perf_counter()
    model.learn(steps)
    seconds = time.perf_counter() - started_at
    if isinstance(model.replay_buffer, RemoteReplayBuffer) and server is not None:
        model.replay_buffer.close()
        with ReplayClient(server) as client:
            client.delete_table(table)
    judge = Monitor(gymnasium.make("CartPole-v1"))
    judge.reset(seed=10_000 + seed)
    at_end, _ = evaluate_policy(model, judge, n_eval_episodes=20)
    returns = np.convolve(env.get_episode_rewards(), np.full(100, 0.01), "valid")
    return Reached(float(returns.max(initial=0.0)), float(np.mean(at_end)), steps / seconds)


def main() -> None:
    """Train with both buffers in turns, and print what they reach and how fast."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    reached: dict[str, list[Reached]] = {"own": [], "remote": []}
    for seed in range(options.seeds):
        for buffer in ("own", "remote") if seed % 2 == 0 else ("remote", "own"):
            one = train(seed, options.steps, options.server if buffer == "remote" else None)
            reached[buffer].append(one)
            print(
                f"seed {seed} {buffer:6} best {one.best:5.1f}, at the end {one.at_end:5.1f}, "
                f"{one.rate:5.0f} steps/s",
                flush=True,
            )
    for buffer, runs in reached.items():
        best, at_end, rates = (statistics.mean(values) for values in zip(*runs, strict=True))
        print(f"{buffer:6} best {best:5.1f}, at the end {at_end:5.1f}, {rates:5.0f} steps/s")
    pairs = zip(reached["remote"], reached["own"], strict=True)
    ratios = [remote.rate / own.rate for remote, own in pairs]
    print(f"speed of remote / own: median {statistics.median(ratios):.2f}, least {min(ratios):.2f}")


if __name__ == "__main__":
    main()
