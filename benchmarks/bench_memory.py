"""How much resident memory does the server take for a row, and for a step?

Fills a table of a million small rows through a socket, goes around its ring once, and compares the
growth of the server's resident memory with the limit that we set ourselves: 1.1 times the raw bytes
plus 64 a row, plus 96 a step. Linux only. Prints one line a kind.

    python benchmarks/bench_memory.py
"""

import re
import time
from pathlib import Path

import numpy as np

from agent_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer

ROWS = 1_000_000
ROWS_A_REQUEST = 1_000
EPISODE = 200


def transitions() -> dict[str, np.ndarray]:
    """Return columns of 45 bytes a row."""
    n = ROWS_A_REQUEST
    return {
        "observation": np.zeros((n, 4), np.float32),
        "next_observation": np.zeros((n, 4), np.float32),
        "action": np.zeros(n, np.int64),
        "reward": np.zeros(n, np.float32),
        "terminated": np.zeros(n, np.bool_),
    }


def steps() -> dict[str, np.ndarray]:
    """Return columns of 31 bytes a step, five whole episodes."""
    n = ROWS_A_REQUEST
    places = np.arange(n) % EPISODE
    return {
        "observation": np.zeros((n, 4), np.float32),
        "action": np.zeros(n, np.int64),
        "reward": np.zeros(n, np.float32),
        "is_first": places == 0,
        "is_last": places == EPISODE - 1,
        "is_terminal": np.zeros(n, np.bool_),
    }


def resident_bytes(process_id: int) -> int:
    """Return what a process has in memory."""
    status = Path(f"/proc/{process_id}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def measure(name: str, columns: dict[str, np.ndarray], spec: dict, overhead: int) -> None:
    """Fill a table and print what it took."""
    raw = sum(column.nbytes for column in columns.values()) // ROWS_A_REQUEST
    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        client.create_table("memory", {"capacity": ROWS, **spec})
        client.insert("memory", columns)
        client.sample("memory", 64)
        before = resident_bytes(server.process_id)
        began = time.perf_counter()
        for _ in range(ROWS // ROWS_A_REQUEST + 20):
            client.insert("memory", columns)
        seconds = time.perf_counter() - began
        client.sample("memory", 256)
        grown = (resident_bytes(server.process_id) - before) / ROWS
    limit = 1.1 * raw + overhead
    rate = (ROWS + 20 * ROWS_A_REQUEST) / seconds
    print(
        f"{name}: {raw} raw bytes, {grown:.1f} resident, limit {limit:.1f}, "
        f"ratio {grown / limit:.2f}; {rate:,.0f} rows/s inserted"
    )


if __name__ == "__main__":
    measure("row", transitions(), {}, 64)
    measure("step", steps(), {"items": {"kind": "transition", "n_step": 3}}, 96)
