"""Batches of two tables, around a real server."""

import uuid
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium import spaces

from agent_client.dqn.config import DQNConfig
from agent_client.errors import RateLimitedError
from agent_client.fresh_draws import BothRows, FreshDraws
from agent_client.learning.replay_table import fresh_table_spec, transition_table_spec
from agent_client.replay_client import ReplayClient
from agent_client.writer import RowWriter, StepWriter

CONFIG = DQNConfig(learning_starts=50, fresh_share=0.25, fresh_capacity=40, replay_capacity=1_000)
SPACE = spaces.Box(-1.0, 1e6, (1,), np.float32)
STEPS = 300
COLUMNS = ("observation", "next_observation", "action", "reward", "discount")


@pytest.fixture
def client(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as own:
        yield own


@pytest.fixture
def tables(client: ReplayClient) -> Iterator[tuple[str, str]]:
    """Two tables that got the same three hundred steps; an observation is the step's number."""
    name = f"run-{uuid.uuid4().hex}"
    names = (name, f"{name}.fresh")
    client.create_table(names[0], transition_table_spec(CONFIG, SPACE, spaces.Discrete(2), 0))
    client.create_table(names[1], fresh_table_spec(CONFIG, SPACE, spaces.Discrete(2), 0))
    with RowWriter(client, names[0]) as one, RowWriter(client, names[1]) as other:
        steps = StepWriter(BothRows(one, other))
        steps.begin(np.array([0.0], np.float32))
        for number in range(1, STEPS + 1):
            observation = np.array([number], np.float32)
            steps.append(0, observation, 1.0, False, number == STEPS)
        steps.flush()
        assert one.rows_acknowledged == other.rows_acknowledged == STEPS + 1
    yield names
    for table in names:
        client.delete_table(table)


def draws(client: ReplayClient, tables: tuple[str, str], share: float = 0.25) -> FreshDraws:
    return FreshDraws(
        client, *tables, share, 16, beta=lambda: 0.4, columns=COLUMNS, layout="stacked",
        timeout_s=1.0,
    )  # fmt: skip


def test_a_share_of_every_batch_is_of_the_newest_steps(
    client: ReplayClient, tables: tuple[str, str]
) -> None:
    source = draws(client, tables)

    batches = [source.next_tensors() for _ in range(50)]

    for batch in batches:
        assert batch.columns["observation"].shape == (16, 1)
        assert len(batch.keys) == len(batch.weights) == len(batch.ages) == 16
        assert (batch.columns["observation"][12:] >= STEPS - 40).all()
        assert (batch.weights[12:] == 1.0).all()
    replayed = np.concatenate([batch.columns["observation"][:12].numpy() for batch in batches])
    assert np.mean(replayed < STEPS - 40) > 0.75  # 260 of 300 steps


def test_ages_tell_how_long_ago_whichever_table_it_was(
    client: ReplayClient, tables: tuple[str, str]
) -> None:
    batch = draws(client, tables).next_tensors()

    steps = batch.columns["observation"][:, 0].long()
    assert (batch.ages == STEPS - steps).all()
    assert (batch.keys == steps).all()


def test_a_step_that_both_tables_gave_has_been_drawn_twice(
    client: ReplayClient, tables: tuple[str, str]
) -> None:
    source, seen = draws(client, tables, share=0.5), Counter[int]()

    for _ in range(20):
        batch = source.next_tensors()
        for key, times in zip(batch.keys.tolist(), batch.times_sampled.tolist(), strict=True):
            seen[key] += 1
            assert times == seen[key]


def test_priorities_go_back_to_the_table_that_they_are_of(
    client: ReplayClient, tables: tuple[str, str]
) -> None:
    source = draws(client, tables)
    batch = source.next_tensors()
    priorities = 10.0 + np.arange(16.0)

    source.update_priorities(batch.keys.numpy(), priorities)
    source.next_tensors()

    for table, places in zip(tables, (slice(0, 12), slice(12, 16)), strict=True):
        rows = client.scan(table, limit=4096)
        stored = dict(zip(rows.keys.tolist(), rows.priorities.tolist(), strict=True))
        given = dict(
            zip(batch.keys[places].tolist(), priorities[places].tolist(), strict=True)
        )  # of a key given twice the last one
        assert {key: stored[key] for key in given} == given
        assert sum(priority >= 10.0 for priority in stored.values()) == len(given)


def test_a_draw_that_is_refused_too_long_is_an_error(client: ReplayClient) -> None:
    name = f"run-{uuid.uuid4().hex}"
    for table, spec in (
        (name, transition_table_spec(CONFIG, SPACE, spaces.Discrete(2), 0)),
        (f"{name}.fresh", fresh_table_spec(CONFIG, SPACE, spaces.Discrete(2), 0)),
    ):
        client.create_table(table, spec)

    with pytest.raises(RateLimitedError):
        draws(client, (name, f"{name}.fresh")).next_tensors()
