"""Whatever the threads do, the server sees one order of rows, draws and priorities."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent_client.batches import Batch
from agent_client.dqn.config import DQNConfig
from agent_client.errors import NothingToDrawError
from agent_client.runs import whole_checkpoints
from agent_client.runs.checkpoint import replay_of
from agent_client.runs.folder import RunFolder
from agent_client.runs.ordered_replay import OrderedReplay
from agent_client.runs.whole_checkpoints import WholeCheckpoints
from agent_client.training_progress import TrainingProgress
from replay_wire.messages import CheckpointReply
from tests.agent_client.runs.test_checkpoint import agent_of

KEYS = np.array([1], np.int64)
PRIORITIES = np.array([2.0])


class Server:
    """Writer and client in one; notes what is done, and takes its time over draws if told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.checkpoints: list[str] = []
        self.draws = 0
        self.may_draw = threading.Event()
        self.may_draw.set()
        self.refusal: Exception | None = None

    def begin(self, observation: Any, mask: Any = None) -> None:
        self.done.append("begin")

    def append(self, *step: Any) -> None:
        self.done.append("append")

    def flush(self) -> None:
        self.done.append("flush")

    def sample(self, table: str, batch_size: int, *, update: Any, beta: float, **_: Any) -> Batch:
        assert self.may_draw.wait(10.0)
        if self.refusal is not None:
            raise self.refusal
        self.draws += 1
        told = "" if update is None else f" with priorities of {update[0].tolist()}"
        self.done.append(f"draw {self.draws} beta {beta}{told}")
        column = np.zeros(batch_size)
        whole = np.full(batch_size, self.draws, np.int64)
        return Batch(
            keys=whole, probabilities=column, weights=column.astype(np.float32),
            priorities=column, times_sampled=whole.astype(np.int32), ages=whole, columns={},
            size=1, updated=0, stale=0,
        )  # fmt: skip

    def update_priorities(self, table: str, keys: Any, priorities: Any) -> None:
        self.done.append(f"priorities of {keys.tolist()}")

    def write_checkpoint(self, name: str) -> None:
        self.done.append(f"write {name}")
        self.checkpoints = sorted({*self.checkpoints, name})

    def list_checkpoints(self) -> list[CheckpointReply]:
        return [CheckpointReply(name, 1, 1, 1) for name in self.checkpoints]

    def delete_checkpoint(self, name: str) -> None:
        self.done.append(f"delete {name}")
        self.checkpoints.remove(name)


def replay_on(server: Any) -> OrderedReplay:
    return OrderedReplay(
        server, server, "table", 1, columns=["reward"], layout="stacked", timeout_s=1.0
    )


def test_priorities_go_with_the_draw_after_the_next_batch_and_rows_before_each_draw() -> None:
    server = Server()
    betas = iter([0.1, 0.2, 0.3, 0.4])

    with replay_on(server) as replay:
        source = replay.open(lambda: next(betas))
        first = source.next_tensors()
        source.update_priorities(np.array([10]), PRIORITIES)
        second = source.next_tensors()
        source.update_priorities(np.array([20]), PRIORITIES)
        third = source.next_tensors()
        replay.append(0, 0, 0.0, False, False)

    assert [int(batch.keys[0]) for batch in (first, second, third)] == [1, 2, 3]
    assert server.done == [
        "flush",
        "draw 1 beta 0.1",
        "draw 2 beta 0.2",
        "flush",
        "draw 3 beta 0.3 with priorities of [10]",
        "flush",
        "draw 4 beta 0.4 with priorities of [20]",
        "append",
    ]


@pytest.mark.parametrize("call", ["append", "begin"])
def test_a_step_waits_for_the_draw_that_is_under_way(call: str) -> None:
    server = Server()
    with replay_on(server) as replay:
        server.may_draw.set()
        replay.next_tensors()
        replay.flush()
        server.may_draw.clear()
        replay.next_tensors()  # drawn before; the one after it is under way now
        step = threading.Thread(
            target=(lambda: replay.append(0, 0, 0.0, False, False))
            if call == "append"
            else (lambda: replay.begin(0))
        )

        step.start()
        step.join(0.1)
        waited = step.is_alive()
        server.may_draw.set()
        step.join(10.0)

    assert waited
    assert server.done[-2:] == ["draw 3 beta 1.0", call]


def test_a_refusal_is_raised_and_no_draw_is_made_twice() -> None:
    server = Server()
    server.refusal = NothingToDrawError.__new__(NothingToDrawError)

    with replay_on(server) as replay, pytest.raises(NothingToDrawError):
        replay.next_tensors()

    assert server.draws == 0


def test_at_rest_nothing_is_under_way_and_no_priority_is_left() -> None:
    server = Server()
    with replay_on(server) as replay:
        replay.next_tensors()
        replay.update_priorities(KEYS, PRIORITIES)

        server.done.clear()
        replay.come_to_rest()
        rested = server.done.copy()
        server.done.clear()
        again = replay.next_tensors()

    assert rested[-2:] == ["flush", "priorities of [1]"]
    assert int(again.keys[0]) == 3  # the second was dropped
    assert server.done[:2] == ["flush", "draw 3 beta 1.0"]


def checkpoints_in(folder: RunFolder, server: Any, replay: OrderedReplay) -> WholeCheckpoints:
    return WholeCheckpoints(folder, server, "table", replay)


def test_the_older_pair_goes_only_when_the_newer_one_stands(tmp_path: Path) -> None:
    server, agent = Server(), agent_of(seed=0, config=DQNConfig(hidden_units=(4,)))
    folder = RunFolder(tmp_path)
    with replay_on(server) as replay:
        checkpoints = checkpoints_in(folder, server, replay)
        checkpoints.save(agent, TrainingProgress(step=5))

        checkpoints.save(agent, TrainingProgress(step=9))

    kept = replay_of(folder.checkpoint)
    assert kept is not None
    assert (kept.name, kept.table) == ("step-9", "table")
    assert [one for one in server.done if one != "flush"] == [
        "write step-5", "write step-9", "delete step-5",
    ]  # fmt: skip


def test_a_kill_between_the_two_halves_leaves_the_older_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, agent = Server(), agent_of(seed=0, config=DQNConfig(hidden_units=(4,)))
    folder = RunFolder(tmp_path)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with replay_on(server) as replay:
        checkpoints = checkpoints_in(folder, server, replay)
        checkpoints.save(agent, TrainingProgress(step=5))
        monkeypatch.setattr(whole_checkpoints, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(agent, TrainingProgress(step=9))

    kept = replay_of(folder.checkpoint)
    assert kept is not None
    assert kept.name in server.checkpoints
    assert kept.name == "step-5"


def test_saved_is_where_an_episode_ends_after_an_evaluation_and_nowhere_else(
    tmp_path: Path,
) -> None:
    server, agent = Server(), agent_of(seed=0, config=DQNConfig(hidden_units=(4,)))
    progress = TrainingProgress()
    loop: Any = type("Loop", (), {"agent": agent, "progress": progress})()
    with replay_on(server) as replay:
        checkpoints = checkpoints_in(RunFolder(tmp_path), server, replay)
        checkpoints.begin(agent, progress)
        for step, events in enumerate(["e", "", "ve", "", "v", "", "v", "e", "e", "v"], start=1):
            progress.step = step
            if "e" in events:
                checkpoints.on_episode(loop, 0.0, 1)
            if "v" in events:
                checkpoints.on_evaluation(loop, None)  # type: ignore[arg-type]
            checkpoints.on_step(loop)
        checkpoints.end(agent, progress, is_over=False)
        checkpoints.begin(agent, progress)

    written = [one for one in server.done if one.startswith("write")]
    assert written == ["write step-0", "write step-3", "write step-8"]
