"""Programs checked against the twin; of one that fails, the shortest that still does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from tests.twin.ends import End
from tests.twin.programs import Program, program
from tests.twin.record import Hits
from tests.twin.runs import Run


def run(program: Program, make: Callable[[], End], most_writers: int, hits: Hits) -> None:
    """Run a program from the start."""
    Run(program, make(), most_writers, hits).run()
    hits["programs"] += 1


def check(seeds: Iterable[int], requests: int, make: Callable[[], End], most_writers: int) -> Hits:
    """Run the programs of seeds and return how often what was hit.

    Raises:
        DisagreementError: one ended otherwise than the twin says; tells the shortest found.
    """
    hits: Hits = Counter()
    for seed in seeds:
        whole = program(seed, requests)
        try:
            run(whole, make, most_writers, hits)
        except Exception as error:
            short = shrunk(whole, lambda other: _fails(other, make, most_writers))
            raise DisagreementError(seed, short) from error
    return hits


class DisagreementError(AssertionError):
    """The server and the twin disagree about a program."""

    def __init__(self, seed: int, short: Program) -> None:
        lines = [*map(str, short.specs), *map(str, short.requests)]
        super().__init__("\n".join([f"the program of seed {seed}, shortened:", *lines]))
        self.seed, self.program = seed, short


def _fails(program: Program, make: Callable[[], End], most_writers: int) -> bool:
    try:
        run(program, make, most_writers, Counter())
    except Exception:  # noqa: BLE001 - whatever it is that goes wrong
        return True
    return False


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The shortest program found that still fails, leaving requests out."""
    requests, size = program.requests, max(len(program.requests) // 2, 1)
    while size:
        at = 0
        while at < len(requests):
            rest = requests[:at] + requests[at + size :]
            if fails(Program(program.specs, program.columns, rest)):
                requests = rest
            else:
                at += size
        size //= 2
    return Program(program.specs, program.columns, requests)
