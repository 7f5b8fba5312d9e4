"""How long a request takes on the way to a server and back, and how many bytes get through."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Final

import numpy as np

from replay_server.doctor.finding import Finding, WrongError
from replay_server.remote import Remote, RemoteError, refusal
from replay_server.table_report import shown_bytes
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.codec import encode
from replay_wire.endpoints import Endpoint, MediaType
from replay_wire.messages import InsertRequest, SampleRequest, ScanRequest
from replay_wire.roles import Role

__all__ = ["check_latency", "check_throughput"]

_REQUESTS: Final = 200
_LONGEST_S: Final = 5.0  # for all of them
_FAR_S: Final = 0.02
_ROWS: Final = 64
_ROW_BYTES: Final = 1 << 16
_TIMES: Final = 8
_READ_BYTES: Final = _TIMES * _ROWS * _ROW_BYTES
_SCANNERS: Final = (Role.ADMIN, Role.LEARNER)


def check_latency(remote: Remote) -> Finding:
    """Return how long empty requests take. Raises RemoteError."""
    took: list[float] = []
    began = time.perf_counter()
    while len(took) < _REQUESTS and time.perf_counter() - began < _LONGEST_S:
        asked = time.perf_counter()
        remote.exchange("GET", endpoints.HEALTHZ.url())
        took.append(time.perf_counter() - asked)
    median = statistics.median(took)
    worst = sorted(took)[max(0, round(0.99 * len(took)) - 1)]
    told = f"median {1000 * median:.2f} ms, p99 {1000 * worst:.2f} ms of {len(took)} empty requests"
    advice = None
    if median > _FAR_S:
        advice = "it is far away, or busy: draw ahead (Prefetcher), and insert many rows at once"
    return Finding("latency", told, advice)


def check_throughput(remote: Remote, role: Role | None, *, may_write: bool) -> Finding:
    """Return how many bytes a second come through.

    They are those of parameters or of a table that is there already; with `may_write` those of a
    table that is made for it and dropped again.

    Raises:
        RemoteError: the server does not answer.
        WrongError: it does not let a table be made.
    """
    if may_write:
        return _written_and_drawn(remote)
    read = _largest_parameters(remote) or (_scanned(remote) if role in _SCANNERS else None)
    if read is None:
        told = "not measured: there is nothing to read; --write makes something"
        return Finding("throughput", told, mark="-")
    size, seconds, what = read
    return Finding("throughput", f"{_rate(size, seconds)} read ({shown_bytes(size)} of {what})")


def _largest_parameters(remote: Remote) -> tuple[int, float, str] | None:
    """Return bytes, seconds and what was read; None where there is nothing, or none may."""
    answer = remote.exchange("GET", endpoints.LIST_PARAMETERS.url())
    try:
        sizes = {each["name"]: each["bytes"] for each in answer.json()["parameters"]}
    except (ValueError, TypeError, KeyError):  # a refusal, or who answers is not what it says
        return None
    name = max(sizes, key=lambda each: sizes[each], default=None)
    if name is None or sizes[name] < _ROW_BYTES:
        return None
    size, seconds = 0, 0.0
    while size < _READ_BYTES and seconds < 1.0:
        began = time.perf_counter()
        answer = remote.exchange("GET", endpoints.GET_PARAMETERS.url(name=name))
        seconds += time.perf_counter() - began
        if answer.status_code != 200:
            return None
        size += len(answer.content)
    return size, seconds, "parameters"


def _scanned(remote: Remote) -> tuple[int, float, str] | None:
    """Return bytes, seconds and what was read of the fullest table; None where all are empty."""
    fullest = max(remote.tables(), key=lambda table: table.stats.rows, default=None)
    if fullest is None or not fullest.stats.rows:
        return None
    row_bytes = max(1, fullest.stats.bytes // int(fullest.spec["capacity"]))
    limit = max(1, min(_READ_BYTES // row_bytes, 1 << 16))
    began = time.perf_counter()
    answer = _send(remote, endpoints.SCAN, fullest.name, ScanRequest(limit=limit))
    seconds = time.perf_counter() - began
    if len(answer) < _ROW_BYTES:
        return None
    return len(answer), seconds, f"table {fullest.name}"


def _written_and_drawn(remote: Remote) -> Finding:
    with _scratch_table(remote) as name:
        rows = Array.from_numpy(np.zeros((_ROWS, _ROW_BYTES), np.uint8))
        inserted = _timed(remote, endpoints.INSERT, name, InsertRequest(columns={"x": rows}))
        drawn = _timed(remote, endpoints.SAMPLE, name, SampleRequest(batch_size=_ROWS))
    size = _TIMES * _ROWS * _ROW_BYTES
    told = f"{_rate(size, inserted)} inserted, {_rate(size, drawn)} drawn"
    return Finding("throughput", f"{told} ({_TIMES} times {shown_bytes(_ROWS * _ROW_BYTES)})")


@contextmanager
def _scratch_table(remote: Remote) -> Iterator[str]:
    """Make a table of a name that nobody has; drop it at the end. Raises WrongError."""
    name = f"doctor-{token_hex(8)}"
    spec = {
        "capacity": 2 * _ROWS,
        "columns": {"x": {"dtype": "|u1", "shape": [_ROW_BYTES]}},
        "sampler": {"kind": "uniform"},
    }
    answer = remote.exchange("PUT", endpoints.CREATE_TABLE.url(table=name), json=spec)
    if answer.status_code != 201:
        raise WrongError(
            "throughput",
            f"no table can be made to measure with: {refusal(answer)}",
            "take the token of an admin, make room, or leave --write out",
        )
    try:
        yield name
    finally:
        remote.exchange("DELETE", endpoints.DROP_TABLE.url(table=name))


def _timed(remote: Remote, endpoint: Endpoint, table: str, message: object) -> float:
    """Return the seconds that a request takes, so many times."""
    began = time.perf_counter()
    for _ in range(_TIMES):
        _send(remote, endpoint, table, message)
    return time.perf_counter() - began


def _send(remote: Remote, endpoint: Endpoint, table: str, message: object) -> bytes:
    """Return the body of the answer to a request in MessagePack. Raises RemoteError."""
    form = MediaType.MSGPACK.value
    answer = remote.exchange(
        endpoint.method,
        endpoint.url(table=table),
        content=b"".join(encode(message)),
        headers={"content-type": form, "accept": form},
    )
    if answer.status_code != 200:
        raise RemoteError(f"{remote.address.shown} says no: {refusal(answer)}")
    return answer.content


def _rate(size: int, seconds: float) -> str:
    return f"{shown_bytes(size / seconds)}/s"
