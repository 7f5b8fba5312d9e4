"""How a run asks for its batches."""

import time
from contextlib import ExitStack

import pytest

from agent_client.dqn.config import DQNConfig
from agent_client.environments import frame_space
from agent_client.learning.replay_table import transition_table_spec
from agent_client.replay_client import ReplayClient
from agent_client.runs.parts import run_environment
from agent_client.runs.replay import batches_at_once, open_replay
from agent_client.runs.settings import TrainSettings, resolve

WAIT_S = 20.0
SMALL = {"batch_size": 4, "learning_starts": 5}


@pytest.mark.parametrize(("at_once", "ahead"), [(1, 2), (3, 6)])
def test_so_many_batches_are_drawn_at_once_and_as_many_again_while_they_are_used(
    server_url: str, at_once: int, ahead: int
) -> None:
    settings = TrainSettings(env="CartPole-v1", tracker="none")
    run = resolve(settings, {**SMALL, "batches_per_request": at_once})
    environment = run_environment(run, 0)
    table = f"ahead-{at_once}"
    with ReplayClient(server_url) as client, ExitStack() as stack:
        client.create_table(
            table,
            transition_table_spec(
                run.config, frame_space(environment), environment.action_space, 0
            ),
        )
        replay = open_replay(client, table, None, run, environment, stack)
        replay.writer.begin(environment.reset(seed=0)[0])
        for _ in range(8):
            observation, reward, *ended, _ = environment.step(0)
            replay.writer.append(0, observation, reward, *ended)
        replay.writer.flush()

        batches = replay.open_batches(lambda: 1.0)
        wait_for_draws(client, table, ahead * run.config.batch_size)
        batches.next_tensors()
        wait_for_draws(client, table, (ahead + (at_once == 1)) * run.config.batch_size)


def test_of_steps_that_go_after_so_many_draws_one_batch_is_drawn_at_a_time() -> None:
    assert batches_at_once(DQNConfig(batches_per_request=8)) == 8
    assert batches_at_once(DQNConfig(batches_per_request=8, max_times_sampled=40)) == 1


def wait_for_draws(client: ReplayClient, table: str, items: int) -> None:
    """Wait until so many have been drawn, and see that it were no more."""
    deadline = time.monotonic() + WAIT_S
    while (drawn := sampled(client, table)) < items and time.monotonic() < deadline:
        time.sleep(0.01)
    assert drawn == items


def sampled(client: ReplayClient, table: str) -> int:
    total: int = client.describe_table(table)["stats"]["sampled_total"]
    return total
