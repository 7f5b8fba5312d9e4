"""Do large parameters hold the server up, or take its memory twice?

A server with a data directory, and one without. 200 MB are put and got again, while a second client
asks for `/healthz` all the time: how long it has to wait at the most shows how long the event loop
was held. The limit is the same bytes over a bare loopback socket. Then hundreds of
actors wait for the next version of a small policy, and one put wakes them.

    python -m benchmarks.bench_parameters [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import httpx

from agent_client import ReplayClient
from benchmarks.limits import RawServer

LARGE = 200_000_000
WAITING = 500


class Server:
    """A replay server in a process of its own."""

    def __init__(self, *options: str) -> None:
        """Start one and wait until it is ready."""
        command = [sys.executable, "-m", "replay_server", "serve", "--port=0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def resident(self, what: str = "VmRSS") -> float:
        """Return its resident memory in MB: now, or with "VmHWM" the most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) / 1000

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def asking(url: str, waited: list[float]) -> Iterator[None]:
    """Ask a small thing over and over within it, from another thread."""
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url) as client:
            while not stop.is_set():
                began = time.perf_counter()
                client.get("/healthz")
                waited.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def large(server: Server, rounds: int) -> None:
    """Put and get large parameters."""
    content = bytes(range(256)) * (LARGE // 256)
    seconds: dict[str, list[float]] = {"put": [], "get": [], "loopback": []}
    waited: list[float] = []
    quiet: list[float] = []
    with asking(server.url, quiet):
        time.sleep(2.0)
    before = server.resident()
    with ReplayClient(server.url) as client, RawServer() as loopback, asking(server.url, waited):
        for _ in range(rounds):
            began = time.perf_counter()
            client.put_parameters("policy", content)
            seconds["put"].append(time.perf_counter() - began)
            began = time.perf_counter()
            found = client.get_parameters("policy")
            seconds["get"].append(time.perf_counter() - began)
            assert found is not None
            assert len(found.content) == LARGE
            began = time.perf_counter()
            for _ in range(8):
                loopback.exchange(0, LARGE // 8)
            seconds["loopback"].append(time.perf_counter() - began)
    limit = median(seconds["loopback"])
    for verb in ("put", "get", "loopback"):
        rate = LARGE / median(seconds[verb]) / 1e6
        print(
            f"  {verb:9} {median(seconds[verb]) * 1e3:7.0f} ms, {rate:6.0f} MB/s, "
            f"{median(seconds[verb]) / limit:.1f} times the loopback"
        )
    for when, times in (("quiet", quiet), ("meanwhile", waited)):
        print(
            f"  another's request, {when}: median {median(times) * 1e3:.1f} ms, 99th percentile "
            f"{quantiles(times, n=100)[98] * 1e3:.1f} ms, most {max(times) * 1e3:.0f} ms"
        )
    print(
        f"  resident: {before:.0f} MB before, {server.resident():.0f} after, "
        f"{server.resident('VmHWM'):.0f} at the most"
    )


async def woken(url: str) -> tuple[float, float]:
    """Return how long a put took until the first and the last of those who wait have it.

    They are bare sockets: a pool of an HTTP client's with as many connections takes longer to look
    through itself than the server takes to answer them all.
    """
    address = httpx.URL(url)
    with ReplayClient(url) as client:
        version = client.put_parameters("small", bytes(100_000))
        ready = [asyncio.open_connection(address.host, address.port) for _ in range(WAITING)]
        waiting = [
            asyncio.create_task(wait_for_newer(*await one, version=version)) for one in ready
        ]
        await asyncio.sleep(3.0)
        began = time.perf_counter()
        await asyncio.to_thread(client.put_parameters, "small", bytes(100_001))
        ends = await asyncio.gather(*waiting)
    return min(ends) - began, max(ends) - began


async def wait_for_newer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, version: int
) -> float:
    """Ask for a newer version and return when all of it was there."""
    target = f"/v1/parameters/small?newer_than={version}&wait=60"
    writer.write(f"GET {target} HTTP/1.1\r\nhost: replay\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    await reader.readexactly(100_001)
    writer.close()
    return time.perf_counter()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        for name, options in (("in files", [f"--data-dir={folder}"]), ("in memory", [])):
            server = Server(*options)
            print(f"{LARGE // 1_000_000} MB, {name}:")
            large(server, rounds)
            first, last = asyncio.run(woken(server.url))
            print(
                f"  {WAITING} who wait for 100 kB: the first has it after {first * 1e3:.0f} ms, "
                f"the last after {last * 1e3:.0f} ms"
            )
            server.stop()


if __name__ == "__main__":
    main()
