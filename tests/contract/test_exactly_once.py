"""Section 5: one sequence sent by many at the same time."""

import threading

from tests.contract.peer import Answer, Peer, TablePeer
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
