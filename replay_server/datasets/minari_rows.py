"""A data set of Minari's as rows of a table of steps: an episode of n steps is n + 1 rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from replay_server.datasets.blocks import (
    KEY,
    PRIORITY,
    STEP_FLAGS,
    STREAM,
    Block,
    Description,
    column_form,
    is_part_of,
    spec_of,
)
from replay_server.datasets.errors import DatasetError, MissingExtraError
from replay_server.datasets.minari_episodes import AT_ONCE, BESIDE, PARTS, TABLE

try:
    import gymnasium as gym
    from minari.dataset.minari_storage import MinariStorage
except ImportError as error:
    raise MissingExtraError("minari") from error

__all__ = ["MinariDataset"]

Columns = dict[str, NDArray[Any]]

_UNREADABLE: Final = (
    ValueError, KeyError, AssertionError, ImportError, OSError, gym.error.Error,
)  # fmt: skip


class MinariDataset:
    """A data set of Minari's: one of ours, or any whose values are numbers."""

    def __init__(self, data: Path, identity: str) -> None:
        """Look at the folder of its data. Raises DatasetError where no table can hold it."""
        self.notes: list[str] = []
        try:
            self._storage = MinariStorage.read(data)
            metadata = self._storage.metadata
            told = metadata.get(TABLE)
            episodes, steps = metadata["total_episodes"], metadata["total_steps"]
            first = next(iter(self._storage.get_episodes(range(min(episodes, 1)))), None)
        except _UNREADABLE as error:
            raise DatasetError(f"{data} can't be read by Minari: {error}") from error
        if told is not None:
            self.description = Description.of_json(told, data)
            return
        if first is None:
            raise DatasetError(f"{data} holds no episodes")
        if first["infos"]:
            self.notes.append("infos are left out")
        columns = {name: column_form(name, array) for name, array in _rows(first, []).items()}
        name = str(metadata.get("dataset_id", data.parent.name)).replace("/", ".")
        rows = steps + episodes
        self.description = Description(identity, name, spec_of(columns, rows), rows)

    def blocks(self, start: int) -> Iterator[Block]:
        """Give its rows from row `start` on.

        Memory: the episodes that went on at the same time, which Minari reads whole.
        """
        forms, size = self.description.columns, self.description.block_rows
        for columns in _gathered(_in_order(self._episodes()), size):
            rows = len(columns["reward"])
            skipped = min(start, rows)
            start -= skipped
            block = Block(
                {name: columns[name] for name in forms}, columns.get(PRIORITY), columns.get(STREAM)
            )
            for first in range(skipped, rows, size):
                yield block.part(first, min(first + size, rows))

    def _episodes(self) -> Iterator[Columns]:
        forms = self.description.columns
        stored = {n for n in forms if any(is_part_of(n, w) for w in PARTS)}
        infos = [name for name in forms if name not in {*stored, "reward", *STEP_FLAGS}]
        total = self._storage.total_episodes
        batches = (range(n, min(n + AT_ONCE, total)) for n in range(0, total, AT_ONCE))
        for episode in chain.from_iterable(map(self._storage.get_episodes, batches)):
            is_ours = KEY in (episode["infos"] or {})
            columns = _rows(episode, [*infos, *BESIDE] if is_ours else infos)
            for name, form in forms.items():
                values = columns.get(name)
                if values is None or (values.dtype, values.shape[1:]) != (form.dtype, form.shape):
                    raise DatasetError(
                        f"episode {episode['id']} has another {name!r} than the first one"
                    )
            yield columns


def _rows(episode: dict[str, Any], infos: list[str]) -> Columns:
    """Return an episode as rows of a table of steps, the last one without action and reward."""
    columns: Columns = dict(_leaves("observation", episode["observations"]))
    for name, array in _leaves("action", episode["actions"]):
        columns[name] = _with_one_more(array)
    rewards = np.asarray(episode["rewards"]).reshape(-1)
    columns["reward"] = _with_one_more(
        rewards if rewards.dtype.kind == "f" else rewards.astype(float)
    )
    for place, name in enumerate(STEP_FLAGS):
        columns[name] = np.zeros(len(columns["reward"]), np.bool_)
        columns[name][0 if place == 0 else -1] = place < 2 or bool(episode["terminations"][-1])
    for name in infos:
        values: Any = episode["infos"]
        for part in name.split("/"):
            values = values[part]
        columns[name] = np.asarray(values)
    return columns


def _leaves(name: str, values: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give the arrays of a value of a space, parts by their whole name."""
    if isinstance(values, dict):
        for part, below in values.items():
            yield from _leaves(f"{name}/{part}", below)
    elif isinstance(values, tuple):
        for place, below in enumerate(values):
            yield from _leaves(f"{name}/_{place}", below)
    else:
        yield name, np.asarray(values)


def _with_one_more(values: NDArray[Any]) -> NDArray[Any]:
    """Return values [n, ...] of steps for the n + 1 rows of their episode."""
    return np.concatenate((values, np.zeros_like(values[:1])))


def _in_order(episodes: Iterator[Columns]) -> Iterator[Columns]:
    """Give rows by their keys, of episodes by the key of their first one; or as they come."""
    under_way: list[Columns] = []
    for episode in episodes:
        if KEY not in episode:
            yield episode
            continue
        yield from _below(under_way, int(episode[KEY][0]))
        under_way.append(episode)
    yield from _below(under_way, None)


def _below(under_way: list[Columns], key: int | None) -> Iterator[Columns]:
    """Give the rows with smaller keys, in their order, and leave the rest."""
    taken, left = [], []
    for columns in under_way:
        cut = len(columns[KEY]) if key is None else int(np.searchsorted(columns[KEY], key))
        taken.append({name: values[:cut] for name, values in columns.items()})
        if cut < len(columns[KEY]):
            left.append({name: values[cut:] for name, values in columns.items()})
    under_way[:] = left
    if len(taken) == 1:
        yield taken[0]
    elif taken:
        whole = _joined(taken)
        order = np.argsort(whole[KEY])
        yield {name: values[order] for name, values in whole.items()}


def _gathered(pieces: Iterator[Columns], rows: int) -> Iterator[Columns]:
    """Give the same rows in pieces of `rows` and more, but for the last."""
    held: list[Columns] = []
    for piece in pieces:
        held.append(piece)
        if sum(len(each["reward"]) for each in held) >= rows:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(pieces: list[Columns]) -> Columns:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
