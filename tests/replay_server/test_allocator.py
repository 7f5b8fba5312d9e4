"""Memory that large batches have left behind, whichever thread made them, goes back."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="the rules that are changed are glibc's"
)

# As the server makes batches: some of 14 MB at once, on two threads that begin at the same time.
PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from replay_server.allocator import give_memory_back, keep_one_arena

if sys.argv[1] == "one arena":
    keep_one_arena()

import numpy as np

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10

pool, together = ThreadPoolExecutor(2), Barrier(2)

def batches(count):
    together.wait()
    return [np.full(14 << 20, 7, np.uint8) for _ in range(count)]

def both(count):
    return [each.result() for each in [pool.submit(batches, count) for _ in range(2)]]

del (few := {0: both(1)})[0]
before = resident()
for _ in range(3):
    del (many := {0: both(int(sys.argv[2]))})[0]
    kept = resident() - before
    give_memory_back()
print(kept, resident() - before)
"""


def bytes_after(arenas: str, batches: int) -> tuple[int, int]:
    """Return what was kept when all was freed, and what after it was given back."""
    command = [sys.executable, "-c", PROGRAM, arenas, str(batches)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    kept, left = map(int, done.stdout.split())
    return kept, left


def test_all_memory_goes_back_when_threads_share_an_arena():
    _, left = bytes_after("one arena", 6)

    assert left < 8 << 20


def test_the_memory_of_some_batches_is_kept_for_the_next():
    kept, _ = bytes_after("one arena", 3)

    assert kept > 40 << 20  # beside the 28 MB that were there before
