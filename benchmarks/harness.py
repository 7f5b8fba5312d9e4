"""What every benchmark shares: contenders timed in turns, and their medians beside one another.

The machine is noisy and shared, so nothing is timed alone: contenders take turns, round after
round, and each is told as a ratio to the reference of its own comparison as well as in absolute
terms. The spread is the middle half of the rounds.
"""

from __future__ import annotations

import gc
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = [
    "Comparison",
    "Contender",
    "Timing",
    "compare",
    "provenance",
    "says_what_it_does",
    "used_seconds",
]

_PACKAGES = ("numpy", "numba", "msgspec", "uvicorn", "fastapi", "httpx", "torch")


@dataclass
class Contender:
    """One way of doing the work.

    Attributes:
        name: ours, a peer's, or a limit's.
        run: does the work once and returns nothing, or the seconds that it took by its own clock.
        units: how many rows, keys or requests one run is.
    """

    name: str
    run: Callable[[], float | None]
    units: float = 1.0


@dataclass
class Timing:
    """Seconds a run of one contender, and how many units a run is."""

    name: str
    units: float
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds of a run: the median of the rounds."""
        return statistics.median(self.seconds)

    @property
    def middle_half(self) -> tuple[float, float]:
        """The first and the third quartile of the rounds."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        first, _, third = statistics.quantiles(self.seconds, n=4)
        return first, third


@dataclass
class Comparison:
    """Contenders for one operation; the first is what the others are set against.

    Attributes:
        title: the operation.
        unit: "rows/s" and the like for rates, or "us" and "ms" for the time of a unit.
        timings: the contenders'.
        bar: what is required, in `unit`; None where nothing is.
        aim: what is hoped for.
        note: what to know besides.
    """

    title: str
    unit: str
    timings: list[Timing]
    bar: float | None = None
    aim: float | None = None
    note: str = ""

    def value(self, timing: Timing, seconds: float) -> float:
        """Return seconds of a run in this comparison's unit."""
        scale = {"s": 1.0, "ms": 1e3, "us": 1e6}.get(self.unit)
        return timing.units / seconds if scale is None else seconds / timing.units * scale

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")

    def rows(self) -> Iterator[tuple[str, float, float, float, float]]:
        """Give name, median, both ends of the middle half, and the time as a ratio to the first's.

        A ratio of 2 means twice the first contender's time a unit.
        """
        first = self.timings[0]
        for timing in self.timings:
            ends = sorted(self.value(timing, seconds) for seconds in timing.middle_half)
            ratio = (timing.median / timing.units) / (first.median / first.units)
            yield timing.name, self.value(timing, timing.median), ends[0], ends[1], ratio

    def lines(self) -> list[str]:
        """Return the comparison as text."""
        goals = [
            f"{word} {goal:,.4g}"
            for word, goal in (("bar", self.bar), ("aim", self.aim))
            if goal is not None
        ]
        lines = [f"{self.title} [{self.unit}]" + (f"  ({', '.join(goals)})" if goals else "")]
        lines += [
            f"    {name:<44} {median:>12,.5g}  ({low:,.4g} to {high:,.4g})   x{ratio:.2f}"
            for name, median, low, high, ratio in self.rows()
        ]
        if self.note:
            lines.append(f"    {self.note}")
        return lines


def compare(contenders: Sequence[Contender], rounds: int, runs: int = 1) -> list[Timing]:
    """Time contenders in turns and return their timings, in order.

    Args:
        contenders: each runs `runs` times in a row, then the next; the order turns by one a round.
        rounds: how often.
        runs: of a contender in a round; a round's figure is their mean.
    """
    timings = [Timing(each.name, each.units) for each in contenders]
    pairs = list(zip(contenders, timings, strict=True))
    for contender in contenders:
        contender.run()
    with _without_collector():
        for turn in range(rounds):
            first = turn % len(pairs)
            for contender, timing in pairs[first:] + pairs[:first]:
                timing.seconds.append(_seconds(contender, runs))
    return timings


def _seconds(contender: Contender, runs: int) -> float:
    own: list[float] = []
    began = time.perf_counter()
    for _ in range(runs):
        seconds = contender.run()
        if seconds is not None:
            own.append(seconds)
    if own:
        return sum(own) / runs
    return (time.perf_counter() - began) / runs


def used_seconds(process_id: int) -> float:
    """Return the processor time of a process's threads so far (Linux)."""
    tasks = Path(f"/proc/{process_id}/task")
    return sum(
        int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        for task in tasks.iterdir()
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python's collector out, which would fall on whoever is running."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def provenance() -> dict[str, str]:
    """Return what a figure must bear to be repeated: commit, machine, versions, date."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    if git("status", "--porcelain", "--untracked-files=no"):
        commit += " with changes"
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return {
        "commit": commit,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{_processor()}, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": ", ".join(versions),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii")
    except OSError:
        return platform.processor() or "an unknown processor"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return f"{len(names)} x {names[0]}" if names else "an unknown processor"


def says_what_it_does(module_doc: str | None) -> str:
    """Return the question that a benchmark's docstring begins with."""
    return (module_doc or "").strip().split("\n\n")[0].replace("\n", " ")
