"""Stable-Baselines3 with its replay buffer in the service: DQN, SAC and TD3, one argument.

    model = DQN(
        "MlpPolicy",
        "CartPole-v1",
        replay_buffer_class=RemoteReplayBuffer,
        replay_buffer_kwargs={"server": "http://127.0.0.1:8000", "table": "cartpole"},
    )
    model.learn(50_000)
    model.replay_buffer.close()

Several models may share a table. A model that is saved knows its table by name, so one that is
loaded goes on with the rows that are there. Needs the extra `sb3`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from agent_client.batches import Batch
from agent_client.integrations.remote_table import RemoteTable
from agent_client.run_errors import MissingExtraError
from agent_client.tensors import to_tensor
from replay_wire.arrays import DTYPES
from replay_wire.specs import COLUMN_NAME

try:
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.preprocessing import get_obs_shape
    from stable_baselines3.common.type_aliases import DictReplayBufferSamples, ReplayBufferSamples
    from stable_baselines3.common.vec_env import VecNormalize
except ModuleNotFoundError as error:
    raise MissingExtraError("agent_client.integrations.stable_baselines3", "sb3") from error

__all__ = ["RemoteReplayBuffer"]

_INFO_TRUNCATED = "TimeLimit.truncated"
Observations = NDArray[Any] | dict[str, NDArray[Any]]


class RemoteReplayBuffer(ReplayBuffer):
    """Stable-Baselines3's replay buffer, its rows in a table of a replay server.

    What `sample` returns is what the library's own buffer returns for the same rows, dtypes and
    shapes included, for plain observations and for those of a Dict space. A row is a transition of
    one environment: the columns `observation` and `next_observation` (of a Dict space
    `observation/x` and `next_observation/x`), `action`, `reward`, `terminated` and `truncated`.

    Rows go out in the background, exactly once, and batches are drawn ahead: the newest rows are
    drawn a moment later than from a buffer in the same process. `prefetch=0` hides nothing.

    Attributes:
        last_batch: what `sample` has drawn last, with its keys and importance weights, for
            algorithms that make use of priorities; None before.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
        *,
        table: str,
        server: str = "http://127.0.0.1:8000",
        table_spec: Mapping[str, Any] | None = None,
        prefetch: int = 16,
        tls_ca: str | Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Name the table; the server is asked at the first `add`, `sample` or `size`.

        The arguments up to `handle_timeout_termination` are the library's, and it passes them. The
        others come from `replay_buffer_kwargs`. A token is taken from the variable REPLAY_TOKEN: it
        has to be an admin's where the table does not stand yet.

        Args:
            buffer_size: rows of the table, where it is made here.
            observation_space: of one environment.
            action_space: of one environment.
            device: where tensors go.
            n_envs: environments whose transitions come together.
            optimize_memory_usage: not supported.
            handle_timeout_termination: whether an episode that was cut off goes on, as far as
                `dones` tells.
            table: its name; one that stands is used as it is.
            server: the server's URL.
            table_spec: more of the spec that it is made of (docs/protocol.md), such as another
                `sampler` than a uniform one, a `rate_limiter` or a `seed`.
            prefetch: batches drawn ahead, half of them in one request; 0 draws each when it is
                asked for, once all that was added is stored.
            tls_ca: PEM file of the authorities to trust for https.
            timeout_s: how long a draw may wait for its batch, and rows for a server that is away.

        Raises:
            ValueError: the spaces make no columns, or `optimize_memory_usage` was asked for.
        """
        super(ReplayBuffer, self).__init__(
            buffer_size, observation_space, action_space, device, n_envs=n_envs
        )  # not ReplayBuffer's own, which would make room for the rows
        if optimize_memory_usage:
            raise ValueError(
                "RemoteReplayBuffer knows no optimize_memory_usage: leave it out. The rows are not "
                "in this process; agent_client.StepWriter stores each observation once"
            )
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.optimize_memory_usage = False
        self.handle_timeout_termination = handle_timeout_termination
        self.last_batch: Batch | None = None
        self._parts = _observation_parts(observation_space)
        columns = self._columns()
        self._row_dtypes = {name: np.dtype(column["dtype"]) for name, column in columns.items()}
        self._table = RemoteTable(
            server,
            table,
            {
                "capacity": self.buffer_size * n_envs,
                "columns": columns,
                "sampler": {"kind": "uniform"},
                **(table_spec or {}),
            },
            prefetch=prefetch,
            tls_ca=tls_ca,
            timeout_s=timeout_s,
        )

    def add(
        self,
        obs: Observations,
        next_obs: Observations,
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Take a transition of each environment; all values are copied.

        Raises:
            UnsuitableTableError: the table that stands has other columns.
            ReplayClientError: the server could not be asked, or refused earlier rows.
        """
        columns: dict[str, NDArray[Any]] = {
            "action": np.reshape(action, (self.n_envs, self.action_dim)),
            "reward": np.asarray(reward),
        }
        for prefix, whole in (("observation", obs), ("next_observation", next_obs)):
            for part, shape in self._parts.items():
                values = whole[part] if isinstance(whole, dict) else whole
                columns[prefix + (f"/{part}" if part else "")] = np.reshape(
                    values, (self.n_envs, *shape)
                )
        for name, values in columns.items():
            columns[name] = values.astype(self._row_dtypes[name], copy=False)
        for place in range(self.n_envs):
            row: dict[str, Any] = {name: values[place] for name, values in columns.items()}
            is_done = bool(done[place])
            was_cut_off = is_done and bool(infos[place].get(_INFO_TRUNCATED, False))
            row["terminated"] = is_done and not was_cut_off
            row["truncated"] = was_cut_off
            self._table.append(row)

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> Any:
        """Return a batch as the library's own buffer does.

        Args:
            batch_size: B.
            env: normalizes observations and rewards as they are drawn.

        Returns:
            `ReplayBufferSamples`; of a Dict space `DictReplayBufferSamples`.

        Raises:
            BatchTimeoutError: none came in time; its cause is what stood in the way.
            RateLimitedError: with `prefetch=0`, too few rows were there.
        """
        self.last_batch = self._table.draw(batch_size)
        return self._samples(self.last_batch.columns, env)

    def update_priorities(self, priorities: NDArray[Any]) -> None:
        """Have raw priorities, [B], of the last batch's rows stored with a coming draw.

        Raises:
            ValueError: nothing was sampled yet, or they are not as many as the batch's rows.
        """
        if self.last_batch is None:
            raise ValueError("nothing was sampled yet whose priorities these could be")
        self._table.update_priorities(self.last_batch.keys, priorities)

    def size(self) -> int:
        """Return how many rows the table has, whoever added them."""
        return self._table.size()

    def flush(self) -> None:
        """Return when the server has every row that was added."""
        self._table.flush()

    def reset(self) -> None:
        """Empty the table, for everybody who uses it."""
        self._table.reset()
        self.last_batch = None

    def close(self) -> None:
        """Send what is left and close the connections. Used again, it connects again."""
        self._table.close()

    def __getstate__(self) -> dict[str, Any]:
        """Return where the rows are, once all of them are there."""
        return {**self.__dict__, "last_batch": None}

    def _get_samples(
        self, batch_inds: NDArray[Any], env: VecNormalize | None = None
    ) -> ReplayBufferSamples:
        raise NotImplementedError("the server draws the rows: call `sample`")

    def _samples(
        self, columns: dict[str, NDArray[Any]], env: VecNormalize | None
    ) -> ReplayBufferSamples | DictReplayBufferSamples:
        is_done = columns["terminated"]
        if not self.handle_timeout_termination:
            is_done = is_done | columns["truncated"]
        observations = self._observations(columns, "observation", env)
        following = self._observations(columns, "next_observation", env)
        actions = self._tensor(columns["action"])
        dones = self._tensor(is_done.reshape(-1, 1)).float()
        rewards = self._tensor(self._normalize_reward(columns["reward"].reshape(-1, 1), env))
        if "" in self._parts:
            return ReplayBufferSamples(observations[""], actions, following[""], dones, rewards)
        return DictReplayBufferSamples(observations, actions, following, dones, rewards)

    def _observations(
        self, columns: dict[str, NDArray[Any]], name: str, env: VecNormalize | None
    ) -> dict[str, torch.Tensor]:
        """Return the parts of observations by name; what has none is the part ""."""
        if "" in self._parts:
            normalized: Any = {"": self._normalize_obs(columns[name], env)}
        else:
            parts = {part: columns[f"{name}/{part}"] for part in self._parts}
            normalized = self._normalize_obs(parts, env)
        return {part: self._tensor(values) for part, values in normalized.items()}

    def _tensor(self, values: NDArray[Any]) -> torch.Tensor:
        return to_tensor(values, self.device)

    def _columns(self) -> dict[str, dict[str, Any]]:
        """Return the table's columns.

        Raises:
            ValueError: a space has no values of a dtype that the wire carries.
        """
        space = self.observation_space
        columns: dict[str, dict[str, Any]] = {}
        for prefix in ("observation", "next_observation"):
            for part, shape in self._parts.items():
                inner = space.spaces[part] if isinstance(space, spaces.Dict) else space
                name = prefix + (f"/{part}" if part else "")
                columns[name] = _column(name, inner.dtype, shape)
        action_dtype = self._maybe_cast_dtype(self.action_space.dtype)
        columns["action"] = _column("action", action_dtype, (self.action_dim,))
        columns["reward"] = _column("reward", np.float32, ())
        columns["terminated"] = columns["truncated"] = _column("terminated", np.bool_, ())
        return columns


def _observation_parts(space: spaces.Space[Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each part of a Dict space by its name; of any other space that of ""."""
    shapes: Any = get_obs_shape(space)
    if not isinstance(space, spaces.Dict):
        return {"": shapes}
    for part in space.spaces:
        if not COLUMN_NAME.fullmatch(f"observation/{part}"):
            raise ValueError(
                f"part {part!r} of the observation makes no column: rename it to letters, digits "
                "and _, the first no digit"
            )
    return dict(shapes)


def _column(name: str, dtype: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    found = np.dtype(dtype).newbyteorder("<")
    if dtype is None or found.str not in DTYPES:
        raise ValueError(f"{name}: values of dtype {dtype} cannot be a column")
    return {"dtype": found.str, "shape": list(shape)}
