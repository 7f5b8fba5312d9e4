"""TorchRL with its replay buffer in the service: TensorDicts in, TensorDicts out.

    buffer = RemoteReplayBuffer(table="pendulum", capacity=100_000, batch_size=256)
    for data in collector:
        buffer.extend(data.reshape(-1))
        sample = buffer.sample()
        sample["td_error"] = ...
        buffer.update_tensordict_priority(sample)

The entries of a TensorDict are the table's columns, nested ones by their path: `next/observation`.
Several processes may share a table. Needs the extra `torchrl`.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from agent_client.batches import Batch
from agent_client.errors import UnknownTableError
from agent_client.integrations.remote_table import RemoteTable
from agent_client.run_errors import MissingExtraError
from agent_client.tensors import to_tensor
from agent_client.writer.delivery import unique_writer_id
from replay_wire.arrays import DTYPES
from replay_wire.specs import COLUMN_NAME

try:
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import ReplayBuffer
except ModuleNotFoundError as error:
    raise MissingExtraError("agent_client.integrations.torchrl", "torchrl") from error

__all__ = ["RemoteReplayBuffer"]

_INSERT_BYTES: Final = 1 << 24
_OUR_ENTRIES: Final = ("index", "priority_weight")


class RemoteReplayBuffer(ReplayBuffer):  # type: ignore[misc]
    """TorchRL's replay buffer, its rows in a table of a replay server.

    `extend`, `add`, `sample`, `update_priority`, `update_tensordict_priority`, `len`, `empty`,
    iteration and transforms are as TorchRL has them; storage, sampler and writer are the server's.
    A sample has, beside its entries, `index`, the rows' keys, which are never reused, and
    `priority_weight`, their importance weights.
    """

    def __init__(
        self,
        *,
        table: str,
        capacity: int,
        server: str = "http://127.0.0.1:8000",
        batch_size: int | None = None,
        priority_key: str = "td_error",
        alpha: float | None = None,
        beta: float = 0.4,
        eps: float = 1e-8,
        table_spec: Mapping[str, Any] | None = None,
        prefetch: int = 0,
        device: torch.device | str | None = None,
        tls_ca: str | Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Name the table; it is made by the first `extend`, of what comes, where it does not stand.

        A token is taken from the variable REPLAY_TOKEN.

        Args:
            table: its name; one that stands is used as it is.
            capacity: rows of the table, where it is made here.
            server: the server's URL.
            batch_size: of a sample, where none is asked for.
            priority_key: the entry that priorities are taken from.
            alpha: priority exponent; None draws uniformly.
            beta: importance-sampling exponent.
            eps: added to priorities.
            table_spec: more of the spec that the table is made of (docs/protocol.md).
            prefetch: batches drawn ahead; with 0 each is drawn when it is asked for.
            device: where samples go; None is the CPU.
            tls_ca: PEM file of the authorities to trust for https.
            timeout_s: how long a sample drawn ahead may be waited for.
        """
        from torchrl.envs.transforms import Compose

        sampler = {"kind": "uniform"}
        if alpha is not None:
            sampler = {"kind": "prioritized", "alpha": alpha, "beta": beta}  # type: ignore[dict-item]
        spec = {"capacity": capacity, "sampler": sampler, **(table_spec or {})}
        self._table = RemoteTable(
            server, table, spec, prefetch=prefetch, tls_ca=tls_ca, timeout_s=timeout_s
        )
        self._batch_size = batch_size
        self._priority_key = priority_key
        self._eps = eps
        self._device = device
        self._transform = Compose()
        self._writer_id = unique_writer_id()
        self._sequences = itertools.count()
        self._written = 0
        self.shared = False
        self._delayed_init = False  # the library's methods ask for it first

    @property
    def batch_size(self) -> int | None:
        """Of a sample, where none is asked for."""
        return self._batch_size

    @property
    def write_count(self) -> int:
        """Rows that this buffer has written."""
        return self._written

    def extend(self, data: TensorDictBase, *, update_priority: bool | None = None) -> torch.Tensor:
        """Store the elements along the first dimension, exactly once; return their keys, [N] int64.

        Args:
            data: [N, ...]. An entry `priority_key` becomes the rows' priority, and is stored.
            update_priority: False leaves new rows the table's highest priority so far.

        Raises:
            ValueError: it is no TensorDict with a first dimension, or an entry makes no column.
            SchemaMismatchError: its entries are not the table's columns.
        """
        if len(self._transform):
            data = self._transform.inv(data)
        if data is None:
            return torch.zeros(0, dtype=torch.long)
        if not isinstance(data, TensorDictBase) or not data.ndim:
            raise ValueError("expected a TensorDict with a first dimension; `add` takes one row")
        columns = _columns(data.exclude(*_OUR_ENTRIES))
        priorities = None
        given = None if update_priority is False else data.get(self._priority_key, None)
        if given is not None:
            priorities = self._priorities(given, data.shape[0])
        keys = torch.from_numpy(self._insert(columns, priorities, data.shape[0]))
        data.set("index", keys.reshape(-1, *[1] * (data.ndim - 1)).expand(data.shape))
        return keys

    def add(self, data: TensorDictBase) -> int:
        """Store one row, a TensorDict without dimensions; return its key."""
        return int(self.extend(data.unsqueeze(0))[0])

    def sample(self, batch_size: int | None = None, return_info: bool = False) -> Any:
        """Return [B] rows as the server draws them; with `return_info` also keys and weights.

        Raises:
            RuntimeError: no batch size is known.
            RateLimitedError, BatchTimeoutError: too few rows were there.
        """
        size = self._batch_size if batch_size is None else batch_size
        if size is None:
            raise RuntimeError("batch_size not specified: give it to the buffer or to `sample`")
        batch = self._table.draw(size)
        data = self._tensordict(batch)
        if len(self._transform):
            data = self._transform(data)
        if return_info:
            return data, {name: data.get(name) for name in _OUR_ENTRIES}
        return data

    def update_priority(self, index: Any, priority: Any) -> None:
        """Have priorities, `eps` more than these, stored with the next draw.

        Args:
            index: [B] keys, or one.
            priority: [B], finite and >= 0, or one number for all.
        """
        keys = torch.as_tensor(index).reshape(-1)
        values = torch.as_tensor(priority, dtype=torch.float64).expand(keys.shape)
        self._table.update_priorities(keys.cpu().numpy(), values.detach().cpu().numpy() + self._eps)

    def update_tensordict_priority(self, data: TensorDictBase) -> None:
        """Take priorities from the entry `priority_key` of a sample, the largest of each row."""
        keys = data["index"].reshape(data.shape[0], -1)[:, 0]
        priorities = self._priorities(data[self._priority_key], data.shape[0])
        self._table.update_priorities(keys.cpu().numpy(), priorities)

    def empty(self, empty_write_count: bool = True) -> None:
        """Empty the table, for everybody who uses it."""
        self._table.reset()
        if empty_write_count:
            self._written = 0

    def close(self) -> None:
        """Send the priorities that are left and close the connections."""
        self._table.close()

    def __len__(self) -> int:
        """Return how many rows the table has; 0 where there is none yet."""
        try:
            return self._table.size()
        except UnknownTableError:
            return 0

    def __iter__(self) -> Iterator[Any]:
        """Return samples without end."""
        while True:
            yield self.sample()

    def __repr__(self) -> str:
        """Name server and table."""
        return f"RemoteReplayBuffer(server={self._table.server!r}, table={self._table.table!r})"

    def __getattr__(self, name: str) -> Any:
        """Say of what only a buffer in this process has that this one has it not."""
        raise AttributeError(
            f"RemoteReplayBuffer has no {name}: rows, sampler and writer are the server's. It "
            "extends, adds, samples, updates priorities, counts, empties and transforms"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return where the rows are."""
        return {**self.__dict__, "_sequences": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a writer of its own."""
        self.__dict__.update(state, _writer_id=unique_writer_id(), _sequences=itertools.count())

    def _insert(
        self,
        columns: dict[str, NDArray[Any]],
        priorities: NDArray[np.float64] | None,
        rows: int,
    ) -> NDArray[np.int64]:
        if "columns" not in self._table.spec:
            self._table.spec["columns"] = {
                name: {"dtype": values.dtype.str, "shape": list(values.shape[1:])}
                for name, values in columns.items()
            }
        row_bytes = sum(values.nbytes for values in columns.values()) // max(1, rows)
        capacity: int = self._table.spec["capacity"]
        step = max(1, min(capacity, _INSERT_BYTES // max(1, row_bytes)))
        keys = [
            self._table.client.insert(
                self._table.table,
                {name: values[start : start + step] for name, values in columns.items()},
                priorities=None if priorities is None else priorities[start : start + step],
                writer=(self._writer_id, next(self._sequences)),
                timeout_s=self._table.timeout_s,
            ).keys
            for start in range(0, rows, step)
        ]
        self._written += rows
        return np.concatenate(keys) if keys else np.empty(0, np.int64)

    def _priorities(self, values: torch.Tensor, rows: int) -> NDArray[np.float64]:
        largest = values.detach().reshape(rows, -1).amax(1).to(torch.float64)
        found: NDArray[np.float64] = largest.cpu().numpy() + self._eps
        return found

    def _tensordict(self, batch: Batch) -> TensorDictBase:
        data = TensorDict({}, [len(batch.keys)], device=self._device)
        for name, values in batch.columns.items():
            data.set(tuple(name.split("/")), to_tensor(values, self._device))
        data.set("index", to_tensor(batch.keys, self._device))
        data.set("priority_weight", to_tensor(batch.weights, self._device))
        return data


def _columns(data: TensorDictBase) -> dict[str, NDArray[Any]]:
    """Return the leaves of a TensorDict by column, [N, ...].

    Raises:
        ValueError: an entry makes no column.
    """
    columns = {}
    for key, value in data.items(include_nested=True, leaves_only=True):
        name = key if isinstance(key, str) else "/".join(key)
        if not COLUMN_NAME.fullmatch(name) or not isinstance(value, torch.Tensor):
            raise ValueError(
                f"entry {key!r} makes no column: it has to be a tensor, its name of letters, "
                "digits and _; leave it out by `exclude`"
            )
        values = value.detach().cpu().contiguous()
        if values.dtype is torch.bfloat16:
            raise ValueError(f"entry {key!r}: bfloat16 cannot be a column; store it as float32")
        array = values.numpy()
        if array.dtype.str not in DTYPES:
            raise ValueError(f"entry {key!r}: values of {values.dtype} cannot be a column")
        columns[name] = array
    return columns
