"""`python -m tests.fuzz.long_run TARGET FOLDER [INPUTS [MINUTES]]`: fuzz until nothing new comes.

Ends when at least INPUTS (a million) were fed and MINUTES (10) have brought no new branch, or with
another code than 0 by a signal or at the first input of which something does not hold. It is done
in rounds of a process each, which goes on from what the one before has left in FOLDER: so the
fuzzer's own memory has bounds. Every minute, and when it ends, it tells how far it is; FOLDER's
parent gets the log of the last round.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROUND_INPUTS: Final = 250_000
_PROGRESS: Final = re.compile(r"^#(\d+)\s.*\bcov: (\d+) .*\brss: (\d+)Mb")
_SECONDS_BETWEEN: Final = 60


@dataclass
class Progress:
    """How far a run has come: inputs of earlier rounds and of this one, edges, and since when.

    Every change of `edges` is kept as (seconds, inputs, edges).
    """

    inputs: int
    minutes: float
    began: float = field(default_factory=time.monotonic)
    before: int = 0
    now: int = 0
    edges: int = 0
    memory_mib: int = 0
    rises: list[tuple[float, int, int]] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """Take in a line of libFuzzer's."""
        found = _PROGRESS.match(line)
        if found is None:
            return
        self.now, edges, self.memory_mib = map(int, found.groups())
        if edges > self.edges:
            self.edges = edges
            self.rises.append((self.seconds, self.total, edges))

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    @property
    def total(self) -> int:
        """Inputs of all rounds."""
        return self.before + self.now

    @property
    def is_done(self) -> bool:
        """Whether enough inputs have brought nothing new for long enough."""
        if not self.rises or self.total < self.inputs:
            return False
        return self.seconds - self.rises[-1][0] >= 60 * self.minutes

    def __str__(self) -> str:
        """Return it as a line."""
        last, at, _ = self.rises[-1] if self.rises else (0.0, 0, 0)
        return (
            f"{self.seconds:.0f} s, {self.total} inputs, {self.edges} edges; the last new one "
            f"{self.seconds - last:.0f} s and {self.total - at} inputs ago; {self.memory_mib} MiB"
        )


def run_round(target: str, folder: Path, progress: Progress) -> int:
    """Return the exit code of one round; one that is broken off because all is done has 0."""
    command = [sys.executable, "-m", "tests.fuzz", target, str(folder), f"-runs={ROUND_INPUTS}"]
    told = progress.seconds
    with (
        folder.parent.joinpath("round.log").open("w") as log,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as child,
    ):
        assert child.stderr is not None
        try:
            for line in child.stderr:
                log.write(line)
                log.flush()
                progress.hear(line)
                if progress.seconds - told >= _SECONDS_BETWEEN:
                    told = progress.seconds
                    print(progress, flush=True)  # noqa: T201 - it talks to people
                if progress.is_done:
                    return 0
            code = child.wait()
        finally:
            child.terminate()
    progress.before += progress.now
    progress.now = 0
    return code


def main() -> int:
    """Return 0 where all was done."""
    target, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    inputs, minutes = [*map(int, sys.argv[3:]), *(1_000_000, 10)[len(sys.argv) - 3 :]]
    progress, code = Progress(inputs, minutes), 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while code == 0 and not progress.is_done:
            code = run_round(target, folder, progress)
    except KeyboardInterrupt:
        code = 130
    rises = (f"{edges} ({at}, {seconds:.0f} s)" for seconds, at, edges in progress.rises)
    print("edges over time:", *rises)  # noqa: T201
    print("done:" if progress.is_done else f"ended by {code}:", progress)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
