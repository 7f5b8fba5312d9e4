"""From the files and the journal to tables: what a server starts with.

The index files are as old as the segment that `CURRENT` names, or newer in part; every place that
has changed since stands in the journal, so that playing it makes them what they were at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Files
from replay_server.durability.floors import Floors, raise_floor
from replay_server.durability.journal_reader import FoundJournal
from replay_server.durability.keeper import Build, restore_table
from replay_server.durability.kept_table import KeptTable, open_table
from replay_server.durability.memo import (
    Description,
    TableMemo,
    unpacked_numbers,
    unpacked_signature,
)
from replay_server.durability.redo import ChangeSet, Kind, Reader, Redo, decode_record, kind_of
from replay_server.durability.table_files import TableFiles
from replay_server.memory.arrays import Int64Array
from replay_server.memory.table import Table
from replay_server.memory.table_state import TableState

__all__ = ["Recovered", "Recovery", "folder_name"]


@dataclass
class Recovered:
    """What was found.

    Attributes:
        tables: those that stand.
        floors: below which keys tables made from now on issue none.
        next_uid: above every one that was given to a table.
        records: how many were played.
    """

    tables: list[KeptTable] = field(default_factory=list)
    floors: Floors = field(default_factory=dict)
    next_uid: int = 1
    records: int = 0


class _Growing:
    """A table while the journal is played."""

    def __init__(
        self, memo: TableMemo, table: Table, files: TableFiles, changes: ChangeSet
    ) -> None:
        self.memo = memo
        self.table = table
        self.files = files
        self.changes = changes
        self.held_back: list[tuple[Int64Array, Redo]] = []
        self.take(memo)

    def take(self, memo: TableMemo) -> None:
        """Take over what a base record tells."""
        state = memo.state
        self.numbers = state.numbers
        self.writers = {writer: (sequence, keys) for writer, sequence, keys in state.writers}
        self.streams = {(writer, stream): key for writer, stream, key in state.streams}

    def play(self, part: dict[str, Any], reader: Reader) -> None:
        """Do what a request did."""
        if self.table.signature is None and part.get("columns"):
            signature = unpacked_signature(part["columns"])
            assert signature is not None
            self.table.fix_signature(signature)
        redo = Redo.decode(part, reader, self.files.index)
        redo.play(self.files.index)
        self.numbers = unpacked_numbers(part["numbers"])
        if any(name == "flags" for name, _ in redo.filled):
            self.streams.clear()
        if redo.writer is not None:
            writer, sequence, keys = redo.writer
            self._remember(writer, sequence, keys)
        for mark, sequence in redo.marks:
            self._remember(mark, sequence, range(0))
        if redo.streams is not None:
            name, streams, ends = redo.streams
            for stream, key in zip(streams, ends, strict=True):
                if key < 0:  # its episode is over: what comes next continues nothing
                    self.streams.pop((name, stream), None)
                else:
                    self.streams[name, stream] = key
        if redo.rows is not None:
            self.held_back.append((self.files.index["keys"][redo.rows[0]], redo))

    def _remember(self, writer: str, sequence: int, keys: Int64Array | range) -> None:
        self.writers.pop(writer, None)
        self.writers[writer] = (sequence, keys)

    def store_rows(self) -> None:
        """Store the rows that were in the journal, where they are there still.

        Rows that came later to their slots may have been stored without being in the journal.
        """
        for keys, redo in self.held_back:
            assert redo.rows is not None
            slots, columns = redo.rows
            there = self.files.index["keys"][slots] == keys
            if there.any():
                stay = slots[there]
                rows = {name: values[there] for name, values in columns.items()}
                self.files.reserve_rows(int(stay.max()) + 1)
                self.files.storing(stay, rows)
                for name, values in rows.items():
                    self.files.columns[name][stay] = values
                for name, (lengths, content) in redo.packed.items():
                    of_them = np.repeat(there, lengths)
                    self.table.rewrite(stay, name, lengths[there], content[of_them].tobytes())


class Recovery:
    """Plays a journal."""

    def __init__(self, folder: Path, files: Files, build: Build, *, synced: bool) -> None:
        """Recover the tables whose folders lie in `folder`, as `build` makes them."""
        self._folder = folder
        self._files = files
        self._build = build
        self._synced = synced
        self._growing: dict[int, _Growing] = {}
        self._last: dict[int, Description] = {}
        self._found = Recovered()

    def run(self, journal: FoundJournal) -> Recovered:
        """Return what a journal, whose first segment has a base, amounts to.

        Raises:
            DataDirectoryError: a file is missing or damaged; says which.
        """
        payloads = journal.payloads
        if kind_of(payloads[0]) is not Kind.BASE:
            raise DataDirectoryError(
                journal.segments[0].path,
                "it does not begin with a base; restore a checkpoint or a copy",
            )
        self._look_ahead(payloads)
        for payload in payloads:
            document, reader = decode_record(payload)
            self._play(kind_of(payload), document, reader)
        self._found.records = len(payloads)
        self._found.tables = [self._grown(growing) for growing in self._growing.values()]
        return self._found

    def _look_ahead(self, payloads: list[memoryview]) -> None:
        """Note which tables are there in the end, and as what: the others' files may be gone."""
        for payload in payloads:
            kind = kind_of(payload)
            if kind is Kind.STEP:
                continue
            document, _ = decode_record(payload)
            if kind is Kind.BASE:
                self._last = {told["uid"]: told["description"] for told in document["tables"]}
            elif kind is Kind.MAKE:
                self._last[document["uid"]] = document["description"]
            elif kind is Kind.SPEC:
                for part in document["tables"]:
                    self._last[part["uid"]] = part["description"]
            elif kind is Kind.DROP:
                self._last.pop(document["uid"], None)

    def _play(self, kind: Kind, document: dict[str, Any], reader: Reader) -> None:
        match kind:
            case Kind.BASE:
                self._take_base(document, reader)
            case Kind.MAKE:
                memo = TableMemo.decode(document, reader)
                self._found.next_uid = max(self._found.next_uid, memo.uid + 1)
                if memo.uid in self._last:
                    self._grow(memo, is_new=True)
            case Kind.DROP:
                raise_floor(self._found.floors, document["name"], document["floor"])
            case Kind.STEP | Kind.SPEC:
                for part in document["tables"]:
                    own = reader.part(part["bytes"])
                    growing = self._growing.get(part["uid"])
                    if growing is not None:  # else it goes later on, and its files with it
                        growing.play(part, own)

    def _take_base(self, document: dict[str, Any], reader: Reader) -> None:
        """Let there be the tables that a base tells of, and no others."""
        memos = [TableMemo.decode(each, reader) for each in document["tables"]]
        self._found.floors = document["floors"]
        self._found.next_uid = document["next_uid"]
        there = {memo.uid for memo in memos}
        self._growing = {uid: one for uid, one in self._growing.items() if uid in there}
        for memo in memos:
            if memo.uid in self._growing:
                self._growing[memo.uid].take(memo)
            elif memo.uid in self._last:
                self._grow(memo, is_new=False)

    def _grow(self, memo: TableMemo, *, is_new: bool) -> None:
        """Begin with a table: a new one, or one whose index files are there."""
        folder = self._folder / folder_name(memo.uid, memo.name)
        memo = replace(memo, description=self._last[memo.uid])
        table, files, changes = open_table(
            folder, self._files, self._build, memo, synced=self._synced
        )
        if not is_new:
            files.read_index()
        self._growing[memo.uid] = growing = _Growing(memo, table, files, changes)
        growing.take(memo)

    def _grown(self, growing: _Growing) -> KeptTable:
        """Return a table that goes on from the end of the journal.

        Raises:
            DataDirectoryError: what its files hold contradicts itself.
        """
        memo, table = growing.memo, growing.table
        writers = [(writer, *last) for writer, last in growing.writers.items()]
        streams = [(*stream, key) for stream, key in growing.streams.items()]
        state = TableState(growing.numbers, writers, streams)
        restore_table(table, replace(memo, state=state), growing.files.folder / "index")
        growing.store_rows()
        growing.changes.clear()
        growing.files.expect_new()
        return KeptTable(
            memo.name, memo.description, table, growing.files, memo.uid, growing.changes
        )


def folder_name(uid: int, name: str) -> str:
    """Return the name of a table's folder."""
    return f"{uid:08d}-{name}"
