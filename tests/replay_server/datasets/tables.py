"""Tables for the tests of data sets: as scans tell them, without a server."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay_server.datasets.blocks import Dataset, Description, column_form, spec_of
from replay_server.datasets.spool import Spool
from replay_server.datasets.streams import link_steps
from replay_wire.arrays import Array
from replay_wire.messages import ScanReply

Columns = dict[str, NDArray[Any]]


def quiet(_label: str, _length: int) -> Any:
    return nullcontext(lambda _count: None)


def description(columns: Mapping[str, NDArray[Any]], rows: int) -> Description:
    forms = {name: column_form(name, array) for name, array in columns.items()}
    return Description("0123", "t", spec_of(forms, rows), rows)


def spool_of(
    folder: Path,
    columns: Columns,
    keys: Sequence[int],
    priorities: NDArray[np.float64],
    previous: Sequence[int] | None = None,
) -> Spool:
    """A complete spool, in pages of three rows, with its steps linked."""
    rows = len(keys)
    spool = Spool(folder, description(columns, rows))
    for start in range(0, max(rows, 1), 3):
        part = slice(start, start + 3)
        links = None if previous is None else np.array(previous[part], np.int64)
        spool.append(
            ScanReply(
                keys=Array.from_numpy(np.array(keys[part], np.int64)),
                priorities=Array.from_numpy(priorities[part]),
                columns={name: Array.from_numpy(array[part]) for name, array in columns.items()},
                more=start + 3 < rows,
                previous=None if links is None else Array.from_numpy(links),
            )
        )
    if previous is not None:
        link_steps(spool)
    return spool


def steps_of(streams: Sequence[Sequence[int]], order: Sequence[int]) -> tuple[Columns, list[int]]:
    """Steps of several streams, and the key of the step before each; keys are row numbers.

    Args:
        streams: of each stream the lengths of its episodes, all of which end.
        order: whose turn it is, row for row.
    """
    left = [
        [(place, length) for length in lengths for place in range(length)] for lengths in streams
    ]
    last: dict[int, int] = {}
    flags, previous = [], []
    for key, stream in enumerate(order):
        place, length = left[stream].pop(0)
        is_last = place == length - 1
        flags.append((place == 0, is_last, is_last and length % 2 == 0))
        previous.append(last.pop(stream) if place else -1)
        if not is_last:
            last[stream] = key
    rows = len(order)
    firsts, lasts, terminals = np.array(flags, np.bool_).reshape(rows, 3).T
    columns = {
        "observation": np.arange(rows * 2, dtype="<f4").reshape(rows, 2),
        "action": np.arange(rows) % 5,
        "reward": np.arange(rows) / 4,
        "is_first": firsts.copy(),
        "is_last": lasts.copy(),
        "is_terminal": terminals.copy(),
    }
    return columns, previous


def read(dataset: Dataset, start: int = 0) -> tuple[Columns, Any, Any]:
    """All rows from `start` on: columns, priorities, streams."""
    blocks = list(dataset.blocks(start))

    def joined(parts: list[Any]) -> Any:
        return None if any(part is None for part in parts) else np.concatenate(parts)

    columns = {
        name: joined([block.columns[name] for block in blocks])
        for name in dataset.description.columns
    }
    return (
        columns,
        joined([block.priorities for block in blocks]),
        joined([block.streams for block in blocks]),
    )


def assert_same(found: Columns, expected: Columns, start: int = 0) -> None:
    """Equal to the bit, names in their order."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array[start:].dtype, array[start:].shape)
        assert found[name].tobytes() == array[start:].tobytes(), name
