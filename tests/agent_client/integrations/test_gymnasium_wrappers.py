"""Recording wrappers: what an environment gives is what the table has."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from agent_client import ReplayClient, UnknownTableError, WriterClosedError
from agent_client.integrations.gymnasium_wrappers import RecordToReplay, RecordVectorToReplay
from agent_client.run_errors import UnsuitableTableError
from agent_client.step_tables import step_table_spec


class Counting(gymnasium.Env[Any, Any]):
    """Observes how many steps were done; ends after some, by termination or truncation."""

    observation_space = spaces.Box(0, 100, (1,), np.float32)
    action_space = spaces.Discrete(9)

    def __init__(self, length: int = 3, terminates: bool = True) -> None:
        self._length, self._terminates, self._steps = length, terminates, 0

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._observation(), {"reset": True}

    def step(self, action: Any) -> Any:
        self._steps += 1
        is_over = self._steps == self._length
        ends = is_over and self._terminates
        return self._observation(), float(action), ends, is_over and not ends, {"step": self._steps}

    def _observation(self) -> Any:
        return np.array([self._steps], np.float32)


def rows_of(url: str, table: str) -> list[tuple[Any, ...]]:
    """Return observation, action, reward, is_first, is_last, is_terminal of each row, in order."""
    with ReplayClient(url) as client:
        columns = client.scan(table).columns
    names = ("action", "reward", "is_first", "is_last", "is_terminal")
    observed = columns["observation"][:, 0].tolist()
    return list(zip(observed, *(columns[name].tolist() for name in names), strict=True))


@pytest.mark.parametrize("terminates", [True, False])
def test_episodes_end_as_the_environment_ends_them(
    server_url: str, table: str, terminates: bool
) -> None:
    with ReplayClient(server_url) as client:
        env = RecordToReplay(Counting(2, terminates), client, table)
        for _ in range(2):
            assert env.reset()[1] == {"reset": True}
            assert env.step(4)[2:] == (False, False, {"step": 1})
            assert env.step(np.int64(5))[2:] == (terminates, not terminates, {"step": 2})
        env.close()

    episode = [
        (0.0, 4, 4.0, True, False, False),
        (1.0, 5, 5.0, False, False, False),
        (2.0, 0, 0.0, False, True, terminates),
    ]
    assert rows_of(server_url, table) == episode * 2


def test_an_episode_that_is_left_is_cut_off(server_url: str, table: str) -> None:
    env = RecordToReplay(Counting(9), server_url, table)
    env.reset()
    env.step(1)
    env.step(2)
    env.reset()
    env.step(3)
    env.step(4)
    env.close()

    rows = rows_of(server_url, table)
    with ReplayClient(server_url) as client:
        drawn = client.sample(table, 50).columns

    assert [row[:4] for row in rows] == [
        (0.0, 1, 1.0, True),
        (1.0, 2, 2.0, False),
        (0.0, 3, 3.0, True),
        (1.0, 4, 4.0, False),
    ]
    assert set(drawn["action"].tolist()) == {1, 3}  # what came of 2 and 4 is not known


def test_a_table_that_stands_is_used_as_it_is(server_url: str, table: str) -> None:
    env = Counting()
    spec = step_table_spec(env.observation_space, env.action_space, 50, n_step=2)
    with ReplayClient(server_url) as client:
        client.create_table(table, spec)
        recorded = RecordToReplay(env, client, table)
        recorded.reset()
        recorded.step(1)
        recorded.close()
        found = client.describe_table(table)

    assert found["spec"]["capacity"] == 50
    assert found["stats"]["rows"] == 1


def test_the_table_is_made_as_it_is_asked_for(server_url: str, table: str) -> None:
    RecordToReplay(Counting(), server_url, table, capacity=77).close()

    with ReplayClient(server_url) as client:
        assert client.describe_table(table)["spec"]["capacity"] == 77


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"capacity": 10, "columns": {"a": {"dtype": "<f4", "shape": []}}}, id="rows"),
        pytest.param(
            step_table_spec(spaces.Box(0, 1, (3,)), spaces.Discrete(9), 50), id="other observations"
        ),
    ],
)
def test_a_table_of_something_else_is_refused(server_url: str, table: str, spec: Any) -> None:
    with ReplayClient(server_url) as client:
        client.create_table(table, spec)
        with pytest.raises(UnsuitableTableError):
            RecordToReplay(Counting(), client, table)


def test_close_tells_of_rows_that_were_lost_and_closes_the_environment(
    server_url: str, table: str
) -> None:
    closed = []
    inner = Counting()
    inner.close = lambda: closed.append(True)  # type: ignore[method-assign]
    with ReplayClient(server_url) as client:
        spec = step_table_spec(inner.observation_space, inner.action_space, 50)
        env = RecordToReplay(inner, client, table, spec={**spec, "capacity": 50})
        env.reset()
        client.delete_table(table)
        client.create_table(table, {"capacity": 5, "columns": {"a": {"dtype": "|u1", "shape": []}}})
        env.step(1)

        with pytest.raises(WriterClosedError):
            env.close()

    assert closed == [True]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_environments_of_a_vector_are_streams_of_their_own(
    server_url: str, table: str, mode: AutoresetMode
) -> None:
    lengths = (2, 3)
    env = RecordVectorToReplay(
        SyncVectorEnv(
            [lambda length=length: Counting(length, length == 2) for length in lengths],
            autoreset_mode=mode,
        ),
        server_url,
        table,
    )
    env.reset()
    for _ in range(9):
        _, _, terminated, truncated, _ = env.step(np.array([4, 5]))
        over = terminated | truncated
        if mode is AutoresetMode.DISABLED and over.any():
            env.reset(options={"reset_mask": over})
    env.close()

    with ReplayClient(server_url) as client:
        drawn = client.sample(table, 400).columns
        rows = client.scan(table).columns
    assert np.array_equal(rows["is_first"], rows["observation"][:, 0] == 0)
    seen = {
        (action, *pair)
        for action, *pair in zip(
            drawn["action"].tolist(),
            drawn["observation"][:, 0].tolist(),
            drawn["next_observation"][:, 0].tolist(),
            (drawn["discount"] == 0).tolist(),
            strict=True,
        )
    }
    assert seen == {
        (4, 0.0, 1.0, False),
        (4, 1.0, 2.0, True),
        (5, 0.0, 1.0, False),
        (5, 1.0, 2.0, False),
        (5, 2.0, 3.0, False),
    }


def test_a_vector_environment_is_told_its_own_wrapper(server_url: str, table: str) -> None:
    with pytest.raises(TypeError, match="RecordVectorToReplay"):
        RecordToReplay(SyncVectorEnv([Counting]), server_url, table)  # type: ignore[arg-type]

    with ReplayClient(server_url) as client, pytest.raises(UnknownTableError):
        client.describe_table(table)
