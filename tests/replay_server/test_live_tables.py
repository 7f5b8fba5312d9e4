"""`replay-server tables --watch`: rates between two looks, and who is held back."""

import re
from pathlib import Path

import pytest

from replay_server.live_tables import Look, live_report
from tests.contract.peer import LONG_S, Peer, TablePeer, WaitingRequest
from tests.replay_server.processes import Command
from tests.server_process import ServerProcess


def look(at_s: float, **tables: dict[str, float]) -> Look:
    lines = []
    for table, numbers in tables.items():
        lines.append(f'replay_table_limiter_info{{table="{table}",kind="min_size"}} 1')
        for name, number in numbers.items():
            name, _, operation = name.partition("__")
            label = f',operation="{operation}"' if operation else ""
            lines.append(f'replay_table_{name}{{table="{table}"{label}}} {number}')
    return Look("\n".join(lines) + "\n", at_s)


def rows_of(text: str) -> dict[str, dict[str, str]]:
    """Table -> head -> cell."""
    head, *lines = [re.split(r"\s{2,}", line) for line in text.splitlines()]
    return {line[0]: dict(zip(head, line, strict=True)) for line in lines}


def test_rates_are_between_the_two_looks():
    before = {"rows": 10, "items": 9, "capacity_rows": 100, "inserted_rows_total": 1000,
              "sampled_items_total": 400, "held_back_seconds_total__insert": 7,
              "held_back_seconds_total__sample": 1}  # fmt: skip
    after = {**before, "rows": 50, "inserted_rows_total": 1200, "sampled_items_total": 1000,
             "held_back_seconds_total__insert": 8.5}  # fmt: skip

    (row,) = rows_of(live_report(look(100.0, t=before), look(102.0, t=after))).values()

    assert row["FULL"] == "50%"
    assert (row["INSERTED/S"], row["SAMPLED/S"], row["PER INSERT"]) == ("100", "300", "3")
    assert (row["INSERTS HELD"], row["DRAWS HELD"]) == ("75%", "0%")


def test_a_table_that_is_new_or_was_made_again_has_no_rates_yet():
    numbers = {"rows": 1, "capacity_rows": 10, "inserted_rows_total": 5}

    text = live_report(look(0, old=numbers), look(1, old={**numbers, "inserted_rows_total": 1},
                                                  new=numbers))  # fmt: skip

    assert [row["INSERTED/S"] for row in rows_of(text).values()] == ["-", "-"]
    assert list(rows_of(text)) == ["new", "old"]


def test_that_there_are_none_is_said():
    assert live_report(look(0), look(1)) == "there are no tables"


@pytest.mark.parametrize(
    "text", ["<html>", 'replay_table_rows{table="t} 1\n', "replay_table_x 1\n"]
)
def test_what_is_not_told_to_prometheus_is_no_look(text: str):
    with pytest.raises((ValueError, KeyError)):
        Look(text, 0)


def test_a_real_server_is_shown_again_and_again_also_while_it_is_away(tmp_path: Path):
    server = ServerProcess("--port=0")
    with Peer(server.url) as peer:
        table = TablePeer(peer, "held").make()
        waiting = WaitingRequest(peer, f"{table.path}/sample", {"batch_size": 1, "timeout": LONG_S})
    arguments = ("tables", "--watch", "0.1", "--server", server.url)
    with Command(*arguments, folder=tmp_path, PYTHONUNBUFFERED="1") as command:
        shown: list[str] = []
        while sum(line.startswith("held ") for line in shown) < 3:
            shown.append(command.ready_line())
        waiting.hang_up()
        server.stop()
        while "no answer from" not in (line := command.ready_line()):
            assert line

    for line in shown:
        if line.startswith("held "):
            inserts_held, draws_held, age = line.split()[-3:]
            assert (inserts_held, age) == ("0%", "-")
            assert int(draws_held.rstrip("%")) > 0


def test_nobody_there_at_first_is_exit_1(tmp_path: Path):
    arguments = ("tables", "--watch", "--server", "http://127.0.0.1:1")
    with Command(*arguments, folder=tmp_path) as command:
        assert command.ended() == (1, "")

    assert "no answer from" in command.errors()
