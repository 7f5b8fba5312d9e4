"""Section 5: one sequence sent by many at the same time."""

import threading

from tests.contract.peer import Answer, Peer, TablePeer
from tests.contract.steps import StepPeer, columns_of, episode, transitions

RETRIES = 8


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
