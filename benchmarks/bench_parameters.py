"""Do large parameters hold the server up, or take its memory twice?

A server with a data directory, and one without. 200 MB are put and got again, in turns with a second
client that asks for `/healthz` all the while: how long it has to wait at the most shows how long
the event loop was held. The limit is the same bytes over a bare loopback socket. Then hundreds of
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
from pathlib import Path
from statistics import median, quantiles

import httpx

from agent_client import ReplayClient
from benchmarks.limits import loopback_seconds

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


def ask_all_the_while(url: str, stop: threading.Event, waited: list[float]) -> None:
    """Ask a small thing over and over."""
    with httpx.Client(base_url=url) as client:
        while not stop.is_set():
            began = time.perf_counter()
            client.get("/healthz")
            waited.append(time.perf_counter() - began)


def large(server: Server, rounds: int) -> None:
    """Put and get large parameters."""
    content = bytes(range(256)) * (LARGE // 256)
    seconds: dict[str, list[float]] = {"put": [], "get": [], "loopback": []}
    waited: list[float] = []
    quiet: list[float] = []
    for stop_after, kept in ((2.0, quiet),):
        stop = threading.Event()
        asking = threading.Thread(target=ask_all_the_while, args=(server.url, stop, kept))
        asking.start()
        time.sleep(stop_after)
        stop.set()
        asking.join()
    before = server.resident()
    stop = threading.Event()
    asking = threading.Thread(target=ask_all_the_while, args=(server.url, stop, waited))
    asking.start()
    with ReplayClient(server.url) as client:
        for _ in range(rounds):
            began = time.perf_counter()
            client.put_parameters("policy", content)
            seconds["put"].append(time.perf_counter() - began)
            began = time.perf_counter()
            found = client.get_parameters("policy")
            seconds["get"].append(time.perf_counter() - began)
            assert found is not None
            assert len(found.content) == LARGE
            seconds["loopback"].append(loopback_seconds(LARGE))
    stop.set()
    asking.join()
    limit = median(seconds["loopback"])
    for verb in ("put", "get", "loopback"):
        rate = LARGE / median(seconds[verb]) / 1e6
        print(
            f"  {verb:9} {median(seconds[verb]) * 1e3:7.0f} ms, {rate:6.0f} MB/s, "
            f"{median(seconds[verb]) / limit:.1f} times the loopback"
        )
    print(
        f"  another's request meanwhile: median {median(waited) * 1e3:.1f} ms, 99th percentile "
        f"{quantiles(waited, n=100)[98] * 1e3:.0f} ms, most {max(waited) * 1e3:.0f} ms (quiet: "
        f"{median(quiet) * 1e3:.1f}, {quantiles(quiet, n=100)[98] * 1e3:.0f}, {max(quiet) * 1e3:.0f})"
    )
    print(
        f"  resident: {before:.0f} MB before, {server.resident():.0f} after, "
        f"{server.resident('VmHWM'):.0f} at the most"
    )


async def woken(url: str) -> tuple[float, float]:
    """Return how long a put took until the first and the last of those who wait have it."""
    limits = httpx.Limits(max_connections=WAITING + 10, max_keepalive_connections=WAITING + 10)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60.0) as client:
        answer = await client.put("/v1/parameters/small", content=bytes(100_000))
        version = answer.json()["version"]
        query = {"newer_than": version, "wait": 60}

        async def wait() -> float:
            got = await client.get("/v1/parameters/small", params=query)
            assert got.status_code == 200
            assert len(got.content) == 100_001
            return time.perf_counter()

        waiting = [asyncio.create_task(wait()) for _ in range(WAITING)]
        await asyncio.sleep(3.0)
        began = time.perf_counter()
        await client.put("/v1/parameters/small", content=bytes(100_001))
        ends = await asyncio.gather(*waiting)
    return min(ends) - began, max(ends) - began


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
