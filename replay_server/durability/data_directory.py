"""The keeper that writes tables down: a journal, and the index files that let it begin anew.

Where rows come in, the order is: space is reserved for the rows and for the record; rows are stored
in slots that no kept row occupies; the record is appended; the request is answered. Where an insert
brings more rows than there are such slots, its rows are in the record, and are stored after it.
With `power` they always are, and a step is settled when the journal has been synced.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Buffer, Files
from replay_server.durability.floors import floor_of, raise_floor
from replay_server.durability.index_writer import IndexWriter
from replay_server.durability.journal import Journal
from replay_server.durability.journal_reader import read_journal
from replay_server.durability.keeper import (
    Build,
    Room,
    StandingTable,
    restore_table,
)
from replay_server.durability.kept_table import KeptTable, open_table
from replay_server.durability.layout import Layout
from replay_server.durability.memo import Description, TableMemo
from replay_server.durability.opening import Opening
from replay_server.durability.recovery import Recovery, folder_name
from replay_server.durability.redo import Blobs, ChangeSet, Kind, encode_record
from replay_server.durability.syncer import Syncer
from replay_server.durability.table_files import TableFiles
from replay_server.errors import StorageFullError

__all__ = ["DataDirectory"]

logger = logging.getLogger(__name__)

_JOURNAL_BYTES: Final = 1 << 26
_JOURNAL_RECORDS: Final = 1 << 14
_RECORDS_A_TRY: Final = 1 << 6
_HEAD_BYTES: Final = 1 << 13
_PLACE_BYTES: Final = 64


class DataDirectory:
    """Keeps tables in a directory.

    Attributes:
        floors: below which keys tables made from now on issue none.
        tables: those that stood when it was opened.
        layout: where things lie.
    """

    mapped = True

    def __init__(self, layout: Layout, build: Build, files: Files, *, power: bool) -> None:
        """Open a directory and recover what it holds.

        Args:
            layout: of the directory; closed with this.
            build: makes the table that a description asks for.
            files: the file layer.
            power: whether what is settled survives the machine.

        Raises:
            DataDirectoryError: something in it is missing or damaged; says what.
        """
        self.layout = layout
        self._build = build
        self._files = files
        self._power = power
        self.durability = "power" if power else "process"
        self._broken: StorageFullError | None = None
        self._shows_refused = False
        self._is_new = layout.current is None
        self._opening = Opening(layout, files, build, power=power)
        recovered, last, count = self._opening.run()
        self.floors = recovered.floors
        self.tables = recovered.tables
        self._next_uid = recovered.next_uid
        self._standing = {kept.uid: kept for kept in self.tables}
        self._journal = Journal(layout.journal, files, last, count, power=power)
        self._at_rest = Lock()
        self._syncer = Syncer(self._journal)
        sync = self._syncer.sync if power else None
        self._writer = IndexWriter(layout, files, self._at_rest, sync)
        self._begin_at = _JOURNAL_RECORDS - recovered.records
        self._try_at = 0
        self._opening.remove_strangers(self.tables)

    @property
    def lag_s(self) -> float | None:
        """For how many seconds something has not been on the disk; None: the system sees to it."""
        return self._syncer.lag_s if self._power else None

    @property
    def journal(self) -> Journal:
        """What changes are written to."""
        return self._journal

    # -- tables ---------------------------------------------------------------------------------

    def make(self, name: str, description: Description) -> KeptTable:
        """Make a table and keep it. Raises StorageFullError."""
        folder = self.layout.tables / folder_name(self._next_uid, name)
        try:
            # a folder of tables without CURRENT would mean damage
            self._reserve(_HEAD_BYTES, grows=True)
            files = TableFiles.make(folder, self._files, synced=self._power)
            kept = self._made(name, description, files)
        except BaseException as error:
            self._files.remove_folder(folder)
            if isinstance(error, OSError):
                raise StorageFullError(str(error)) from error
            raise
        self._standing[kept.uid] = kept
        self._next_uid += 1
        return kept

    def _made(self, name: str, description: Description, files: TableFiles) -> KeptTable:
        changes = ChangeSet(files)
        try:
            table = self._build(description, files.allocate, changes)
            table.raise_keys(floor_of(self.floors, name))
            files.reserve_index()
            changes.clear()
            kept = KeptTable(name, description, table, files, self._next_uid, changes)
            blobs = Blobs()
            self._append(encode_record(Kind.MAKE, kept.memo().encode(blobs), blobs))
        except BaseException:
            files.close()
            raise
        return kept

    def drop(self, standing: StandingTable) -> None:
        """Keep a table no more; its files go when that is settled. Raises StorageFullError."""
        kept = _kept(standing)
        floor = kept.table.next_key
        document = {"uid": kept.uid, "name": kept.name, "floor": floor}
        try:
            self._append(encode_record(Kind.DROP, document, Blobs()))
        except OSError as error:
            raise StorageFullError(str(error)) from error
        raise_floor(self.floors, kept.name, floor)
        del self._standing[kept.uid]
        self._writer.discard(kept.arrays, self._syncer.sync if self._power else None)

    @contextmanager
    def step(
        self,
        *standing: tuple[StandingTable, Room],
        description: Description | None = None,
    ) -> Iterator[None]:
        """Keep what is changed within it. Raises StorageFullError, before anything has changed."""
        every = [(_kept(each), room) for each, room in standing]
        try:
            size = sum(self._prepare(kept, room) for kept, room in every)
            self._reserve(size, grows=any(room.rows for _, room in every))
        except OSError as error:
            raise StorageFullError(str(error)) from error
        changed = [kept for kept, _ in every]
        with self._at_rest:
            try:
                yield
            except BaseException:
                for kept in changed:
                    kept.changes.clear()
                    if kept.table.signature is None:
                        kept.arrays.discard_columns()
                raise
            failure = self._keep(changed, description)
        if failure is not None:
            self._fall_back(changed)
            raise failure
        self._begin_anew_if_due()

    def prepare(self, memo: TableMemo, folder: Path) -> KeptTable:
        """Copy the table of a checkpoint into the directory.

        Raises StorageFullError, DataDirectoryError.
        """
        uid, self._next_uid = self._next_uid, self._next_uid + 1
        own = self.layout.tables / folder_name(uid, memo.name)
        try:
            TableFiles.make(own, self._files, synced=self._power)
            for part in ("index", "columns"):
                for path in (folder / part).iterdir():
                    self._files.copy(path, own / part / path.name, synced=self._power)
                if self._power:
                    self._files.sync_folder(own / part)
            table, arrays, changes = open_table(
                own, self._files, self._build, memo, synced=self._power
            )
            arrays.read_index()
            arrays.reserve_index()
            restore_table(table, memo, folder)
        except BaseException as error:
            self._files.remove_folder(own)
            if isinstance(error, OSError):
                raise StorageFullError(str(error)) from error
            if isinstance(error, DataDirectoryError) and error.path.is_relative_to(own):
                path = folder / error.path.relative_to(own)  # the one that it is a copy of
                raise DataDirectoryError(path, error.reason) from error
            raise
        changes.clear()
        arrays.expect_new()
        return KeptTable(memo.name, memo.description, table, arrays, uid, changes)

    def replace_all(self, tables: Sequence[StandingTable]) -> None:
        """Keep prepared tables instead of all that are kept. Raises StorageFullError."""
        old, floors = self._standing, self.floors
        self.floors = dict(floors)
        for kept in old.values():
            raise_floor(self.floors, kept.name, kept.table.next_key)
        for each in tables:
            each.table.raise_keys(floor_of(self.floors, each.name))
        self._standing = {each.uid: each for each in map(_kept, tables)}
        try:
            self._append(self._base())
            if self._power:
                self._syncer.sync_now(self._standing.values())
        except (StorageFullError, OSError) as error:
            self._standing, self.floors = old, floors
            raise StorageFullError(str(error)) from error
        for kept in old.values():
            self._writer.discard(kept.arrays, None)

    def discard(self, tables: Sequence[StandingTable]) -> None:
        """Remove what was prepared."""
        for kept in map(_kept, tables):
            self._writer.discard(kept.arrays, None)

    async def settled(self) -> None:
        """Return when all steps so far are on the disk, with `power`. Raises StorageFullError."""
        if self._shows_refused and self._broken is not None:
            raise self._broken
        if self._power:
            await self._syncer.wait()

    def close(self) -> None:
        """Write the index, so that the next start has no journal to play, and sync everything."""
        if self._journal.is_open and (self._broken or self._syncer.failed) is None:
            try:
                self._begin_anew(synced=True)
            except (StorageFullError, OSError) as error:
                logger.warning("the journal stays as it is, for the next start: %s", error)
        self._writer.close()
        self._syncer.close()
        self._journal.close()
        for kept in self._standing.values():
            kept.arrays.close()
        self.layout.close()

    # -- a step ---------------------------------------------------------------------------------

    def _prepare(self, kept: KeptTable, room: Room) -> int:
        """Make sure that a step's rows can be stored; return the bytes that its record may take.

        Raises:
            StorageFullError, OSError: they can't be.
        """
        table, rows = kept.table, room.rows
        holds_back = bool(rows) and (self._power or rows > table.free)
        kept.changes.holds_rows_back = holds_back
        kept.is_risky = self._power and rows > table.free - (table.freed - kept.freed_for_good)
        if rows:
            kept.arrays.rows_expected = rows
            is_full = rows > table.free
            stop = table.slots if is_full else int(table.next_slots(rows).max()) + 1
            kept.arrays.reserve_rows(stop)
        window = table.layout.places_an_item + 2 if room.spreads else 1
        row_bytes = rows * room.row_bytes if holds_back else 0
        row_bytes += table.most_record_bytes(rows)
        return _HEAD_BYTES + room.places * window * _PLACE_BYTES + row_bytes

    def _keep(
        self, every: list[KeptTable], description: Description | None
    ) -> StorageFullError | None:
        """Append a record of what has changed, and store the rows that waited for it.

        Returns:
            Why the disk failed, in spite of the space that was reserved: memory is ahead of what is
            kept then, and nothing more is changed; None if all went well.
        """
        blobs = Blobs()
        kind = Kind.STEP if description is None else Kind.SPEC
        try:
            parts = [kept.encode_step(blobs) for kept in every]
            if description is not None:
                parts[0]["description"] = description
            self._append(encode_record(kind, {"tables": parts}, blobs))
            if any(kept.is_risky for kept in every):  # rows of before may lie where these go
                self._syncer.sync_now(self._standing.values())
        except (StorageFullError, OSError, MemoryError) as error:
            logger.critical("the disk fails, nothing more is taken in: %s", error)
            self._broken = StorageFullError(str(error))
            self._writer.has_given_up = True
            return self._broken
        if description is not None:
            every[0].description = description
        for kept in every:
            kept.changes.release_rows()
            kept.changes.clear()
            if kept.changes.segments_released:
                released, kept.changes.segments_released = kept.changes.segments_released, []
                settle = self._syncer.sync if self._power else None
                self._writer.release(kept.arrays, released, settle)
        if self._power:
            self._syncer.sync_soon(self._standing.values())
        return None

    def _fall_back(self, every: list[KeptTable]) -> None:
        """Let tables be again what the journal tells of them: the last request was not kept."""
        try:
            self._writer.wait()
            assert self.layout.current is not None
            journal = read_journal(self.layout.journal, self.layout.current)
            recovery = Recovery(self.layout.tables, self._files, self._build, synced=self._power)
            recovered = recovery.run(journal)
        except (DataDirectoryError, StorageFullError, OSError, MemoryError) as error:
            logger.critical("what is kept can't be read; tables show what was refused: %s", error)
            self._shows_refused = True
            return
        found = {kept.uid: kept for kept in recovered.tables}
        for kept in every:
            kept.become(found[kept.uid])

    # -- the journal ----------------------------------------------------------------------------

    def _reserve(self, size: int, *, grows: bool) -> None:
        """Make sure that a record of so many bytes can be appended; see `Journal.reserve`.

        Raises:
            StorageFullError, OSError: it can't be.
        """
        failure = self._broken or self._syncer.failed
        if failure is not None:
            raise failure
        if not self._journal.is_open:
            self._journal.begin(self._base(), synced=self._power)
            self._opening.tell_of_next()
        if self._is_new:
            self.layout.set_current(self._journal.number, synced=self._power)
            self._is_new = False
        self._journal.reserve(size, grows=grows)

    def _append(self, record: list[Buffer]) -> None:
        """Append a record. Raises StorageFullError, OSError."""
        self._reserve(sum(memoryview(each).nbytes for each in record), grows=False)
        self._journal.append(record)

    def _base(self) -> list[Buffer]:
        """Return a record of all that makes up the tables, beside their arrays."""
        blobs = Blobs()
        tables = [kept.memo().encode(blobs) for kept in self._standing.values()]
        document = {"tables": tables, "floors": self.floors, "next_uid": self._next_uid}
        return encode_record(Kind.BASE, document, blobs)

    def _begin_anew_if_due(self) -> None:
        """Begin a new segment, once the journal is as long as it may be played at a start."""
        journal = self._journal
        index_bytes = sum(kept.arrays.index_bytes for kept in self._standing.values())
        is_long = (
            journal.size > max(_JOURNAL_BYTES, index_bytes) or journal.appended > self._begin_at
        )
        if not (is_long or journal.needs_the_next):
            return
        if journal.appended >= self._try_at and not self._writer.is_busy:
            if journal.needs_the_next:  # which may not get much either
                self._try_at = journal.appended + _RECORDS_A_TRY
            try:
                self._begin_anew(synced=self._power)
            except (StorageFullError, OSError) as error:
                self._try_at = journal.appended + _RECORDS_A_TRY
                logger.warning("the journal can't begin anew and grows: %s", error)

    def _begin_anew(self, *, synced: bool) -> None:
        """Begin a new segment, and write the index so that those before it can go."""
        if synced:
            self._syncer.sync_now(self._standing.values())
        old = self._journal.begin(self._base(), synced=synced)
        self._opening.tell_of_next()
        self._begin_at = self._journal.appended + _JOURNAL_RECORDS
        if old is not None:
            self._syncer.close_later(old)
        files = [kept.arrays for kept in self._standing.values()]
        self._writer.write(files, self._journal.number, synced=synced)


def _kept(standing: StandingTable) -> KeptTable:
    assert isinstance(standing, KeptTable)
    return standing
