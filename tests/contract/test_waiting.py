"""Section 5: requests that wait for the rate limiter."""

import os
import time
from pathlib import Path

import pytest

from tests.contract.peer import LONG_S, Peer, TablePeer
from tests.server_process import ServerProcess

AT_ONCE_S = 0.2
PROCESSES = Path("/proc")
THREE = {"kind": "min_size", "min_size": 3}


def test_a_waiting_draw_wakes_at_once_when_rows_come(table: TablePeer):
    table.make(rate_limiter=THREE)
    delays = []
    for _ in range(3):  # the best of three: the machine may be busy
        table.peer.send("POST", f"{table.path}/reset")
        waiting = table.wait_for_sample(2)
        table.fill([1, 2])
        table.fill([3])
        inserted_at = time.perf_counter()

        answer = waiting.answer()

        delays.append(time.perf_counter() - inserted_at)
        assert (answer.status, answer.document["size"]) == (200, 3)
    assert min(delays) < AT_ONCE_S


def test_the_limiter_still_says_no_when_the_time_is_over(table: TablePeer):
    table.make(rate_limiter=THREE)
    table.fill([1])
    began = time.perf_counter()

    answer = table.sample(1, timeout=0.3)

    assert (answer.status, answer.code) == (429, "rate_limited")
    assert "2 more inserts" in answer.document["detail"]
    assert "retry-after" in answer.headers
    assert 0.25 < time.perf_counter() - began < LONG_S


def test_what_is_missing_is_told_as_of_the_end_of_the_wait(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = table.wait_for_sample(1, timeout_s=0.5)

    table.fill([1, 2])

    assert "1 more insert" in waiting.answer().document["detail"]


def test_everyone_who_waits_is_served_by_one_insert(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = [table.wait_for_sample(count) for count in (1, 2, 3)]

    table.fill([1, 2, 3])

    assert [len(one.answer().array("keys")) for one in waiting] == [1, 2, 3]
    assert table.stats()["sampled_total"] == 6


def test_others_are_served_while_requests_wait(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = [table.wait_for_sample(1) for _ in range(20)]

    assert table.fill([1]) == [0]
    assert table.contents() == {0: (1, 1.0)}

    for one in waiting:
        one.hang_up()


@pytest.mark.skipif(not PROCESSES.exists(), reason="a system that tells no CPU time in /proc")
def test_who_waits_costs_nothing():
    server = ServerProcess("--port", "0")
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t").make(rate_limiter=THREE)
        waiting = [table.wait_for_sample(1) for _ in range(50)]
        before = cpu_seconds(server.pid)

        assert table.sample(1, timeout=1.0).code == "rate_limited"

        assert cpu_seconds(server.pid) - before < 0.1  # of one second and 51 requests
        for one in waiting:
            one.hang_up()
    server.stop()


def cpu_seconds(pid: int) -> float:
    fields = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def test_who_waits_gets_404_when_the_table_goes(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = table.wait_for_sample(1)

    table.peer.send("DELETE", table.path)

    assert waiting.answer().code == "unknown_table"


def test_who_waits_is_told_when_nothing_has_mass(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = table.wait_for_sample(1)

    table.fill([1, 2, 3], [0, 0, 0])

    assert waiting.answer().code == "nothing_to_draw"


def test_who_waits_before_a_table_that_is_reset_goes_on_waiting(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = table.wait_for_sample(1)
    table.fill([1, 2])
    table.peer.send("POST", f"{table.path}/reset")

    table.fill([3, 4])
    table.fill([5])

    assert waiting.answer().document["size"] == 3


def test_a_client_that_hangs_up_draws_nothing(table: TablePeer):
    table.make(rate_limiter=THREE)
    waiting = [table.wait_for_sample(1) for _ in range(3)]
    waiting[0].hang_up()
    waiting[2].hang_up()
    table.peer.settle()

    table.fill([1, 2, 3])

    assert waiting[1].answer().status == 200
    assert table.stats()["sampled_total"] == 1


def test_a_draw_that_gave_up_draws_nothing_later(table: TablePeer):
    table.make(rate_limiter=THREE)
    assert table.sample(1, timeout=0.01).code == "rate_limited"

    table.fill([1, 2, 3])

    assert table.stats()["sampled_total"] == 0


def test_longer_waits_than_info_tells_are_refused(table: TablePeer):
    table.make()
    longest = table.peer.get("/v1/info").document["limits"]["max_wait_seconds"]
    table.fill([0])

    assert table.sample(1, timeout=longest).status == 200
    for answer in (
        table.sample(1, timeout=longest + 1),
        table.insert([1], timeout=longest + 1),
    ):
        assert (answer.status, answer.code) == (413, "too_large")
    assert table.stats()["inserted_total"] == 1


def test_who_waits_gets_503_at_shutdown():
    server = ServerProcess("--port", "0")
    with Peer(server.url) as peer:
        table = TablePeer(peer, "t").make(rate_limiter=THREE)
        waiting = [table.wait_for_sample(1) for _ in range(3)]

    assert server.stop() == 0

    for one in waiting:
        answer = one.answer()
        assert (answer.status, answer.code) == (503, "unavailable")
        assert "retry-after" in answer.headers
