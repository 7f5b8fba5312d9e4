"""Does a server stay as it is under a steady load: no failed request, no memory that grows?

    python -m benchmarks.soak --minutes 30                 the steady load
    python -m benchmarks.soak --overload --minutes 1       far more than it takes on, and then again

The steady load: 64 writers that insert 16 steps of a small observation each half second, 4 learners
that send 256 priorities and draw 256 transitions ten times a second, and 1,000 connections that do
nothing but ask for /healthz once a minute. That keeps two cores half busy. It ends with 1 if a
request failed, or if the server's resident memory is more than 1.02 times what it was after a third
of the time.

The overload: twice as many connections as there may be, all drawing 1 MB at once, over and over:
each gets its draw or a 503, quickly, and after a 503 asks again when it was told to. Twenty more do
so from a process of their own and time it, since that of the crowd is itself overloaded; /healthz
is asked for as well. Then the same peaceful requests as before are timed again.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np

WRITERS: Final = 64
LEARNERS: Final = 4
IDLE: Final = 1000
ROWS: Final = 16
BATCH: Final = 256
CAPACITY: Final = 100_000
MOST_GROWTH: Final = 1.02


@dataclass
class Record:
    """What happened.

    Attributes:
        latencies_s: verb -> seconds of each request.
        outcomes: (verb, status or error) -> how often.
        resident_mb: (seconds since the start, MB) of the server now and then.
    """

    latencies_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    resident_mb: list[tuple[float, float]] = field(default_factory=list)

    def failed(self) -> int:
        """Return how many requests got anything but 200."""
        return sum(count for (_, outcome), count in self.outcomes.items() if outcome != "200")

    def lines(self) -> list[str]:
        """Return a table of latencies."""
        lines = ["verb                requests   median ms    99th ms     max ms"]
        for verb, seconds in sorted(self.latencies_s.items()):
            found = np.quantile(seconds, (0.5, 0.99, 1.0)) * 1000
            lines.append("{:18} {:9} {:11.2f} {:10.2f} {:10.2f}".format(verb, len(seconds), *found))
        return lines


class Client:
    """A connection, kept alive; a request at a time.

    Attributes:
        retry_after_s: what the last answer said about when to ask again.
    """

    def __init__(self, port: int, record: Record) -> None:
        self.retry_after_s = 0.0
        self._port, self._record = port, record
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, verb: str, method: str, path: str, body: bytes = b"") -> bytes:
        """Send a request, note how it went, and return the answer's body."""
        began = time.perf_counter()
        try:
            status, answer = await self._exchange(method, path, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            self._record.outcomes[verb, type(error).__name__] += 1
            return b""
        self._record.latencies_s[f"{verb} {status}"].append(time.perf_counter() - began)
        self._record.outcomes[verb, str(status)] += 1
        return answer

    async def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/msgpack", "", ""]
        head = "\r\n".join(lines)
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        answer = await self._reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        self.retry_after_s = float(headers.get("retry-after", 0.0))
        return int(lines[0].split()[1]), answer

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def wired(array: np.ndarray) -> dict[str, Any]:
    """Return an ARRAY."""
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": array.tobytes()}


def steps(first: bool) -> dict[str, Any]:
    """Return an insert's columns; `first` begins an episode."""
    flags = np.zeros(ROWS, np.bool_)
    starts = flags.copy()
    starts[0] = first
    columns = {
        "observation": np.random.default_rng(1).random((ROWS, 64), np.float32),
        "action": np.zeros(ROWS, np.int64),
        "reward": np.ones(ROWS, np.float32),
        "is_first": starts,
        "is_last": flags,
        "is_terminal": flags,
    }
    return {name: wired(column) for name, column in columns.items()}


async def write(client: Client, name: str, until: float) -> None:
    """Insert steps of one endless episode."""
    first, later = steps(first=True), steps(first=False)
    sequence = 0
    await asyncio.sleep(hash(name) % 100 / 200)
    while time.monotonic() < until:
        sequence += 1
        body = msgpack.packb(
            {
                "columns": first if sequence == 1 else later,
                "writer": {"id": name, "sequence": sequence},
                "timeout": 20.0,
            }
        )
        await client.ask("insert", "POST", "/v1/tables/soak/insert", body)
        await asyncio.sleep(0.5)


async def learn(client: Client, until: float) -> None:
    """Draw, and send the priorities of the draw before along."""
    keys = b""
    while time.monotonic() < until:
        request: dict[str, Any] = {"batch_size": BATCH, "timeout": 20.0}
        if keys:
            priorities = np.random.default_rng(len(keys)).random(BATCH) + 0.01
            request["update"] = {
                "keys": {"dtype": "<i8", "shape": [BATCH], "data": keys},
                "priorities": wired(priorities),
            }
        answer = await client.ask(
            "update+sample", "POST", "/v1/tables/soak/sample", msgpack.packb(request)
        )
        keys = msgpack.unpackb(answer)["keys"]["data"] if answer else b""
        await asyncio.sleep(0.1)


async def idle(client: Client, number: int, until: float) -> None:
    """Do next to nothing."""
    await asyncio.sleep(number / IDLE * 10)
    while True:
        await client.ask("healthz", "GET", "/healthz")
        left = until - time.monotonic()
        if left <= 0:
            return
        await asyncio.sleep(min(60.0, left))


async def watch(pid: int, record: Record, began: float, until: float) -> None:
    """Note the server's resident memory every two seconds."""
    while time.monotonic() < until:
        record.resident_mb.append((time.monotonic() - began, resident_mb(pid)))
        await asyncio.sleep(2.0)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def steady(port: int, pid: int, minutes: float, record: Record) -> None:
    """Put the steady load on a server."""
    began = time.monotonic()
    until = began + 60 * minutes
    clients = [Client(port, record) for _ in range(WRITERS + LEARNERS + IDLE)]
    await asyncio.gather(
        watch(pid, record, began, until),
        *(write(clients[number], f"writer-{number}", until) for number in range(WRITERS)),
        *(learn(client, until) for client in clients[WRITERS:][:LEARNERS]),
        *(
            idle(client, number, until)
            for number, client in enumerate(clients[WRITERS + LEARNERS :])
        ),
    )
    for client in clients:
        client.close()


async def overload(port: int, pid: int, minutes: float, record: Record, most: int) -> Record:
    """Let twice as many draw as may connect; return what peaceful requests met before and after."""
    peaceful = Record()
    caller = Client(port, peaceful)
    for _ in range(200):
        await caller.ask("before", "GET", "/v1/tables/soak")
    began = time.monotonic()
    until = began + 60 * minutes
    watcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.soak", f"--watch={port}", f"--minutes={minutes}"),
        stdout=subprocess.PIPE,
    )
    assert watcher.stdout is not None
    await watcher.stdout.readline()  # it has its connections
    clients = [Client(port, record) for _ in range(2 * most)]
    _, watched, *_ = await asyncio.gather(
        watch(pid, record, began, until),
        watcher.stdout.read(),
        *(draw_again_and_again(client, until) for client in clients),
    )
    await watcher.wait()
    print(watched.decode())
    for client in clients:
        client.close()
    await asyncio.sleep(3.0)  # the refused have their moment
    record.resident_mb.append((time.monotonic() - began, resident_mb(pid)))
    for _ in range(200):
        await caller.ask("after", "GET", "/v1/tables/soak")
    return peaceful


async def draw_again_and_again(client: Client, until: float) -> None:
    """Draw 1 MB as soon as the last has come, or when it was said to try again."""
    body = msgpack.packb({"batch_size": 2048})
    while time.monotonic() < until:
        await client.ask("sample", "POST", "/v1/tables/soak/sample", body)
        if client.retry_after_s:
            await asyncio.sleep(client.retry_after_s * (1 + random.random() / 10))


async def watch_overload(port: int, minutes: float) -> Record:
    """Be some of the crowd, and ask for /healthz beside."""
    record = Record()
    until = time.monotonic() + 60 * minutes

    async def probe(client: Client) -> None:
        while time.monotonic() < until:
            await client.ask("healthz", "GET", "/healthz")
            await asyncio.sleep(0.1)

    clients = [Client(port, record) for _ in range(21)]
    await asyncio.gather(*(client.ask("healthz", "GET", "/healthz") for client in clients))
    print("connected", flush=True)
    await asyncio.gather(
        probe(clients[0]), *(draw_again_and_again(client, until) for client in clients[1:])
    )
    for client in clients:
        client.close()
    return record


async def prepare(port: int) -> None:
    """Make a table and fill it."""
    client = Client(port, Record())
    spec = {
        "capacity": CAPACITY,
        "items": {"kind": "transition", "n_step": 3},
        "rate_limiter": {"kind": "min_size", "min_size": 1000},
        "seed": 1,
    }
    await client.ask("make", "PUT", "/v1/tables/soak", msgpack.packb(spec))
    for number in range(CAPACITY // ROWS):  # full from the beginning: nothing grows of itself
        body = msgpack.packb({"columns": steps(first=number == 0)})
        await client.ask("fill", "POST", "/v1/tables/soak/insert", body)
    client.close()


def main() -> None:
    """Start a server, put a load on it and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--server-options", nargs="*", default=[], metavar="OPTION")
    parser.add_argument("--watch", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch is not None:
        watched = asyncio.run(watch_overload(options.watch, options.minutes))
        print("\n".join(["meanwhile, from a process of its own:", *watched.lines()]))
        return
    most = 1000
    limits = [f"--max-connections={most}"] if options.overload else []
    command = [sys.executable, "-m", "replay_server", "serve", "--port=0", "--log-level=error"]
    server = subprocess.Popen(
        [*command, *limits, *options.server_options], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        asyncio.run(prepare(port))
        record = Record()
        began = time.monotonic()
        if options.overload:
            peaceful = asyncio.run(overload(port, server.pid, options.minutes, record, most))
            print("\n".join(peaceful.lines()))
        else:
            asyncio.run(steady(port, server.pid, options.minutes, record))
        took = time.monotonic() - began
        print("\n".join(record.lines()))
        requests = sum(record.outcomes.values())
        print(f"{requests} requests in {took:.0f} s, {requests / took:.0f} a second")
        print("outcomes:", dict(record.outcomes))
        print("python", platform.python_version(), "on", platform.platform())
        third = next(mb for at, mb in record.resident_mb if at >= took / 3)
        last, peak = record.resident_mb[-1][1], max(mb for _, mb in record.resident_mb)
        growth = last / third
        print(
            f"resident: {record.resident_mb[0][1]:.1f} MB at first, {third:.1f} after a third, "
            f"{peak:.1f} at most, {last:.1f} at the end: {growth:.3f} times that after a third"
        )
    finally:
        server.terminate()
        server.wait()
    if not options.overload and (record.failed() or growth > MOST_GROWTH):
        sys.exit(1)


if __name__ == "__main__":
    main()
