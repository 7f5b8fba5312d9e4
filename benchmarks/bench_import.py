"""How long does importing the client take, beyond NumPy? An actor pays it at each start.

    python -m benchmarks.bench_import

Fresh interpreters, in turns with one that imports NumPy alone. Of each: seconds of the clock and of
the processor from before the first import of ours to after it. Bar: 150 ms.
"""

import argparse
import statistics
import subprocess
import sys

BAR_MS = 150.0
MODULES = ("agent_client.replay_client", "agent_client", "httpx", "replay_wire.codec")
PROGRAM = """
import time, numpy
clock, processor = time.perf_counter(), time.process_time()
import {module}
print(time.perf_counter() - clock, time.process_time() - processor)
"""


def once(module: str) -> tuple[float, float]:
    """Return milliseconds of the clock and of the processor that an import took."""
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    clock, processor = (1e3 * float(seconds) for seconds in done.stdout.split())
    return clock, processor


def main() -> None:
    """Print the medians of each module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    once(MODULES[0])  # what is left as bytecode the first time
    times = [{module: once(module) for module in MODULES} for _ in range(rounds)]
    for module in MODULES:
        clock, processor = zip(*(turn[module] for turn in times), strict=True)
        print(
            f"{module:28} {statistics.median(clock):6.1f} ms, least {min(clock):6.1f}; "
            f"processor {statistics.median(processor):6.1f} ms, least {min(processor):6.1f}"
        )
    print(f"bar for {MODULES[0]}: {BAR_MS:.0f} ms beyond NumPy")


if __name__ == "__main__":
    main()
