"""A process of another environment whose operations are contenders of ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from agent_client.closing import Closing
from benchmarks.harness import Contender

__all__ = ["EVERY_LIBRARY", "PeerProcess", "Peers"]

EVERY_LIBRARY: Final = ("torchrl", "cpprb", "tianshou", "stable_baselines3", "reverb")

_HERE = Path(__file__).parent


def _python(name: str) -> str | None:
    """Return the Python of a peers' environment (`in_process`, `reverb`), None if there is none.

    It is what REPLAY_BENCH_IN_PROCESS or REPLAY_BENCH_REVERB says, or that of `make bench-peers`.
    """
    default = _HERE.parents[1] / f".venv-{name.replace('_', '-')}" / "bin" / "python"
    found = os.environ.get(f"REPLAY_BENCH_{name.upper()}", str(default))
    return found if Path(found).exists() else None


class PeerProcess(Closing):
    """Runs a script's operations when asked; a context manager. Without it there are none."""

    def __init__(self, python: str | None, script: str, *arguments: str) -> None:
        """Start it and wait until its buffers are full."""
        self._process: subprocess.Popen[str] | None = None
        self.operations: list[str] = []
        if python is None:
            return
        self._process = subprocess.Popen(
            [python, str(_HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": "", "RL_LOGGING_LEVEL": "ERROR"},
        )
        assert self._process.stdout is not None
        self.operations = json.loads(self._process.stdout.readline() or "[]")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()

    def contenders(self, ending: str, units: float = 1.0) -> Sequence[Contender]:
        """Return contenders for the operations whose names end so."""
        return [
            Contender(name.removesuffix(ending).strip(), lambda name=name: self._run(name), units)
            for name in self.operations
            if name.endswith(ending)
        ]

    def _run(self, name: str) -> float:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(name, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())


class Peers(Closing):
    """All peers that can be asked; a context manager."""

    def __init__(self, libraries: Sequence[str]) -> None:
        """Start no process yet.

        Args:
            libraries: which of `EVERY_LIBRARY`.
        """
        self._libraries = libraries
        self._processes: list[PeerProcess] = []

    def __enter__(self) -> Self:
        """Start those whose environments are there, and tell those that are not."""
        in_process = [name for name in self._libraries if name != "reverb"]
        asked = (
            ("in_process", "in_process_buffers.py", bool(in_process)),
            ("reverb", "reverb_server.py", "reverb" in self._libraries),
        )
        for name, script, is_wanted in asked:
            python = _python(name)
            if is_wanted and python is None:
                print(f"{script} has no environment; `make bench-peers` makes it")
            elif is_wanted:
                self._processes.append(PeerProcess(python, script, ",".join(in_process)))
        return self

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.close()

    def contenders(self, ending: str, units: float = 1.0) -> list[Contender]:
        """Return contenders for the operations whose names end so, of `units` a run."""
        return [
            contender
            for process in self._processes
            for contender in process.contenders(ending, units)
        ]
