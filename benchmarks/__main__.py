"""All benchmarks, one after another; without --quick their tables and a plot go into the docs.

python -m benchmarks [--quick]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    bench_concurrency,
    bench_frames,
    bench_server,
    bench_small_rows,
    bench_sum_tree,
    bench_waiting,
)
from benchmarks.harness import provenance
from benchmarks.peers.process import EVERY_LIBRARY, Peers
from benchmarks.report import draw_plot, write_tables

_DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description="All benchmarks, beside peers and limits.")
    parser.add_argument("--quick", action="store_true", help="few rounds, no Reverb, no report")
    quick = parser.parse_args().quick
    programs = [bench_small_rows, bench_frames, bench_sum_tree, bench_server]
    if not quick:
        programs += [bench_waiting, bench_concurrency]
    libraries = [name for name in EVERY_LIBRARY if not (quick and name == "reverb")]
    comparisons = []
    with Peers(libraries) as peers:
        for program in programs:
            for comparison in program.measure(quick, peers):
                print("\n".join(comparison.lines()), flush=True)
                comparisons.append(comparison)
    if not quick:
        write_tables(_DOCS / "benchmarks.md", comparisons, provenance())
        draw_plot(_DOCS / "pictures" / "benchmarks.png", comparisons)


if __name__ == "__main__":
    main()
