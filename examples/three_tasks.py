"""Three tasks, one learner: a table each, and batches of all by shares that follow the need.

    replay-server serve               # in another terminal
    python examples/three_tasks.py    # or with the server's URL as its argument

CartPole as it is, with its actions swapped, and with a pole three times as long. One network learns
all three; which one it is at is told by three numbers beside the state. Whatever it does worst gets
the largest share of the next batches. Each task ends after 200 steps.
"""

import argparse
from collections.abc import Sequence

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

from agent_client import ReplayClient, RowWriter, StepWriter, TaskMix
from agent_client.acting import acting_in
from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.networks import QNetwork
from agent_client.dqn.policies import greedy_policy
from agent_client.evaluation import evaluate
from agent_client.learning.replay_table import transition_table_spec
from agent_client.learning.weights import copy_weights
from agent_client.observations import drawn_columns
from agent_client.replay_access import transitions_of
from agent_client.task_batches import TaskBatches

TASKS = ("as it is", "swapped", "long pole")
LIMIT = 200
EVALUATION_PERIOD = 2_000
CONFIG = DQNConfig(
    batch_size=96,
    layer_norm=True,
    learning_rate_final=3e-4,
    learning_rate_decay_steps=30_000,
    target_update_period=1,
    target_update_rate=0.03,
    learning_starts=500,
    epsilon_final=0.04,
    epsilon_decay_steps=12_000,
)


def make_task(number: int) -> gymnasium.Env[np.ndarray, int]:
    """Return a task; its observations are CartPole's and which task it is."""
    environment: gymnasium.Env[np.ndarray, int] = gymnasium.make(
        "CartPole-v1", max_episode_steps=LIMIT
    )
    if TASKS[number] == "swapped":
        environment = gymnasium.wrappers.TransformAction(
            environment, lambda action: 1 - action, environment.action_space
        )
    if TASKS[number] == "long pole":
        pole = environment.unwrapped
        pole.length, pole.polemass_length = 1.5, 1.5 * pole.masspole
    which = np.eye(len(TASKS), dtype=np.float32)[number]
    space = spaces.Box(-np.inf, np.inf, (4 + len(TASKS),), np.float32)
    return gymnasium.wrappers.TransformObservation(
        environment, lambda seen: np.concatenate((seen, which)), space
    )


def learn(agent: Agent, batches: TaskBatches, step: int) -> None:
    """Take one gradient step on a batch of all tasks, and send back what it was worth."""
    batch = batches.next_tensors()
    done = agent.learner.step(transitions_of(batch), step)
    batches.update_priorities(batch.keys.numpy(), done.priorities)


def scores(network: QNetwork, episodes: int) -> list[float]:
    """Return the mean return of greedy episodes of each task."""
    policy = greedy_policy(network)
    seeds = range(1_000_000, 1_000_000 + episodes)
    return [evaluate(make_task(number), policy, seeds).mean_return for number in range(len(TASKS))]


def train(client: ReplayClient, tables: Sequence[str], steps: int) -> list[float]:
    """Train on all tasks for `steps` steps of each; return the score of the best weights in each.

    Those are best that did best in what they did worst.
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)
    agent = Agent.build((4 + len(TASKS),), 2, CONFIG, np.random.default_rng(0))
    space = make_task(0).observation_space
    writers = [RowWriter(client, table) for table in tables]
    tasks = [
        acting_in(make_task(number), StepWriter(writer), seed=number)
        for number, writer in enumerate(writers)
    ]
    for task in tasks:
        task.begin(0)
    mix = TaskMix(
        client, dict.fromkeys(tables, 1.0), CONFIG.batch_size, columns=drawn_columns(space)
    )
    batches = TaskBatches(mix)
    best = 0.0
    for step in range(1, steps + 1):
        for task in tasks:
            task.step(agent.actor, step)
        if step == CONFIG.learning_starts:
            for writer in writers:
                writer.flush()
        if step > CONFIG.learning_starts and step % 2 == 0:
            learn(agent, batches, step)
        if step % EVALUATION_PERIOD == 0 or step == steps:
            found = scores(agent.network, 10)
            if min(found) >= best:
                best = min(found)
                copy_weights(agent.network, agent.best_network)
            mix.shares = {
                table: 1.2 * LIMIT - score for table, score in zip(tables, found, strict=True)
            }
            shares = ", ".join(f"{share:.0%}" for share in mix.shares.values())
            told = ", ".join(
                f"{task} {score:.0f}" for task, score in zip(TASKS, found, strict=True)
            )
            print(f"step {step:,}: {told}; next shares {shares}", flush=True)
            if min(found) >= 0.975 * LIMIT:
                break
    mix.flush()
    for writer in writers:
        writer.close()
    return scores(agent.best_network, 100)


def main() -> None:
    """Train, tell the scores, and clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--steps", type=int, default=30_000, help="of each task, at most")
    options = parser.parse_args()
    tables = [f"example-task-{number}" for number in range(len(TASKS))]
    with ReplayClient(options.url) as client:
        space = make_task(0).observation_space
        for number, table in enumerate(tables):
            client.create_table(
                table, transition_table_spec(CONFIG, space, spaces.Discrete(2), number)
            )
        try:
            final = train(client, tables, options.steps)
        finally:
            for table in tables:
                client.delete_table(table)
    for task, score in zip(TASKS, final, strict=True):
        print(f"{task}: {score:.1f} of {LIMIT} over 100 episodes")


if __name__ == "__main__":
    main()
