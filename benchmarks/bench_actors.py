"""How many steps a second do several actors bring, over one?

`agent-client act` processes against one server whose limiter lets everything in, and a learner that
publishes weights once a second and nothing else: what is measured is acting. Twice: in CartPole-v1,
where a step costs so little that the processors are the limit, and in the same CartPole whose steps
take 2 ms of waiting, as those of a simulator in another process or of a robot do.

    python -m benchmarks.bench_actors [--seconds S]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import torch

from agent_client import ReplayClient
from agent_client.algorithms import load_algorithm
from agent_client.distributed.meeting_point import (
    ACTORS_SPEC,
    EPISODES_SPEC,
    actors_table,
    episodes_table,
)
from agent_client.distributed.weights import RunNews, encode_weights
from agent_client.dqn.config import DQNConfig
from agent_client.environments import make_environment
from agent_client.learning.replay_table import transition_table_spec
from agent_client.runs.presets import CARTPOLE
from benchmarks.bench_parameters import Server

RUN = "speed"
SLOW_STEP_S = 0.002
ACTORS = (1, 2, 4)


class SlowSteps(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose steps take a while, in which the processor has nothing to do."""

    def step(self, action: Any) -> Any:
        """Wait, then step."""
        time.sleep(SLOW_STEP_S)
        return super().step(action)


def slow_cart_pole() -> gymnasium.Env[Any, Any]:
    """Return CartPole with slow steps."""
    return SlowSteps(gymnasium.make("CartPole-v1"))


gymnasium.register("SlowCartPole-v0", slow_cart_pole, max_episode_steps=500)
ENVIRONMENTS = ("CartPole-v1", "benchmarks.bench_actors:SlowCartPole-v0")


@contextmanager
def learner(client: ReplayClient) -> Iterator[bytes]:
    """Stand for a learner: the tables, and weights that actors can act with."""
    config = CARTPOLE.config
    assert isinstance(config, DQNConfig)
    environment = make_environment("CartPole-v1", 0)
    spaces = environment.observation_space, environment.action_space
    torch.manual_seed(0)
    network = load_algorithm("dqn").make_network(*spaces, config)
    news = RunNews("dqn", dataclasses.asdict(config), steps=0, learner_steps=0)
    client.create_table(actors_table(RUN), ACTORS_SPEC)
    client.create_table(episodes_table(RUN), EPISODES_SPEC)
    client.create_table(RUN, transition_table_spec(config, *spaces, 0))
    weights = encode_weights(news, network.state_dict())
    client.put_parameters(RUN, weights)
    yield weights
    over = encode_weights(dataclasses.replace(news, is_over=True), network.state_dict())
    client.put_parameters(RUN, over)


def steps_per_second(url: str, environment: str, actors: int, seconds: float) -> float:
    """Return how many rows a second the server got of so many actors."""
    with ReplayClient(url) as client:
        with learner(client) as weights:
            command = [sys.executable, "-m", "agent_client", "act", "--env", environment]
            command += ["--server", url, "--table", RUN, "--actors", str(actors)]
            processes = [
                subprocess.Popen(
                    [*command, "--actor-index", str(index)],
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                )
                for index in range(actors)
            ]
            while _writers_at_work(client) < actors:
                time.sleep(0.1)
            before, began = _inserted(client), time.perf_counter()
            while time.perf_counter() - began < seconds:
                time.sleep(1.0)
                client.put_parameters(RUN, weights)
            rate = (_inserted(client) - before) / (time.perf_counter() - began)
        for process in processes:
            if process.wait() != 0:
                raise SystemExit(f"an actor ended with {process.returncode}")
        for table in (RUN, actors_table(RUN), episodes_table(RUN)):
            client.delete_table(table)
    return rate


def _inserted(client: ReplayClient) -> int:
    return int(client.describe_table(RUN)["stats"]["inserted_total"])


def _writers_at_work(client: ReplayClient) -> int:
    """Return how many actors have ended an episode."""
    return len(set(client.scan(episodes_table(RUN)).columns["actor"].tolist()))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    server = Server("--log-level=warning")
    for environment in ENVIRONMENTS:
        alone = 0.0
        for actors in ACTORS:
            rate = steps_per_second(server.url, environment, actors, seconds)
            alone = alone or rate
            print(
                f"{environment.rpartition(':')[2]}: {actors} actors, {rate:,.0f} steps/s, "
                f"{rate / alone:.2f} times one",
                flush=True,
            )
    server.stop()


if __name__ == "__main__":
    main()
