"""Killed at every operation on the disk, what was answered is there, and nothing by half."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.replay_server.durability.crashes import (
    History,
    found_in,
    is_one_of,
    run_program,
    state_of,
    went_over_to_power,
)
from tests.replay_server.durability.recording import Disk, RecordingFiles, parts
from tests.replay_server.durability.tables import SPECS, abandon, open_directory

GOING_ON = 4  # of so many directories that crashes left, one is used and opened again


def crash_points(history: History, first: int, every: int) -> Iterator[tuple[int, bool, Disk]]:
    """Yield operations done, whether the next is begun, and the disk: at every `every`-th place."""
    disk, count = Disk(), first
    for point, operation in enumerate(history.files.operations):
        for part in [*parts(operation)]:
            count += 1
            if count % every == 0:
                disk.do(part)  # and then the whole of it, over that
                yield point, True, disk
        disk.do(operation)
        count += 1
        if count % every == 0:
            yield point + 1, False, disk


def check_kills(history: History, folder: Path, first: int = 0, every: int = 1) -> int:
    count = 0
    for point, partly, disk in crash_points(history, first, every):
        disk.write_to(folder)
        found = found_in(folder / "data", goes_on=count % GOING_ON == 0)
        assert is_one_of(found, history.possible(point, partly=partly)), f"after operation {point}"
        shutil.rmtree(folder)
        count += 1
    return count


@pytest.mark.parametrize(("number", "kind"), list(enumerate(SPECS)))
def test_killed_at_some_operations(
    tmp_path: Path, number: int, kind: str, monkeypatch: pytest.MonkeyPatch
):
    history = run_program(tmp_path / "run", kind, monkeypatch, requests=30)

    assert check_kills(history, tmp_path / "crashed", first=number, every=41) > 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", SPECS)
def test_killed_at_every_operation(
    tmp_path: Path, kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
):
    history = run_program(tmp_path / "run", kind, monkeypatch, requests=60, seed=seed)

    assert check_kills(history, tmp_path / "crashed") > 300


@pytest.mark.parametrize("kind", ["rows", pytest.param("transitions", marks=pytest.mark.slow)])
def test_killed_while_it_recovers(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch):
    history = run_program(tmp_path / "run", kind, monkeypatch, requests=30, closed=False)
    points = np.random.default_rng(1).choice(len(history.files.operations), 3, replace=False)

    for point, _, disk in crash_points(history, 0, 1):
        if point not in points:
            continue
        disk.write_to(tmp_path / "killed")
        files = RecordingFiles(tmp_path / "killed")
        directory = open_directory(tmp_path / "killed" / "data", files)
        found = state_of(directory)
        abandon(directory)
        again = Disk()
        for number, operation in enumerate(files.operations):
            again.do(operation)
            if number >= files.found and number % 5 == point % 5:
                again.write_to(tmp_path / "killed_again")
                np.testing.assert_equal(found_in(tmp_path / "killed_again" / "data"), found)
                shutil.rmtree(tmp_path / "killed_again")
        shutil.rmtree(tmp_path / "killed")


def check_power_failures(
    history: History, folder: Path, seed: int, every: int, *, power: bool = True
) -> int:
    rng = np.random.default_rng(seed)
    disk, count = Disk(), 0
    for point, operation in enumerate(history.files.operations, start=1):
        disk.do(operation)
        if point % every == seed % every:
            disk.write_torn_to(folder, rng)
            (folder / "data").mkdir(exist_ok=True)
            found = found_in(folder / "data", power=power, goes_on=count % GOING_ON == 0)
            possible = history.possible_after_power_failure(point)
            assert is_one_of(found, possible), f"after operation {point}"
            shutil.rmtree(folder)
            count += 1
    return count


@pytest.mark.parametrize(("number", "kind"), list(enumerate(SPECS)))
def test_power_fails_at_some_operations(
    tmp_path: Path, number: int, kind: str, monkeypatch: pytest.MonkeyPatch
):
    history = run_program(tmp_path / "run", kind, monkeypatch, power=True, requests=30)

    assert check_power_failures(history, tmp_path / "crashed", number, every=41) > 7


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", SPECS)
def test_power_fails_at_every_operation(
    tmp_path: Path, kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
):
    history = run_program(tmp_path / "run", kind, monkeypatch, power=True, requests=60, seed=seed)

    for lost in range(seed, seed + int(os.environ.get("CRASH_LOSSES", "1"))):
        assert check_power_failures(history, tmp_path / "crashed", lost, every=1) > 300


def test_a_server_that_was_stopped_has_everything_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    history = run_program(tmp_path / "run", "transitions", monkeypatch, requests=30)
    disk = Disk()
    for operation in history.files.operations:
        disk.do(operation)

    for seed in range(20):
        disk.write_torn_to(tmp_path / "crashed", np.random.default_rng(seed))
        found = found_in(tmp_path / "crashed" / "data")
        assert is_one_of(found, [history.moments[-1].state])
        shutil.rmtree(tmp_path / "crashed")


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("kind", ["rows_drawn_twice", "transitions", "compressed_rows"])
def test_what_a_killed_process_left_is_on_the_disk_once_a_server_with_power_has_started(
    tmp_path: Path, kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
):
    disk, state = went_over_to_power(tmp_path / "run", kind, monkeypatch, seed=seed)

    for lost in range(5):
        disk.write_torn_to(tmp_path / "crashed", np.random.default_rng(lost))
        assert is_one_of(found_in(tmp_path / "crashed" / "data", power=True), [state])
        shutil.rmtree(tmp_path / "crashed")
