"""`python -m tests.fuzz.planted [SECONDS]`: does fuzzing find the bugs of planted.toml?

Each is put into a copy of the code, which is fuzzed from valid inputs alone, for at most SECONDS.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[1]


@dataclass(frozen=True)
class Planted:
    """A bug: `old` stands once in `file`, and `new` takes its place; `target` is to find it."""

    name: str
    target: str
    file: str
    old: str
    new: str

    def plant(self, root: Path) -> None:
        """Put the bug into a copy."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, self.name
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def planted() -> list[Planted]:
    """Return all of them."""
    text = FOLDER.joinpath("planted.toml").read_text(encoding="utf-8")
    return [Planted(**entry) for entry in tomllib.loads(text)["planted"]]


def fuzz(bug: Planted, seconds: int) -> tuple[str, int, float]:
    """Return what was found ("" is nothing), after how many inputs and seconds."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for part in ("replay_wire", "replay_server", "tests"):
            shutil.copytree(ROOT / part, root / part)
        shutil.rmtree(root / "tests/fuzz/seeds")
        bug.plant(root)
        began = time.monotonic()
        command = [sys.executable, "-m", "tests.fuzz", bug.target, str(root / "inputs")]
        done = subprocess.run(
            [*command, f"-max_total_time={seconds}", "-print_final_stats=1"],
            cwd=root,
            env={**os.environ, "PYTHONPATH": name},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        took = time.monotonic() - began
    inputs = re.findall(r"^#(\d+)\s", done.stderr, re.MULTILINE)
    told = done.stdout + done.stderr
    failures = re.findall(r"^\S*(?:Error|Exception)\b.*|ERROR: libFuzzer: .*", told, re.MULTILINE)
    found = "" if done.returncode == 0 else (failures or [f"exit code {done.returncode}"])[0]
    return found, int(inputs[-1]) if inputs else 0, took


def main() -> int:
    """Return 1 where a planted bug was not found."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    missed = 0
    for bug in planted():
        found, inputs, took = fuzz(bug, seconds)
        missed += not found
        told = (
            f"by {bug.target} after at least {inputs} inputs, {took:.0f} s: {bug.name}: "
            f"{found[:160]}"
        )
        print("found" if found else "MISSED", told, flush=True)  # noqa: T201 - it talks to people
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
