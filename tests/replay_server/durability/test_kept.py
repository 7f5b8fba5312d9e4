"""Data directories that earlier versions left are opened, and hold what they did."""

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.contract.peer import Peer
from tests.replay_server.durability.make_kept import KEPT, describe, go_on
from tests.replay_server.processes import Command
from tests.server_process import ServerProcess

FORMATS = sorted(int(path.name.split("-")[1].split(".")[0]) for path in KEPT.glob("*.tar.gz"))


def unpacked(number: int, folder: Path) -> tuple[Path, dict[str, Any]]:
    with tarfile.open(KEPT / f"format-{number}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    expected: dict[str, Any] = json.loads((KEPT / f"format-{number}.json").read_text())
    return folder / "data", expected


def as_before(found: Any, expected: Any) -> Any:
    """Return what is found without what an earlier version did not tell: fields may be added."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return {name: as_before(found[name], expected[name]) for name in found if name in expected}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [as_before(*pair) for pair in zip(found, expected, strict=True)]
    return found


@pytest.mark.parametrize("number", FORMATS)
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_directory_of_every_format_is_opened_and_goes_on(
    tmp_path: Path, number: int, durability: str
):
    data, expected = unpacked(number, tmp_path)
    server = ServerProcess("--port=0", f"--data-dir={data}", f"--durability={durability}")
    try:
        with Peer(server.url) as peer:
            told = describe(peer)
            assert as_before(told, expected["told"]) == expected["told"]
            later = go_on(peer)
            assert as_before(later, expected["later"]) == expected["later"]
    finally:
        server.stop()


def test_what_is_kept_is_what_was_sent():
    expected = json.loads((KEPT / "format-1.json").read_text())
    rows, later = expected["told"]["rows"], expected["later"]

    assert rows["rows"]["columns"]["x"]["data"] == [8, 9, 10, 11, 14, 15, 16, 17, 18, 19]
    assert rows["rows"]["priorities"]["data"] == [2.0, 0.0, 5.5, *[1.0] * 7]
    assert rows["queue"]["columns"]["x"]["data"] == [2, 3, 4, 5]
    assert rows["steps"]["columns"]["action"]["data"] == [*range(7, 12), *range(17, 24)]
    assert rows["changed"]["columns"]["x"]["data"] == [5]
    assert expected["told"]["policy"] == "the second"
    assert later["repeated"][0] is True
    assert len(later["repeated"][1]) == 12
    assert later["made again"][0] >= 5
    assert later["version"] == 2
    assert later["restored"]["rows"]["columns"]["x"]["data"] == [*range(8)]
    assert later["restored"]["queue"]["columns"]["x"]["data"] == [*range(6)]
    assert later["restored"]["gone"]["columns"]["x"]["data"] == [*range(5)]
    assert later["restored policy"] == "the first"


def test_a_directory_of_a_later_format_is_refused_by_name(tmp_path: Path):
    data, _ = unpacked(FORMATS[-1], tmp_path)
    text = (data / "FORMAT").read_text()
    later = re.sub(r"\d+", str(FORMATS[-1] + 1), text)
    (data / "FORMAT").write_text(later)

    with Command("serve", "--port=0", f"--data-dir={data}", folder=tmp_path) as command:
        assert command.ended() == (2, "")
        assert str(data / "FORMAT") in command.errors()
        assert f"format {FORMATS[-1] + 1}" in command.errors()
