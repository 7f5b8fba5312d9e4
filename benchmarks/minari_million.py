"""Do a million steps of a table go out to Minari, and come back equal? How long, how large?

    python -m benchmarks.minari_million [--steps N] [--streams N]

A server of its own is filled with episodes of many lengths, of several streams at the same time,
with priorities and a further column; `replay-server export` and `import` run as people run them;
then both tables are scanned side by side, and every value, priority and link is compared.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from replay_server.datasets.blocks import Block
from replay_server.datasets.remote_table import RemoteTable
from replay_server.remote import Remote
from replay_server.settings import ClientSettings

_PAGE = 10_000


def main() -> None:
    """Fill, export, import, compare, and print a line of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--streams", type=int, default=8)
    arguments = parser.parse_args()
    program = [sys.executable, "-m", "replay_server"]
    server = subprocess.Popen([*program, "serve", "--port=0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().removeprefix("replay-server ready on ").strip()
    try:
        with tempfile.TemporaryDirectory() as folder, Remote(ClientSettings(server=url)) as remote:
            out = Path(folder, "million-v0")
            first, second = (RemoteTable(remote, name, print) for name in ("first", "second"))
            fill(first, arguments.steps, arguments.streams)
            for words in (("export", "--table", "first", "--format", "minari", str(out)),
                          ("import", "--table", "second", str(out))):  # fmt: skip
                began = time.perf_counter()
                peak = run([*program[1:], *words, "--server", url])
                size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
                seconds = time.perf_counter() - began
                print(f"{words[0]}: {seconds:.1f} s, peak memory {peak / 1e6:.0f} MB, "
                      f"files {size / 1e6:.0f} MB")  # fmt: skip
            print(f"equal: {compare(first, second):,} rows")
    finally:
        server.terminate()
        server.wait()


def fill(table: RemoteTable, steps: int, streams: int) -> None:
    """Insert `steps` rows: streams by turns, whose episodes are of 50 to 500 rows and all end."""
    generator = np.random.default_rng(0)
    spec: dict[str, Any] = {"items": {"kind": "transition"}, "sampler": {"kind": "uniform"}}
    table.make({"capacity": steps, **spec})
    each = steps // streams
    flags = np.zeros((3, each, streams), np.bool_)
    for stream in range(streams):
        lengths = generator.integers(50, 501, each // 50)
        stops = np.minimum(np.cumsum(lengths), each)
        stops = np.unique(stops)
        flags[0, np.concatenate(([0], stops[:-1])), stream] = True
        flags[1, stops - 1, stream] = True
        flags[2, stops - 1, stream] = generator.random(len(stops)) < 0.5
    firsts, lasts, terminals = flags.reshape(3, -1)
    for start in range(0, len(firsts), _PAGE):
        at = slice(start, start + _PAGE)
        rows = len(firsts[at])
        meant = ~lasts[at]  # action and reward of an episode's last row mean nothing
        columns = {
            "observation": generator.standard_normal((rows, 17)).astype(np.float32),
            "action": np.where(meant[:, None], generator.standard_normal((rows, 6)), 0).astype(
                np.float32
            ),
            "reward": np.where(meant, generator.standard_normal(rows), 0),
            "is_first": firsts[at],
            "is_last": lasts[at],
            "is_terminal": terminals[at],
            "velocity": generator.integers(-100, 100, rows).astype(np.int16),
        }
        numbers = (start + np.arange(rows)) % streams
        table.insert(Block(columns, generator.random(rows), numbers), "filler", start)


def run(words: list[str]) -> int:
    """Run `python WORDS` and return the most bytes that it had in memory (Linux)."""
    code = (
        "import re, runpy, sys\nfrom pathlib import Path\nsys.argv = sys.argv[2:]\n"
        "try: runpy.run_module('replay_server', run_name='__main__', alter_sys=True)\n"
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, check=True
    )
    print("  " + done.stdout.splitlines()[0])
    return int(re.findall(r"\d+", done.stdout)[-1]) * 1024


def compare(first: RemoteTable, second: RemoteTable) -> int:
    """Return how many rows there are. Raises SystemExit where one differs."""
    after, rows = [-1, -1], 0
    keys: list[np.ndarray[Any, Any]] = [np.empty(0, np.int64), np.empty(0, np.int64)]
    while True:
        pages = [t.scan(k, _PAGE) for t, k in zip((first, second), after, strict=True)]
        told = []
        for number, page in enumerate(pages):
            own = page.keys.to_numpy()
            keys[number] = np.concatenate((keys[number], own))
            assert page.previous is not None
            before = page.previous.to_numpy()
            places = np.where(before < 0, -1, np.searchsorted(keys[number], before))
            columns = {n: (c.dtype, bytes(c.data)) for n, c in page.columns.items()}
            told.append((columns, bytes(page.priorities.data), places.tolist(), page.more))
            after[number] = int(own[-1])
        if told[0] != told[1]:
            raise SystemExit(f"the tables differ between row {rows:,} and {rows + _PAGE:,}")
        rows += len(pages[0].keys.to_numpy())
        if not pages[0].more:
            return rows


if __name__ == "__main__":
    main()
