"""What an export has got stays, whatever is between two pages."""

from pathlib import Path

import numpy as np
import pytest

from replay_server.datasets.errors import DatasetError
from replay_server.datasets.spool import Spool
from replay_wire.arrays import Array
from replay_wire.messages import ScanReply
from tests.replay_server.datasets.tables import description


def page(first: int, count: int, dtype: str = "<i8") -> ScanReply:
    values = np.arange(first, first + count)
    return ScanReply(
        keys=Array.from_numpy(values * 10),
        priorities=Array.from_numpy(values / 2),
        columns={"x": Array.from_numpy(values.astype(dtype))},
        more=True,
    )


def spool(folder: Path, dtype: str = "<i8", rows: int = 9) -> Spool:
    return Spool(folder / "s", description({"x": np.empty(0, dtype)}, rows))


def test_a_page_that_was_not_committed_is_fetched_again(tmp_path: Path):
    with spool(tmp_path) as first:
        first.append(page(0, 4))
        first.file("x").append(np.arange(99))  # killed before state.json was renamed
    with spool(tmp_path, rows=1000) as second:
        assert (second.rows, second.last_key, second.is_complete) == (4, 30, False)
        second.append(page(4, 5))

        assert second.is_complete
        assert second.block(0, 9).columns["x"].tolist() == list(range(9))
        assert second.block(0, 9).priorities.tolist() == (np.arange(9) / 2).tolist()  # type: ignore[union-attr]


def test_a_folder_of_other_columns_is_refused(tmp_path: Path):
    spool(tmp_path).__exit__()

    with pytest.raises(DatasetError, match="another table"):
        spool(tmp_path, "<i4")


def test_columns_that_change_while_it_runs_are_refused(tmp_path: Path):
    with spool(tmp_path) as own, pytest.raises(DatasetError, match="other columns"):
        own.append(page(0, 2, "<f4"))


def test_two_exports_do_not_share_a_folder(tmp_path: Path):
    with spool(tmp_path), pytest.raises(DatasetError, match="another export"):
        spool(tmp_path)
