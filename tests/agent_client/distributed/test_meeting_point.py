"""What actors and learner tell one another by tables, around a real server."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from agent_client.distributed.actors_log import ActorsLog, EndedEpisode
from agent_client.distributed.meeting_point import (
    ACTORS_SPEC,
    EPISODES_SPEC,
    LONGEST_RUN_NAME,
    actors_table,
    draw_ticket,
    episode_row,
    episodes_table,
    run_name,
)
from agent_client.errors import UnknownTableError
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter
from tests.guarded_server import GuardedServer

LONG_S = 60.0


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as own:
        yield own


@pytest.fixture
def run(client: ReplayClient) -> Iterator[str]:
    name = f"run-{uuid.uuid4().hex}"
    client.create_table(
        name, {"capacity": 100, "columns": {"reward": {"dtype": "<f4", "shape": []}}}
    )
    client.create_table(actors_table(name), ACTORS_SPEC)
    client.create_table(episodes_table(name), EPISODES_SPEC)
    yield name
    for table in (name, actors_table(name), episodes_table(name)):
        client.delete_table(table)


def insert(client: ReplayClient, run: str, rows: int) -> None:
    client.insert(run, {"reward": np.zeros(rows, np.float32)})


def end_episodes(client: ReplayClient, run: str, *actors: int) -> None:
    with RowWriter(client, episodes_table(run)) as writer:
        for actor in actors:
            writer.append(
                episode_row(
                    actor=actor, epsilon=0.5, total=10.0 + actor, length=7, weights_version=3
                )
            )


def test_whoever_asks_gets_the_next_number(client: ReplayClient, run: str) -> None:
    assert [draw_ticket(client, run, f"actor-{n}") for n in range(4)] == [0, 1, 2, 3]


def test_who_comes_again_has_the_number_of_before(client: ReplayClient, run: str) -> None:
    numbers = [draw_ticket(client, run, name) for name in ("a", "b", "a", "c", "b")]

    assert numbers == [0, 1, 0, 2, 1]


def test_a_number_is_not_given_again_where_the_table_was_made_anew(
    client: ReplayClient, run: str
) -> None:
    draw_ticket(client, run, "a")
    client.delete_table(actors_table(run))
    client.create_table(actors_table(run), ACTORS_SPEC)

    assert draw_ticket(client, run, "b") > 0


def test_a_token_of_the_role_actor_is_enough(guarded: GuardedServer) -> None:
    name = f"run-{uuid.uuid4().hex}"
    tokens = guarded.file.tokens
    with ReplayClient(guarded.url, token=tokens["admin"]) as admin:
        admin.create_table(actors_table(name), ACTORS_SPEC)

    with ReplayClient(guarded.url, token=tokens["actor"]) as actor:
        assert draw_ticket(actor, name, "a") == 0


def test_the_default_name_fits_with_what_stands_beside_it() -> None:
    assert run_name("CartPole-v1", "dqn") == "CartPole-v1-dqn"
    assert run_name("MinAtar/Breakout-v1", "dqn") == "MinAtar-Breakout-v1-dqn"
    assert len(run_name("x" * 200, "dqn")) == LONGEST_RUN_NAME
    assert len(episodes_table(run_name("x" * 200, "dqn"))) <= 64


def test_each_episode_is_heard_of_once(client: ReplayClient, run: str) -> None:
    log = ActorsLog(client, run)

    end_episodes(client, run, 0, 2)
    first = log.ask()
    end_episodes(client, run, 1)

    assert first == [EndedEpisode(0, 0.5, 10.0, 7, 3), EndedEpisode(2, 0.5, 12.0, 7, 3)]
    assert [episode.actor for episode in log.ask()] == [1]
    assert log.ask() == []


def test_what_was_before_the_log_is_not_told(client: ReplayClient, run: str) -> None:
    insert(client, run, 30)
    end_episodes(client, run, 0)

    log = ActorsLog(client, run)
    insert(client, run, 5)

    assert log.ask() == []
    assert log.steps == 5
    assert log.replay_size == 35
    assert log.actors_at_work == 0


def test_steps_go_on_from_those_of_a_run_that_is_resumed(client: ReplayClient, run: str) -> None:
    insert(client, run, 30)

    log = ActorsLog(client, run, steps_before=1_000)
    insert(client, run, 5)
    log.ask()

    assert log.steps == 1_005


def test_an_actor_that_is_not_heard_of_any_more_is_not_at_work(
    client: ReplayClient, run: str
) -> None:
    now = 0.0
    log = ActorsLog(client, run, clock=lambda: now)
    end_episodes(client, run, 0, 1)
    log.ask()
    now = 10.0
    end_episodes(client, run, 1)
    log.ask()

    assert log.actors_at_work == 2
    now = 20.0
    assert log.actors_at_work == 1


def test_actors_that_are_all_held_back_are_at_work(client: ReplayClient, server_url: str) -> None:
    name = f"run-{uuid.uuid4().hex}"
    limiter = {"kind": "sample_to_insert_ratio", "samples_per_insert": 1.0, "min_size": 1,
               "error_buffer": 4.0}  # fmt: skip
    client.create_table(name, {"capacity": 100, "rate_limiter": limiter})
    now = 0.0
    log = ActorsLog(client, name, clock=lambda: now)

    def act(actor: str) -> None:
        with ReplayClient(server_url) as own, suppress(UnknownTableError):  # it goes at the end
            for sequence in range(1, 9):
                row = {"x": np.zeros(1, np.float32)}
                own.insert(name, row, writer=(actor, sequence), timeout_s=LONG_S)

    actors = [threading.Thread(target=act, args=(f"actor-{number}",)) for number in range(3)]
    for actor in actors:
        actor.start()
    give_up_at = time.monotonic() + LONG_S
    while log.actors_held_back < 3 and time.monotonic() < give_up_at:
        now += 5.0
        log.ask()
        time.sleep(0.02)
    client.delete_table(name)
    for actor in actors:
        actor.join()

    assert (log.actors_held_back, log.actors_at_work) == (3, 3)


def test_a_run_whose_table_is_gone_is_no_run(client: ReplayClient) -> None:
    with pytest.raises(UnknownTableError):
        ActorsLog(client, f"run-{uuid.uuid4().hex}")
