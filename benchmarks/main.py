"""The command line that every benchmark has."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from benchmarks.harness import Comparison, provenance, says_what_it_does
from benchmarks.peers.process import EVERY_LIBRARY, Peers

__all__ = ["Measure", "main"]

Measure: TypeAlias = Callable[[bool, Peers], list[Comparison]]
"""Takes whether to be quick, and the peers; measures."""


def main(measure: Measure, doc: str | None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=says_what_it_does(doc))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    arguments = parser.parse_args()
    with Peers(() if arguments.alone else EVERY_LIBRARY) as peers:
        for comparison in measure(arguments.quick, peers):
            print("\n".join(comparison.lines()), flush=True)
    print("; ".join(f"{name}: {value}" for name, value in provenance().items()))
