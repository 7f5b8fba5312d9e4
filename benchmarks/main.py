"""The command line that every benchmark has."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.harness import Comparison, provenance, says_what_it_does

__all__ = ["main"]


def main(measure: Callable[[bool], list[Comparison]], doc: str | None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=says_what_it_does(doc))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    arguments = parser.parse_args()
    for comparison in measure(arguments.quick):
        print("\n".join(comparison.lines()), flush=True)
    print("; ".join(f"{name}: {value}" for name, value in provenance().items()))
