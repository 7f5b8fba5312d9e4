"""Put each mistake of the catalogue into a copy of the code and see whether its tests notice.

    python -m tests.mutations [PART OF A NAME, OR OF A TEST'S, ...] [--workers 2]

First every test that is named has to pass in a copy without a mistake. Exits with 1 unless every
mistake was caught by every test that stands beside it.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.catalogue import ROOT, Mutation, mutations
from tests.mutations.outcomes import WRITTEN_TO
from tests.names import TESTS, file_of, function_of

COPIED = ("replay_wire", "replay_server", "agent_client", "tests", "pyproject.toml")
LONGEST_RUN_S = 600.0
PATIENCE_S = "8"  # of a test that waits for what a mistake may keep from coming
Outcomes = dict[str, set[str]]


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help="only mutations with one of these in a name")
    parser.add_argument("--workers", type=int, default=2, help="copies tested side by side")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests unchanged")
    chosen = parser.parse_args()
    asked = [each for each in mutations() if _is_asked(each, chosen.parts)]
    began = time.monotonic()
    if not chosen.no_baseline and not _passes_unchanged(asked, chosen.workers):
        return 1
    with ThreadPoolExecutor(chosen.workers) as workers:
        missed = sum(workers.map(_try, asked))
    tests = {test for mutation in asked for test in mutation.tests}
    _say(
        f"{len(asked)} mutations, {len(asked) - missed} caught, {missed} not; "
        f"{len(tests)} tests; {time.monotonic() - began:.0f} s; commit {_commit()}"
    )
    return 1 if missed else 0


def _is_asked(mutation: Mutation, parts: Sequence[str]) -> bool:
    names = (mutation.name, mutation.file, *mutation.tests)
    return not parts or any(part in name for part in parts for name in names)


def _passes_unchanged(asked: Sequence[Mutation], workers: int) -> bool:
    tests = sorted({test for mutation in asked for test in mutation.tests})
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _copy(Path(folder))
        outcomes = _run(Path(folder), tests, "-n", str(workers), "--dist", "loadfile")
    wrong = [test for test in tests if not outcomes.get(test, set()) <= {"passed"}]
    wrong += [test for test in tests if test not in outcomes]
    for test in wrong:
        _say(f"does not pass without a mistake: {test} {sorted(outcomes.get(test, set()))}")
    _say(f"{len(tests)} tests without a mistake: {time.monotonic() - began:.0f} s")
    return not wrong


def _try(mutation: Mutation) -> bool:
    """Return whether a mistake was missed by a test that should have caught it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _copy(Path(folder))
        mutation.apply(Path(folder))
        outcomes = _run(Path(folder), mutation.tests)
    missing = [test for test in mutation.tests if "failed" not in outcomes.get(test, set())]
    took = f"{time.monotonic() - began:.1f} s"
    if missing:
        told = ", ".join(f"{test} {sorted(outcomes.get(test, {'nothing'}))}" for test in missing)
        _say(f"SURVIVED  {mutation.name} ({took}): {told}")
    else:
        _say(f"caught    {mutation.name} ({took}, {len(mutation.tests)} tests)")
    return bool(missing)


def _copy(folder: Path) -> None:
    """Copy the code with its times, by which Python and numba know what they have compiled."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy2(source, folder / name)


def _run(folder: Path, tests: Sequence[str], *options: str) -> Outcomes:
    """Return what came of tests, by their short names, in a copy."""
    nodes = {f"tests/{file_of(t).relative_to(TESTS)}::{function_of(t)}": t for t in tests}
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"},
        "PYTHONPATH": str(folder),
        "TESTS_PATIENCE_S": PATIENCE_S,
    }
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [*command, "-p", "tests.mutations.outcomes", *options, *nodes],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(LONGEST_RUN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # and the servers that it has started
        process.wait()
    written = folder / WRITTEN_TO
    told = json.loads(written.read_text()) if written.exists() else {}
    return {test: set(told[node]) - {"skipped"} for node, test in nodes.items() if node in told}


def _commit() -> str:
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
