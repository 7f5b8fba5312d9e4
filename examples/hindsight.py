"""Bits to flip to a goal, learned with hindsight and without: DQN whose rows know other goals.

    replay-server serve                # in another terminal
    python examples/hindsight.py       # or with the server's URL as its argument

Without hindsight the reward is -1 at almost every step ever seen, and nothing is learned from ten
bits on. With it each episode shows how to reach the bits that it came to.
"""

import argparse
import copy

import gymnasium
import numpy as np
import torch
from torch import nn

import agent_client.tasks  # noqa: F401 - registers the environment
from agent_client import Batch, HindsightWriter, Prefetcher, ReplayClient, RowWriter
from agent_client.step_tables import goal_table_spec

TABLE = "example-hindsight"
GRADIENT_STEPS = 8  # after each episode
GAMMA = 0.98


def as_input(parts: dict[str, np.ndarray]) -> torch.Tensor:
    """Return [B, 2 * bits]: the bits as they are, and as they are wanted."""
    both = np.concatenate([parts["observation"], parts["desired_goal"]], axis=-1)
    return torch.from_numpy(both)


def learn(
    network: nn.Module, target: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch
) -> None:
    """Take one gradient step of double DQN."""
    columns = batch.columns
    now, following = (
        as_input({p: columns[f"{name}/{p}"] for p in ("observation", "desired_goal")})
        for name in ("observation", "next_observation")
    )
    action, reward, discount = (
        torch.from_numpy(columns[name]) for name in ("action", "reward", "discount")
    )
    with torch.no_grad():
        best = network(following).argmax(1, keepdim=True)
        value = reward + discount * target(following).gather(1, best)[:, 0]
    chosen = network(now).gather(1, action[:, None])[:, 0]
    optimizer.zero_grad()
    nn.functional.smooth_l1_loss(chosen, value).backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, 0.02)


def main() -> None:
    """Train, and print how often the goal is reached."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--bits", type=int, default=10)
    parser.add_argument("--episodes", type=int, default=1500)
    parser.add_argument("--strategy", choices=["final", "future", "episode", "none"])
    options = parser.parse_args()
    for strategy in [options.strategy] if options.strategy else ["future", "none"]:
        reached = train(options.server, strategy, options.bits, options.episodes)
        print(f"{strategy:7} reaches the goal in {reached:.0%} of the last tenth of the episodes")


def train(server: str, strategy: str, bits: int, episodes: int) -> float:
    """Return the share of the last tenth of the episodes that reach their goal."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    network = nn.Sequential(nn.Linear(2 * bits, 128), nn.ReLU(), nn.Linear(128, bits))
    target = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    environment = gymnasium.make("Replay/BitFlip-v0", bits=bits)
    spec = goal_table_spec(environment.observation_space, environment.action_space, 200_000)
    is_reached = []
    with ReplayClient(server) as client:
        client.create_table(TABLE, spec)
        with RowWriter(client, TABLE) as rows:
            writer = HindsightWriter.for_environment(
                rows,
                environment,
                strategy="future" if strategy == "none" else strategy,
                goals=0 if strategy == "none" else 4,
                discount=GAMMA,
                seed=0,
            )
            batches = None
            for episode in range(episodes):
                epsilon = max(0.05, 1.0 - 4.0 * episode / episodes)
                observation, _ = environment.reset(seed=episode)
                writer.begin(observation)
                terminated = truncated = False
                while not (terminated or truncated):
                    if rng.random() < epsilon:
                        action = int(rng.integers(bits))
                    else:
                        with torch.no_grad():
                            action = int(network(as_input(observation)).argmax())
                    observation, reward, terminated, truncated, info = environment.step(action)
                    writer.append(action, observation, reward, terminated, truncated, info)
                is_reached.append(terminated)
                if batches is None:
                    writer.flush()
                    batches = Prefetcher(client, TABLE, 128, depth=8, batches=4)
                for _ in range(GRADIENT_STEPS):
                    learn(network, target, optimizer, batches.next())
            if batches is not None:
                batches.close()
        client.delete_table(TABLE)
    return float(np.mean(is_reached[-max(1, episodes // 10) :]))


if __name__ == "__main__":
    main()
