"""Section 5: one sequence sent by many at the same time."""

import socket
import threading

import msgpack
import pytest

from tests.contract.peer import LONG_S, Answer, Peer, TablePeer, array
from tests.contract.steps import StepPeer, columns_of, episode, transitions

RETRIES = 8
ONE = {"kind": "queue", "size": 1}


def test_retries_that_arrive_at_the_same_time_are_one_insert(table: TablePeer):
    table.make(capacity=1000)
    start = threading.Barrier(RETRIES)
    answers: list[tuple[int, Answer]] = []

    def retry() -> None:
        with Peer(f"http://{table.peer.address}") as peer:
            own = TablePeer(peer, table.name)
            for sequence in range(20):
                start.wait()
                writer = {"id": "w", "sequence": sequence}
                answers.append((sequence, own.insert([sequence] * 3, writer=writer)))
                start.wait()

    threads = [threading.Thread(target=retry) for _ in range(RETRIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(x for x, _ in table.contents().values()) == sorted([*range(20)] * 3)
    for sequence in range(20):
        same = [answer for number, answer in answers if number == sequence]
        assert sum(not answer.document["duplicate"] for answer in same) == 1
        assert len({answer.document["keys"]["data"] for answer in same}) == 1


def test_an_insert_whose_answer_was_lost_happens_once(table: TablePeer):
    table.make()
    writer = {"id": "w", "sequence": 1}
    table.wait_for_insert([5, 6], writer=writer).hang_up()  # done, and the answer read by nobody

    again = table.insert([5, 6], writer=writer)

    assert again.document["duplicate"] is True
    assert [x for x, _ in table.contents().values()] == [5, 6]


@pytest.mark.slow  # as many inserts as there may be writers, and two more
def test_writers_are_forgotten_beyond_the_limit_the_longest_silent_first(table: TablePeer):
    most = table.peer.get("/v1/info").document["limits"]["max_writers_per_table"]
    table.make()
    for name in ("first", "second"):
        table.insert([0], writer={"id": name, "sequence": 5})
    send_empty_inserts(table, [f"{number}" for number in range(most - 2)])
    assert table.insert([1], writer={"id": "first", "sequence": 5}).document["duplicate"] is True

    table.insert([2], writer={"id": "one more", "sequence": 0})

    told = {
        name: table.insert([3], writer={"id": name, "sequence": 5}).document["duplicate"]
        for name in ("first", "second")
    }
    assert told == {"first": True, "second": False}


def send_empty_inserts(table: TablePeer, writers: list[str]) -> None:
    """Insert nothing once for each writer, as many requests ahead as may be."""
    host, _, port = table.peer.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=LONG_S) as connection:
        for first in range(0, len(writers), 50):
            some = writers[first : first + 50]
            connection.sendall(b"".join(empty_insert(table, writer) for writer in some))
            answered = 0
            received = b""
            while answered < len(some):
                more = connection.recv(1 << 16)
                assert more, f"closed after {first + answered} answers: {received!r}"
                received = received[-20:] + more
                answered += received.count(b"HTTP/1.1 200 OK")
                received = received[received.rfind(b"HTTP/1.1 200 OK") + 1 :]


def empty_insert(table: TablePeer, writer: str) -> bytes:
    stamp = {"id": writer, "sequence": 0}
    body = msgpack.packb({"columns": {"x": array("<i8", [])}, "writer": stamp})
    head = f"POST {table.path}/insert HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_a_repeated_insert_of_steps_does_not_go_on_in_their_stream(steps: StepPeer):
    steps.make(**transitions())
    writer = {"id": "w", "sequence": 1}
    keys = steps.store(episode([1, 2], end="open"), writer=writer)

    again = steps.post("insert", {"columns": columns_of(episode([9, 9])), "writer": writer})
    steps.store([(3, 0, False, True, True)], writer={"id": "w", "sequence": 2})

    assert again.document["duplicate"] is True
    assert again.array("keys").tolist() == keys
    assert [item["next_observation"][0] for item in steps.items().values()] == [2, 3]


def test_two_retries_that_wait_at_the_same_time_are_one_insert(table: TablePeer):
    table.make(rate_limiter=ONE)
    table.fill([0])
    writer = {"id": "w", "sequence": 1}
    waiting = [table.wait_for_insert([1], writer=writer) for _ in range(3)]

    table.sample(1)
    answers = [one.answer() for one in waiting]

    assert [answer.status for answer in answers] == [200] * 3
    assert sorted(answer.document["duplicate"] for answer in answers) == [False, True, True]
    assert len({answer.document["keys"]["data"] for answer in answers}) == 1
    assert table.sample(1).column("x").tolist() == [1]
    assert table.sample(1).code == "rate_limited"


def test_a_duplicate_does_not_ask_the_limiter(table: TablePeer):
    table.make(rate_limiter=ONE)
    writer = {"id": "w", "sequence": 1}
    keys = table.insert([0], writer=writer).array("keys").tolist()

    again = table.insert([0], writer=writer)

    assert (again.document["duplicate"], again.array("keys").tolist()) == (True, keys)


def test_a_refused_insert_that_waited_leaves_its_sequence_unused(table: TablePeer):
    table.make(rate_limiter=ONE)
    table.fill([0])
    writer = {"id": "w", "sequence": 1}
    assert table.insert([1], writer=writer, timeout=0.05).code == "rate_limited"
    table.sample(1)

    assert table.insert([2], writer=writer).document["duplicate"] is False
    assert table.sample(1).column("x").tolist() == [2]
