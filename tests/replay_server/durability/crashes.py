"""A program of requests whose writes are noted, and what may be there after a crash in it."""

import asyncio
import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay_server.durability import data_directory as module
from replay_server.durability import journal
from replay_server.durability.data_directory import DataDirectory
from replay_server.durability.files import Files
from replay_server.durability.keeper import Room, StandingTable
from replay_server.memory import segment_log
from replay_server.memory.errors import ReplayError
from tests.replay_server.durability.recording import AtOnce, Disk, RecordingFiles
from tests.replay_server.durability.tables import (
    SEGMENT_BYTES,
    SPECS,
    abandon,
    make,
    open_directory,
    some_step,
    told,
)

TURNS_A_REQUEST = 3


class UnsyncedFiles(Files):
    """The real file system, which nobody waits for: these tests end no machine."""

    def sync(self, descriptor: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


RECORDS_A_SEGMENT = 9


def state_of(directory: DataDirectory) -> dict[str, Any]:
    """All that can be told of a directory's tables."""
    tables = {each.name: (each.description, told(each.table)) for each in directory.tables}
    return {"tables": tables, "floors": dict(directory.floors)}


@dataclass
class Moment:
    """The state between two requests.

    Attributes:
        state: what can be told then.
        begun: operations before the request after which this is the state.
        done: operations when that had been answered.
        settled: operations when it was settled; None if nobody waited for that.
    """

    state: dict[str, Any]
    begun: int
    done: int
    settled: int | None = None


@dataclass
class History:
    """A program that was run, and what it did to the disk."""

    files: RecordingFiles
    moments: list[Moment] = field(default_factory=list)

    def possible(self, point: int, *, partly: bool = False) -> list[dict[str, Any]]:
        """The states that may be found if the process was killed after so many operations.

        With `partly` it was killed within the next one.
        """
        done = max(i for i, each in enumerate(self.moments) if i == 0 or each.done <= point)
        begun = max(
            i for i, each in enumerate(self.moments) if i == 0 or each.begun < point + partly
        )
        return [each.state for each in self.moments[done : max(begun, done) + 1]]

    def possible_after_power_failure(self, point: int) -> list[dict[str, Any]]:
        """The same if the machine failed: what nobody saw settled may be there or not."""
        settled = max(
            i
            for i, each in enumerate(self.moments)
            if i == 0 or (each.settled is not None and each.settled <= point)
        )
        begun = max(i for i, each in enumerate(self.moments) if i == 0 or each.begun < point)
        return [each.state for each in self.moments[settled : max(begun, settled) + 1]]


class Program:
    """Runs requests of every kind on tables of one kind, and keeps their history."""

    def __init__(self, base: Path, kind: str, *, power: bool, seed: int) -> None:
        self._kind, self._power = kind, power
        self._rng = np.random.default_rng(seed)
        self._files = RecordingFiles(base)
        self._root = base / "data"
        self.history = History(self._files)
        self._standing: list[StandingTable] = []

    def run(self, requests: int, *, closed: bool) -> History:
        directory = self._directory = open_directory(self._root, self._files, power=self._power)
        directory._writer._worker = self._files.turns  # type: ignore[assignment]
        directory._syncer._worker = AtOnce()  # type: ignore[assignment]
        self._take_note(0)
        self._request(lambda: self._standing.append(make(directory, self._kind, "t")))
        for number in range(requests):
            self._request(lambda number=number: self._some_request(number))
            self._files.turns.give(int(self._rng.integers(0, 2 * TURNS_A_REQUEST)))
        if closed:
            self._files.turns.free()
            self._request(directory.close)
            self.history.moments[-1].settled = len(self._files.operations)
        else:
            self._files.turns.shutdown()
            directory.layout.close()
        return self.history

    def _request(self, do: Any) -> None:
        begun = len(self._files.operations)
        do()
        self._take_note(begun)
        if self._power and self._rng.random() < 0.6 and self._directory._journal.is_open:
            asyncio.run(self._directory.settled())
            self.history.moments[-1].settled = len(self._files.operations)

    def _take_note(self, begun: int) -> None:
        tables = {
            each.name: (copy.deepcopy(each.description), told(each.table))
            for each in self._standing
        }
        state = {"tables": tables, "floors": dict(self._directory.floors)}
        self.history.moments.append(
            Moment(copy.deepcopy(state), begun, len(self._files.operations))
        )

    def _some_request(self, number: int) -> None:
        directory, rng = self._directory, self._rng
        table = self._standing[int(rng.integers(len(self._standing)))]
        match int(rng.integers(14)):
            case 0 if len(self._standing) < 2:
                name = "t" if table.name == "u" else "u"
                self._standing.append(make(directory, self._kind, name))
            case 1 if len(self._standing) == 2:
                directory.drop(self._standing.pop(0))
            case 2:
                self._change(table, int(rng.integers(2, 5)))
            case 3 if len(self._standing) == 2:
                self._draw_of_both()
            case _:
                some_step(directory, table, rng, number)

    def _change(self, standing: StandingTable, times: int) -> None:
        described = copy.deepcopy(standing.description)
        described["now"]["max_times_sampled"] = times
        with self._directory.step((standing, Room(standing.table.rows)), description=described):
            standing.table.reconfigure(None, None, times)

    def _draw_of_both(self) -> None:
        first, second = self._standing
        try:
            with self._directory.step((first, Room(2)), (second, Room(2))):
                draw = first.table.draw(1)
                second.table.draw(1) if second.table.size else None
                del draw
        except ReplayError:
            pass


def run_program(
    base: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    power: bool = False,
    requests: int = 30,
    closed: bool = True,
    seed: int = 5,
) -> History:
    assert kind in SPECS
    monkeypatch.setattr(module, "_JOURNAL_RECORDS", RECORDS_A_SEGMENT)
    monkeypatch.setattr(segment_log, "_FEWEST_BYTES", SEGMENT_BYTES)
    monkeypatch.setattr(journal, "_SPARE", 1 << 14)
    base.mkdir()
    return Program(base, kind, power=power, seed=seed).run(requests, closed=closed)


def went_over_to_power(
    base: Path, kind: str, monkeypatch: pytest.MonkeyPatch, *, seed: int
) -> tuple[Disk, dict[str, Any]]:
    """Return the disk, once a directory that a process left when it was killed is opened with
    `power`, and the state that has to be in it."""
    history = run_program(base, kind, monkeypatch, closed=False, seed=seed)
    directory = open_directory(base / "data", history.files, power=True)
    abandon(directory)
    return disk_until(history, len(history.files.operations)), history.moments[-1].state


def found_in(path: Path, *, power: bool = False, goes_on: bool = True) -> dict[str, Any]:
    """Open what a crash left, tell what is there, and see that it can be used and closed."""
    directory = open_directory(path, UnsyncedFiles(), power=power)
    found = state_of(directory)
    if not goes_on:
        abandon(directory)
        for standing in directory.tables:
            standing.arrays.close()
        return found
    rng = np.random.default_rng(3)
    for standing in directory.tables:
        some_step(directory, standing, rng, 10**6)
    later = state_of(directory)
    directory.close()
    again = open_directory(path, UnsyncedFiles(), power=power)
    np.testing.assert_equal(state_of(again), later)
    again.close()
    return found


def is_one_of(found: dict[str, Any], possible: list[dict[str, Any]]) -> bool:
    return any(print_of(found) == print_of(each) for each in possible)


def print_of(value: Any) -> Any:
    """Return what is equal exactly where values are, arrays to the last bit."""
    if isinstance(value, dict):
        return {key: print_of(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [print_of(each) for each in value]
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    return repr(value)


def disk_until(history: History, point: int) -> Disk:
    disk = Disk()
    for operation in history.files.operations[:point]:
        disk.do(operation)
    return disk
