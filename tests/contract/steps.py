"""Tables of steps for tests: a step's `observation` is (x, -x), its `action` x + 7."""

from collections.abc import Sequence
from typing import Any

from tests.contract.peer import Answer, TablePeer, array

Step = tuple[float, float, bool, bool, bool]
"""x, reward, is_first, is_last, is_terminal."""


def episode(
    xs: Sequence[float], rewards: Sequence[float] | None = None, *, end: str = "terminal"
) -> list[Step]:
    """The steps of one episode; `end` is "terminal", "truncated" or "open"."""
    last = len(xs) - 1
    return [
        (
            x,
            0.0 if rewards is None else rewards[i],
            i == 0,
            i == last and end != "open",
            i == last and end == "terminal",
        )
        for i, x in enumerate(xs)
    ]


def onward(xs: Sequence[float], *, end: str = "open") -> list[Step]:
    """Steps that go on in a stream: no first one."""
    return [(x, reward, False, last, over) for x, reward, _, last, over in episode(xs, end=end)]


def columns_of(steps: Sequence[Step], reward: str = "<f8") -> dict[str, Any]:
    xs, rewards, *flags = zip(*steps, strict=True)
    firsts, lasts, terminals = flags
    return {
        "observation": array("<f4", [[x, -x] for x in xs]),
        "action": array("<i8", [int(x) + 7 for x in xs]),
        "reward": array(reward, rewards),
        "is_first": array("|b1", firsts),
        "is_last": array("|b1", lasts),
        "is_terminal": array("|b1", terminals),
    }


class StepPeer(TablePeer):
    """A table of steps of the test's own."""

    def steps(
        self, steps: Sequence[Step], streams: Sequence[int] | None = None, **more: Any
    ) -> Answer:
        if streams is not None:
            more["streams"] = array("<i8", streams)
        return self.post("insert", {"columns": columns_of(steps), **more})

    def store(
        self, steps: Sequence[Step], streams: Sequence[int] | None = None, **more: Any
    ) -> list[int]:
        """Insert and return the keys."""
        answer = self.steps(steps, streams, **more)
        assert answer.status == 200, answer.document
        keys: list[int] = answer.array("keys").tolist()
        return keys

    def items(self) -> dict[int, dict[str, Any]]:
        """Key -> what is drawn of it, of every item of a table with a `fifo` sampler."""
        size = self.stats()["size"]
        if not size:
            return {}
        answer = self.sample(size)
        assert answer.status == 200, answer.document
        columns = {name: answer.column(name) for name in answer.document["columns"]}
        return {
            key: {name: column[i].tolist() for name, column in columns.items()}
            for i, key in enumerate(answer.array("keys").tolist())
        }


def transitions(**keys: Any) -> dict[str, Any]:
    """A spec whose items come in the order of their keys."""
    return {"items": {"kind": "transition", **keys}, "sampler": {"kind": "fifo"}}


def sequences(length: int, **keys: Any) -> dict[str, Any]:
    return {
        "items": {"kind": "sequence", "length": length, **keys},
        "sampler": {"kind": "fifo"},
    }
