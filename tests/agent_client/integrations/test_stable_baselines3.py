"""Stable-Baselines3 on a table: what is drawn and what is learned are as with its own buffer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import DQN, SAC, TD3
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agent_client import ReplayClient, ServerUnreachableError
from agent_client.integrations import remote_table
from agent_client.integrations.stable_baselines3 import RemoteReplayBuffer
from agent_client.run_errors import UnsuitableTableError

PLAIN = spaces.Box(-1.0, 1.0, (3,), np.float32)
PARTS = spaces.Dict({"camera": spaces.Box(0, 255, (2, 2, 1), np.uint8), "goal": spaces.Discrete(5)})
CHOICE = spaces.Discrete(4)
FORCE = spaces.Box(-1.0, 1.0, (2,), np.float32)


@pytest.fixture
def make(server_url: str, table: str) -> Iterator[Callable[..., RemoteReplayBuffer]]:
    """Make buffers of one table, which are closed at the end."""
    made: list[RemoteReplayBuffer] = []

    def make(*arguments: Any, **options: Any) -> RemoteReplayBuffer:
        buffer = RemoteReplayBuffer(
            *arguments, **{"server": server_url, "table": table, "prefetch": 0, **options}
        )
        made.append(buffer)
        return buffer

    yield make
    for buffer in made:
        buffer.close()


def values(space: spaces.Space[Any], environments: int, rng: np.random.Generator) -> Any:
    if isinstance(space, spaces.Dict):
        return {part: values(inner, environments, rng) for part, inner in space.spaces.items()}
    if isinstance(space, spaces.Discrete):
        return rng.integers(space.n, size=environments)
    return (rng.random((environments, *space.shape)) * 100).astype(space.dtype)


def fill(buffers: list[Any], steps: int, space: Any, actions: Any, environments: int) -> None:
    """Add the same transitions to all buffers, with every kind of end among them."""
    rng = np.random.default_rng(5)
    for _ in range(steps):
        done = rng.random(environments) < 0.6
        infos = [{"TimeLimit.truncated": bool(rng.random() < 0.5)} for _ in done]
        step = (
            values(space, environments, rng),
            values(space, environments, rng),
            values(actions, environments, rng),
            rng.normal(size=environments),
            done,
            [info if over else {} for info, over in zip(infos, done, strict=True)],
        )
        for buffer in buffers:
            buffer.add(*step)


def same_rows(own: ReplayBuffer, keys: Any, environments: int, env: Any) -> Any:
    """Return what the library's own buffer gives for the rows of these keys."""
    rows, places = np.divmod(np.asarray(keys), environments)
    randint = np.random.randint
    try:
        np.random.randint = lambda *_, **__: places  # type: ignore[assignment]
        return own._get_samples(rows % own.buffer_size, env)
    finally:
        np.random.randint = randint


def assert_same(drawn: Any, expected: Any) -> None:
    assert type(drawn) is type(expected)
    for field in ("observations", "actions", "next_observations", "dones", "rewards"):
        ours, theirs = getattr(drawn, field), getattr(expected, field)
        if not isinstance(theirs, dict):
            ours, theirs = {"": ours}, {"": theirs}
        assert ours.keys() == theirs.keys()
        for part, tensor in theirs.items():
            assert ours[part].dtype == tensor.dtype, field
            assert ours[part].shape == tensor.shape, field
            assert torch.equal(ours[part], tensor), field
    assert drawn.discounts is None


@pytest.mark.parametrize("handle_timeouts", [True, False])
@pytest.mark.parametrize("environments", [1, 3])
@pytest.mark.parametrize("space", [PLAIN, PARTS], ids=["plain", "parts"])
@pytest.mark.parametrize("actions", [CHOICE, FORCE], ids=["choice", "force"])
def test_the_same_rows_are_the_same_tensors(
    make: Any, space: Any, actions: Any, environments: int, handle_timeouts: bool
) -> None:
    options = {"n_envs": environments, "handle_timeout_termination": handle_timeouts}
    own_type = DictReplayBuffer if isinstance(space, spaces.Dict) else ReplayBuffer
    own = own_type(30, space, actions, "cpu", **options)
    remote = make(30, space, actions, "cpu", **options)
    fill([own, remote], 40, space, actions, environments)  # it overflows

    drawn = remote.sample(64)

    assert remote.size() == own.size() * environments
    assert_same(drawn, same_rows(own, remote.last_batch.keys, environments, None))
    assert 0 < drawn.dones.sum() < 64


@pytest.mark.parametrize("space", [PLAIN, PARTS], ids=["plain", "parts"])
def test_rows_are_normalized_when_they_are_drawn(make: Any, space: Any) -> None:
    env = _normalizing(space)
    own_type = DictReplayBuffer if isinstance(space, spaces.Dict) else ReplayBuffer
    own, remote = own_type(50, space, CHOICE, "cpu"), make(50, space, CHOICE, "cpu")
    fill([own, remote], 20, space, CHOICE, 1)

    drawn = remote.sample(32, env)

    assert_same(drawn, same_rows(own, remote.last_batch.keys, 1, env))
    raw = remote._samples(remote.last_batch.columns, None)
    assert not torch.equal(drawn.rewards, raw.rewards)


def _normalizing(space: Any) -> VecNormalize:
    class Still(gymnasium.Env):  # type: ignore[type-arg]
        observation_space, action_space = space, CHOICE

    keys = ["camera"] if isinstance(space, spaces.Dict) else None
    env = VecNormalize(DummyVecEnv([Still]), norm_obs_keys=keys)
    rng = np.random.default_rng(0)
    parts = env.obs_rms if isinstance(env.obs_rms, dict) else {"": env.obs_rms}
    for part in parts.values():
        part.update(rng.normal(3.0, 2.0, (50, *part.mean.shape)))
    env.ret_rms.update(rng.normal(1.0, 4.0, 50))
    return env


class Recording(RemoteReplayBuffer):
    """Remembers which rows were drawn."""

    drawn: list[np.ndarray[Any, Any]]

    def sample(self, *arguments: Any, **options: Any) -> Any:
        samples = super().sample(*arguments, **options)
        assert self.last_batch is not None
        self.__dict__.setdefault("drawn", []).append(self.last_batch.keys.copy())
        return samples


@pytest.mark.parametrize(
    ("algorithm", "environment", "environments"),
    [
        (DQN, "CartPole-v1", 1),
        (DQN, "CartPole-v1", 2),
        (SAC, "Pendulum-v1", 1),
        (TD3, "Pendulum-v1", 1),
    ],
)
def test_the_same_draws_make_the_same_network(
    server_url: str, table: str, algorithm: Any, environment: str, environments: int
) -> None:
    def learn(buffer: Any, options: dict[str, Any]) -> Any:
        env = DummyVecEnv([lambda: gymnasium.make(environment)] * environments)
        common = {"learning_starts": 40, "buffer_size": 100, "batch_size": 16, "seed": 3}
        small = {"net_arch": [16]}
        model = algorithm(
            "MlpPolicy",
            env,
            replay_buffer_class=buffer,
            replay_buffer_kwargs=options,
            policy_kwargs=small,
            device="cpu",
            **common,
        )
        return model.learn(120)

    remote = learn(Recording, {"server": server_url, "table": table, "prefetch": 0})
    draws = iter(remote.replay_buffer.drawn)

    class Repeating(ReplayBuffer):
        def sample(self, batch_size: int, env: Any = None) -> Any:
            return same_rows(self, next(draws), environments, env)

    own = learn(Repeating, {})
    remote.replay_buffer.close()

    assert next(draws, None) is None
    assert own._n_updates >= 10
    for name, weights in own.policy.state_dict().items():
        assert torch.equal(weights, remote.policy.state_dict()[name]), name


def test_several_learners_draw_from_one_table(server_url: str, table: str) -> None:
    options = {"server": server_url, "table": table}
    first, second = (
        DQN(
            "MlpPolicy",
            "CartPole-v1",
            replay_buffer_class=RemoteReplayBuffer,
            replay_buffer_kwargs=options,
            learning_starts=50,
            buffer_size=1000,
            seed=seed,
        )
        for seed in (1, 2)
    )

    first.learn(100)
    first.replay_buffer.flush()
    second.learn(60)

    assert second.replay_buffer.last_batch.size > 100  # those of the first among them
    assert second.replay_buffer.size() == 160
    first.replay_buffer.close()
    second.replay_buffer.close()


def test_a_loaded_model_goes_on_with_the_rows_that_are_there(
    server_url: str, table: str, tmp_path: Path
) -> None:
    model = DQN(
        "MlpPolicy",
        "CartPole-v1",
        replay_buffer_class=RemoteReplayBuffer,
        replay_buffer_kwargs={"server": server_url, "table": table},
        learning_starts=20,
    )
    model.learn(48)
    model.save(tmp_path / "model")
    model.replay_buffer.close()

    loaded = DQN.load(tmp_path / "model", env=gymnasium.make("CartPole-v1"))

    assert loaded.replay_buffer.size() == 48
    loaded.learn(28, reset_num_timesteps=False)
    assert loaded.replay_buffer.size() == 76
    loaded.replay_buffer.close()


def test_a_saved_buffer_says_where_its_rows_are(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_table, "_FLUSH_INTERVAL_S", 60.0)
    buffer = make(100, PLAIN, CHOICE, "cpu")
    model = DQN("MlpPolicy", "CartPole-v1", buffer_size=10)
    model.replay_buffer = buffer
    fill([buffer], 20, PLAIN, CHOICE, 1)
    buffer.sample(4)
    fill([buffer], 5, PLAIN, CHOICE, 1)

    model.save_replay_buffer(tmp_path / "buffer")
    model.load_replay_buffer(tmp_path / "buffer.pkl")

    assert model.replay_buffer is not buffer
    assert model.replay_buffer.size() == 25
    assert (tmp_path / "buffer.pkl").stat().st_size < 10_000
    model.replay_buffer.close()


def test_batches_drawn_ahead_are_as_large_as_asked(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_table, "_FLUSH_INTERVAL_S", 60.0)
    buffer = make(100, PLAIN, CHOICE, "cpu", prefetch=4, timeout_s=5.0)
    fill([buffer], 20, PLAIN, CHOICE, 1)

    sizes = [len(buffer.sample(size).rewards) for size in (5, 5, 5, 5, 5, 5, 7, 7)]

    assert sizes == [5] * 6 + [7] * 2


@pytest.mark.parametrize("prefetch", [0, 4])
def test_priorities_of_the_last_batch_are_stored(
    make: Any, server_url: str, table: str, prefetch: int
) -> None:
    buffer = make(
        100,
        PLAIN,
        CHOICE,
        "cpu",
        prefetch=prefetch,
        table_spec={"sampler": {"kind": "prioritized"}},
    )
    fill([buffer], 6, PLAIN, CHOICE, 1)

    buffer.sample(4)
    keys = buffer.last_batch.keys.copy()
    buffer.update_priorities(np.full(4, 0.25))
    buffer.close()

    with ReplayClient(server_url) as client:
        rows = client.scan(table)
    expected = [0.25 if key in keys else 1.0 for key in rows.keys.tolist()]
    assert rows.priorities.tolist() == expected


def test_reset_empties_the_table(make: Any) -> None:
    buffer = make(100, PLAIN, CHOICE, "cpu")
    fill([buffer], 6, PLAIN, CHOICE, 1)

    buffer.reset()

    assert buffer.size() == 0


def test_a_table_of_other_columns_is_refused_by_name(make: Any, table: str) -> None:
    make(100, PLAIN, CHOICE, "cpu").size()
    other = make(100, spaces.Box(-1, 1, (7,), np.float32), CHOICE, "cpu")

    with pytest.raises(UnsuitableTableError) as caught:
        other.size()

    assert caught.value.table == table


def test_a_model_is_made_and_loaded_without_a_server(tmp_path: Path, table: str) -> None:
    model = DQN(
        "MlpPolicy",
        "CartPole-v1",
        replay_buffer_class=RemoteReplayBuffer,
        replay_buffer_kwargs={"server": "http://127.0.0.1:9", "table": table, "timeout_s": 0.1},
    )
    model.save(tmp_path / "model")

    DQN.load(tmp_path / "model").predict(np.zeros(4, np.float32))


def test_a_server_that_is_away_is_told_at_the_first_step(table: str) -> None:
    buffer = RemoteReplayBuffer(
        10, PLAIN, CHOICE, "cpu", server="http://127.0.0.1:9", table=table, timeout_s=0.1
    )

    with pytest.raises(ServerUnreachableError):
        fill([buffer], 1, PLAIN, CHOICE, 1)


@pytest.mark.parametrize(
    ("space", "options"),
    [
        pytest.param(PLAIN, {"optimize_memory_usage": True}, id="optimize_memory_usage"),
        pytest.param(PLAIN, {"prefetch": -1}, id="negative prefetch"),
        pytest.param(spaces.Dict({"my camera": PLAIN}), {}, id="name of a part"),
        pytest.param(spaces.Box(-1, 1, (2,), np.longdouble), {}, id="dtype"),
    ],
)
def test_what_cannot_work_is_refused_at_once(make: Any, space: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make(10, space, CHOICE, "cpu", **options)
