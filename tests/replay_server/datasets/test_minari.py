"""Data sets that Minari itself wrote go into a table of steps and out again equal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from replay_server.datasets.importing import open_dataset
from tests.contract.peer import Peer
from tests.replay_server.datasets.tables import read
from tests.replay_server.datasets.test_commands import run

SPACES = {
    "vector": (gym.spaces.Box(-1, 1, (3,), np.float64), gym.spaces.Discrete(4)),
    "dict": (
        gym.spaces.Dict({"image": gym.spaces.Box(0, 255, (40, 40, 3), np.uint8),
                         "goal": gym.spaces.Dict({"x": gym.spaces.Box(-9, 9, (2,), np.float32)})}),
        gym.spaces.Box(-2, 2, (2,), np.float32),
    ),
    "tuple": (
        gym.spaces.Tuple((gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Discrete(3))),
        gym.spaces.MultiDiscrete([3, 5]),
    ),
}  # fmt: skip


@pytest.fixture
def peer(server_url: str) -> Iterator[Peer]:
    with Peer(server_url) as connection:
        yield connection


def stacked(space: gym.Space[Any], count: int) -> Any:
    values = [space.sample() for _ in range(count)]
    if isinstance(space, gym.spaces.Dict):
        return {k: stacked(below, count) for k, below in space.spaces.items()}
    if isinstance(space, gym.spaces.Tuple):
        return tuple(stacked(below, count) for below in space.spaces)
    return np.stack(values)


def foreign(folder: Path, name: str, form: str) -> minari.MinariDataset:
    """A data set of Minari's making: episodes of 1, 5 and 30 steps."""
    observations, actions = SPACES[name]
    observations.seed(1), actions.seed(2)
    buffers = [
        EpisodeBuffer(
            observations=stacked(observations, n + 1),
            actions=stacked(actions, n),
            rewards=(np.arange(n) / 3).tolist(),
            terminations=[False] * (n - 1) + [n == 5],
            truncations=[False] * (n - 1) + [n != 5],
            infos={"seen": np.ones((n + 1, 2))},
        )
        for n in (1, 5, 30)
    ]
    return minari.create_dataset_from_buffers(
        f"test/{name}-{form}-v0", buffers, observation_space=observations, action_space=actions,
        data_format=form, jpeg_encoding=False,
    )  # fmt: skip


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for part, below in expected.items():
            assert_same(found[part], below)
    elif isinstance(expected, tuple):
        for place, below in enumerate(expected):
            assert_same(found[f"_{place}"], below)
    else:
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::UserWarning")  # that nobody is named as the author
@pytest.mark.parametrize("form", ["hdf5", "arrow"])
@pytest.mark.parametrize("name", ["vector", "dict", "tuple"])
def test_a_data_set_goes_in_and_out_equal(
    peer: Peer, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str,
    form: str,
):  # fmt: skip
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    original, table = foreign(tmp_path, name, form), f"minari-{name}-{form}"
    out = tmp_path / "test" / f"out-{name}-v3"

    told = run(server_url, "import", "--table", table, tmp_path / f"test/{name}-{form}-v0")[1]
    run(server_url, "export", "--table", table, out)
    peer.send("DELETE", f"/v1/tables/{table}")

    assert told == "replay-server: infos are left out"
    again = minari.load_dataset(f"test/out-{name}-v3")
    assert (again.total_steps, again.total_episodes) == (36, 3)
    for found, expected in zip(again.iterate_episodes(), original.iterate_episodes(), strict=True):
        assert_same(found.observations, expected.observations)
        assert_same(found.actions, expected.actions)
        for part in ("rewards", "terminations", "truncations"):
            assert np.array_equal(getattr(found, part), getattr(expected, part)), part
    assert again.action_space.contains(next(again.iterate_episodes()).actions[0]) or name == "tuple"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_reading_may_begin_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    foreign(tmp_path, "vector", "hdf5")
    dataset = open_dataset(tmp_path / "test" / "vector-hdf5-v0")
    whole, _, _ = read(dataset)

    for start in (1, 2, 8, 38):
        rest, _, _ = read(dataset, start)
        assert all(np.array_equal(rest[column], whole[column][start:]) for column in whole)
    assert len(whole["reward"]) == dataset.description.rows == 39
