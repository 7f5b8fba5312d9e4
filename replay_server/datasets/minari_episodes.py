"""Minari: whole episodes, as Farama's library for offline data reads and writes them.

A row of a table of steps is an observation with what was done at it; Minari's episode of n steps
has n + 1 observations, so that it is n + 1 rows. Key, priority, stream and further columns are
infos: with them the rows of episodes that went on at the same time come back in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from replay_server.datasets.blocks import (
    KEY,
    PRIORITY,
    STEP_FLAGS,
    STREAM,
    ColumnForm,
    is_part_of,
)
from replay_server.datasets.errors import DatasetError, MissingExtraError
from replay_server.datasets.progress import Progress
from replay_server.datasets.spool import FOLLOWING, Spool

try:
    import gymnasium as gym
    import h5py  # noqa: F401  # what Minari keeps its data with
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage
    from minari.storage.datasets_root_dir import get_dataset_path
except ImportError as error:
    raise MissingExtraError("minari") from error

__all__ = ["AT_ONCE", "BESIDE", "PARTS", "TABLE", "write_minari"]

Columns = dict[str, NDArray[Any]]

TABLE: Final = "replay_table"
AT_ONCE: Final = 64  # HDF5 holds memory for each episode until its file is closed
_MOST_CHOICES: Final = 1 << 16
PARTS: Final = ("observation", "action")
BESIDE: Final = (KEY, PRIORITY, STREAM)


def write_minari(spool: Spool, out: Path, progress: Progress) -> str | None:
    """Write the whole episodes of a spool, whose steps are linked, into a folder.

    Returns:
        What of it is left out; None where nothing is.

    Raises:
        DatasetError: there is no whole episode, or a column and a part of it have the same name.
    """
    forms = spool.description.columns
    spaces = [
        _space({name: form for name, form in forms.items() if is_part_of(name, whole)}, spool)
        for whole in PARTS
    ]
    data = out / "data"
    data.mkdir(parents=True)
    storage = MinariStorage.new(data, *spaces, jpeg_encoding=False)
    lengths: list[int] = []
    with progress("writing", spool.rows) as advance:

        def buffers() -> Iterator[EpisodeBuffer]:
            for positions in _whole_episodes(spool):
                yield from _buffers(spool, len(lengths), positions)
                lengths.append(len(positions) - 1)
                advance(len(positions))

        pieces = buffers()
        for first in pieces:
            storage.update_episodes(chain([first], islice(pieces, AT_ONCE - 1)))
    if not lengths:
        raise DatasetError(
            f"table {spool.description.table!r} holds no whole episode of a step or more, so there "
            "is nothing for Minari; export it as parquet or npz"
        )
    size = spool.description.block_rows
    cut = [episode for episode, length in enumerate(lengths) if length > size]
    if cut:  # Minari has told the length of the last piece
        storage.update_episode_metadata([{"total_steps": lengths[e]} for e in cut], cut)
    kept = sum(lengths) + len(lengths)
    described = replace(spool.description, rows=kept)
    about = {"dataset_id": _dataset_id(spool), "minari_version": minari.__version__}
    storage.update_metadata({**about, TABLE: described.json()})
    left = spool.rows - kept
    return f"{left:,} steps of episodes that are not whole are left out" if left else None


def _whole_episodes(spool: Spool) -> Iterator[NDArray[np.int64]]:
    """Give the positions of the steps of each episode that begins and ends, and is no lone step."""
    if not spool.rows:
        return
    following, is_last = spool.file(FOLLOWING).mapped(), spool.file("is_last").mapped()
    for start, stop in spool.ranges():
        for first in (np.flatnonzero(spool.file("is_first").read(start, stop)) + start).tolist():
            positions = [first]
            while (after := int(following[positions[-1]])) >= 0:
                positions.append(after)
            if is_last[positions[-1]] and len(positions) > 1:
                yield np.array(positions, np.int64)


def _buffers(spool: Spool, episode: int, rows: NDArray[np.int64]) -> Iterator[EpisodeBuffer]:
    """Give an episode as pieces of a block's size, which Minari puts one behind the other."""
    names, steps = list(spool.description.columns), len(rows) - 1
    size = spool.description.block_rows
    observations, actions = ([name for name in names if is_part_of(name, whole)] for whole in PARTS)
    stored = {*observations, *actions, "reward", *STEP_FLAGS}
    infos = [*(name for name in names if name not in stored), *BESIDE]
    for start in range(0, steps, size):
        stop = min(start + size, steps)
        is_end = stop == steps
        seen, done = rows[start : stop + is_end], rows[start:stop]
        ends = np.zeros(stop - start, np.bool_)
        ends[-1] = is_end
        is_terminal = bool(spool.file("is_terminal").take(rows[-1:])[0])
        yield EpisodeBuffer(
            id=episode,
            observations=_nested(_taken(spool, observations, seen))["observation"],
            actions=_nested(_taken(spool, actions, done))["action"],
            rewards=spool.file("reward").take(done),
            terminations=ends & is_terminal,
            truncations=ends & (not is_terminal),
            infos=_nested(_taken(spool, infos, seen)),
        )


def _taken(spool: Spool, names: list[str], positions: NDArray[np.int64]) -> Columns:
    return {name: spool.file(name).take(positions) for name in names}


def _nested(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns as a tree of their parts.

    Raises:
        DatasetError: one is a part of another.
    """
    tree: dict[str, Any] = {}
    for name, values in columns.items():
        *above, last = name.split("/")
        at: Any = tree
        for part in above:
            at = at.setdefault(part, {})
        if not isinstance(at, dict) or last in at:
            raise DatasetError(f"column {name!r} is part of another, which Minari has no place for")
        at[last] = values
    return tree


def _space(forms: dict[str, ColumnForm], spool: Spool) -> gym.Space[Any]:
    """Return the space of the values of columns: all that their dtypes can hold, or few choices."""

    def of(tree: Any) -> gym.Space[Any]:
        if isinstance(tree, dict):
            return gym.spaces.Dict({part: of(below) for part, below in tree.items()})
        name, form = tree
        kind = form.dtype.kind
        if kind in "iu" and not form.shape and is_part_of(name, "action"):
            least, most = _extremes(spool, name)
            if least >= 0 and most < _MOST_CHOICES:
                return gym.spaces.Discrete(most + 1)
        info = np.iinfo(form.dtype) if kind in "iu" else None
        low, high = (info.min, info.max) if info else (0, 1) if kind == "b" else (-np.inf, np.inf)
        return gym.spaces.Box(low, high, form.shape, form.dtype.type)

    (tree,) = _nested({name: (name, form) for name, form in forms.items()}).values()
    return of(tree)


def _extremes(spool: Spool, name: str) -> tuple[int, int]:
    parts = [spool.file(name).read(*rows) for rows in spool.ranges()]
    least = min((int(part.min()) for part in parts), default=0)
    return least, max((int(part.max()) for part in parts), default=0)


def _dataset_id(spool: Spool) -> str:
    """Return the id under which Minari finds the folder, if it lies among its data sets."""
    out = spool.folder.with_name(spool.folder.name.removesuffix(".partial")).resolve()
    root = Path(get_dataset_path()).resolve()
    name = out.relative_to(root).as_posix() if out.is_relative_to(root) else out.name
    try:
        minari.dataset.minari_dataset.parse_dataset_id(name)
    except (ValueError, TypeError):
        kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in out.name)
        return f"{kept.strip('-') or 'table'}-v0"
    return name
