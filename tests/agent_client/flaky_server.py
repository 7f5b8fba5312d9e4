"""A replay server in miniature that keeps the protocol's promises and breaks everything else.

It stores inserts exactly once by writer and sequence, and answers, refuses or drops each request
as a list of faults says.
"""

import threading
from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

import numpy as np

from replay_wire.arrays import Array
from replay_wire.codec import decode
from replay_wire.messages import (
    InsertReply,
    InsertRequest,
    PriorityUpdate,
    SampleReply,
    SampleRequest,
    UpdateReply,
)
from tests.agent_client.scripted_server import (
    Peer,
    ReceivedRequest,
    ScriptedServer,
    problem_response,
    replay_response,
)


class Fault(Enum):
    """What happens to one request."""

    NONE = auto()
    DROP_BEFORE = auto()  # read, not done, closed without an answer
    DROP_AFTER = auto()  # done, closed without an answer
    CUT_ANSWER = auto()  # done, half an answer
    RESET = auto()  # cut off before it was read
    UNAVAILABLE = auto()
    RATE_LIMITED = auto()
    STORAGE_FULL = auto()
    REFUSED = auto()  # 422
    UNKNOWN_TABLE = auto()
    TABLE_EXISTS = auto()


LASTING = (Fault.REFUSED, Fault.UNKNOWN_TABLE, Fault.TABLE_EXISTS)
_COUNTERS = (
    "size",
    "rows",
    "inserted_total",
    "sampled_total",
    "updated_total",
    "stale_total",
    "deleted_total",
    "bytes",
)
COLUMNS = {"number": {"dtype": "<i8", "shape": []}}


class FlakyServer(ScriptedServer):
    """Holds one table of numbers.

    Attributes:
        stored: [number, priority or None] of each row, in order.
        updates: [key, priority] of each update, in order.
        draws: the draws that were done.
        spec: the table's.
        proceed: cleared to hold requests back until it is set.
    """

    def __init__(self, faults: Iterable[Fault] = (), columns: Any = COLUMNS) -> None:
        super().__init__([self._converse])
        self.stored: list[tuple[int, float | None]] = []
        self.updates: list[tuple[int, float]] = []
        self.draws: list[SampleRequest] = []
        self.insert_sizes: list[int] = []
        self.spec: dict[str, Any] = {
            "capacity": 100_000,
            "rate_limiter": {"kind": "min_size", "min_size": 1},
        }
        if columns is not None:
            self.spec["columns"] = columns
        self.faults = deque(faults)
        self.proceed = threading.Event()
        self.proceed.set()
        self.arrived = threading.Event()
        self._last: dict[str, tuple[int, bytes]] = {}
        self._mutex = threading.Lock()

    def _converse(self, peer: Peer) -> None:
        while True:
            request = peer.read_head()
            if request is None:
                return
            is_describe = request.method == "GET"
            with self._mutex:
                fault = self.faults.popleft() if self.faults and not is_describe else Fault.NONE
            if fault is Fault.RESET:
                peer.reset()
                return
            request.body = peer.read_body(request)
            if not is_describe:
                self.arrived.set()
                self.proceed.wait(20)
            match fault:
                case Fault.DROP_BEFORE:
                    return
                case Fault.UNAVAILABLE:
                    peer.send(problem_response("unavailable", 503, retry_after="0"))
                    continue
                case Fault.RATE_LIMITED:
                    peer.send(problem_response("rate_limited", 429, retry_after="0"))
                    continue
                case Fault.STORAGE_FULL:
                    peer.send(problem_response("storage_full", 507))
                    continue
                case Fault.UNKNOWN_TABLE:
                    peer.send(problem_response("unknown_table", 404))
                    continue
                case Fault.TABLE_EXISTS:
                    peer.send(problem_response("table_exists", 409))
                    continue
                case Fault.REFUSED:
                    peer.send(problem_response("schema_mismatch", 422, {"column": "number"}))
                    continue
            with self._mutex:
                answer = self._answer(request)
            match fault:
                case Fault.DROP_AFTER:
                    return
                case Fault.CUT_ANSWER:
                    peer.send(answer[: len(answer) // 2])
                    return
            peer.send(answer)

    def _answer(self, request: ReceivedRequest) -> bytes:
        if request.method == "GET":
            stats: dict[str, Any] = dict.fromkeys(_COUNTERS, 0)
            stats |= {"max_priority": 1.0, "priority_sum": 0.0, "samples_per_insert": 0.0}
            stats["sample_age"] = {}
            return replay_response({"name": "t", "spec": self.spec, "stats": stats})
        if request.target.endswith("/insert"):
            return self._insert(decode(request.body, InsertRequest))
        if request.target.endswith("/sample"):
            return self._sample(decode(request.body, SampleRequest))
        update = decode(request.body, PriorityUpdate)
        self._update(update)
        return replay_response(UpdateReply(updated=update.keys.shape[0], stale=0))

    def _insert(self, insert: InsertRequest) -> bytes:
        assert insert.writer is not None
        last, answer = self._last.get(insert.writer.id, (-1, b""))
        if insert.writer.sequence == last:
            return answer
        if insert.writer.sequence < last:
            return problem_response("stale_sequence", 409, {"last": last})
        numbers = insert.columns["number"].to_numpy().tolist()
        priorities: list[float | None] = [None] * len(numbers)
        if insert.priorities is not None:
            priorities = insert.priorities.to_numpy().tolist()
        keys = np.arange(len(self.stored), len(self.stored) + len(numbers))
        self.stored += zip(numbers, priorities, strict=True)
        self.insert_sizes.append(len(numbers))
        answer = replay_response(InsertReply(keys=Array.from_numpy(keys), duplicate=False))
        self._last[insert.writer.id] = insert.writer.sequence, answer
        return answer

    def _sample(self, draw: SampleRequest) -> bytes:
        if draw.update is not None:
            self._update(draw.update)
        self.draws.append(draw)
        count = draw.batch_size
        shape = (count,) if draw.batches == 1 else (draw.batches, count)
        ordinal = len(self.draws)
        return replay_response(
            SampleReply(
                keys=Array.from_numpy(np.full(shape, ordinal)),
                probabilities=Array.from_numpy(np.ones(shape)),
                weights=Array.from_numpy(np.ones(shape, np.float32)),
                priorities=Array.from_numpy(np.ones(shape)),
                times_sampled=Array.from_numpy(np.ones(shape, np.int32)),
                ages=Array.from_numpy(np.zeros(shape, np.int64)),
                columns={"number": Array.from_numpy(np.resize(np.arange(count), shape))},
                size=count,
                updated=0,
                stale=0,
            )
        )

    def _update(self, update: PriorityUpdate) -> None:
        keys, priorities = update.keys.to_numpy(), update.priorities.to_numpy()
        self.updates += zip(keys.tolist(), priorities.tolist(), strict=True)
