"""An export of a table that lives on meanwhile, and one that begins anew with what it has."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay_server.datasets.blocks import column_form, spec_of
from replay_server.datasets.exporting import export_table
from replay_server.datasets.importing import open_dataset
from replay_server.datasets.remote_table import RemoteTable
from replay_server.remote import RemoteError
from replay_wire.arrays import Array
from replay_wire.messages import ScanReply, TableDocument, TableStats
from tests.replay_server.datasets.tables import quiet, read

EPISODE = 10
WIDTH = 1 << 20  # so that a page is three rows


class LivingTable(RemoteTable):
    """One stream of steps in which with every scan two more come in and the two oldest go."""

    name = "living"

    def __init__(self, rows: int, fails_at: int | None = None) -> None:
        self.first, self.stop = 0, rows
        self.rows = rows
        self.fails_at = fails_at
        self.asked: list[int] = []

    def describe(self) -> TableDocument:
        forms = {name: column_form(name, column) for name, column in self.columns(0, 0).items()}
        stats = dict.fromkeys(TableStats.__struct_fields__, 0) | {"rows": self.rows}
        return TableDocument(name="living", spec=spec_of(forms, self.rows),
                             stats=TableStats(**stats))  # type: ignore[arg-type]  # fmt: skip

    def scan(self, after: int, limit: int) -> ScanReply:
        self.asked.append(after)
        if len(self.asked) == self.fails_at:
            raise RemoteError("gone")
        start = max(after + 1, self.first)
        stop = min(start + limit, self.stop)
        keys = np.arange(start, stop)
        reply = ScanReply(
            keys=Array.from_numpy(keys),
            priorities=Array.from_numpy(keys / 2),
            columns={n: Array.from_numpy(c) for n, c in self.columns(start, stop).items()},
            more=stop < self.stop,
            previous=Array.from_numpy(np.where(keys % EPISODE == 0, -1, keys - 1)),
        )
        self.first, self.stop = self.first + 2, self.stop + 2
        return reply

    @staticmethod
    def columns(start: int, stop: int) -> dict[str, Any]:
        x = np.arange(start, stop)
        is_last = x % EPISODE == EPISODE - 1
        observation = np.zeros((len(x), WIDTH), "u1")
        observation[:, 0] = x
        return {"observation": observation, "action": x, "reward": x / 2,
                "is_first": x % EPISODE == 0, "is_last": is_last,
                "is_terminal": is_last}  # fmt: skip


def exported(table: LivingTable, out: Path, form: str = "npz") -> list[str]:
    told: list[str] = []
    export_table(table, out, form, quiet, told.append)
    return told


def test_a_table_that_lives_on_gives_as_many_rows_as_it_had(tmp_path: Path):
    exported(LivingTable(20), tmp_path / "out.npz")

    columns, _, streams = read(open_dataset(tmp_path / "out.npz"))
    assert columns["observation"][:, 0].tolist() == list(range(20))
    assert streams.tolist() == [0] * 20


def test_steps_stay_linked_where_the_step_before_has_gone_meanwhile(tmp_path: Path):
    told = exported(LivingTable(20), tmp_path / "out", "minari")

    columns, _, _ = read(open_dataset(tmp_path / "out"))
    assert columns["observation"][:, 0].tolist() == list(range(20))
    assert told == []


def test_what_was_fetched_before_a_failure_is_not_fetched_again(tmp_path: Path):
    table = LivingTable(20, fails_at=3)
    with pytest.raises(RemoteError):
        exported(table, tmp_path / "out.npz")
    (tmp_path / "out.npz.partial" / "out").write_text("half a file")

    exported(table, tmp_path / "out.npz")

    assert table.asked[:4] == [-1, 2, 5, 5]
    columns, _, _ = read(open_dataset(tmp_path / "out.npz"))
    assert columns["observation"][:, 0].tolist() == list(range(20))


def test_what_was_fetched_for_one_format_serves_another(tmp_path: Path):
    table = LivingTable(20, fails_at=3)
    with pytest.raises(RemoteError):
        exported(table, tmp_path / "out")
    (tmp_path / "out.partial" / "out").write_text("half a file")

    exported(table, tmp_path / "out", "minari")

    assert table.asked.count(-1) == 1
    assert (tmp_path / "out" / "data" / "metadata.json").exists()
