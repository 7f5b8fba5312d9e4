"""The command as people start it: a process, its exit code, and what it writes."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

_PATIENCE_S = 120.0  # kernels are compiled at the first start of a fresh clone


class Command:
    """`replay-server ARGUMENTS` in a process of its own, in a context that ends it."""

    def __init__(self, *arguments: str, folder: Path, **environment: str) -> None:
        self.errors_file = folder / "stderr"
        with self.errors_file.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "replay_server", *arguments],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._alarm = threading.Timer(_PATIENCE_S, self.process.kill)
        self._alarm.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm.cancel()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ready_line(self) -> str:
        """The first line of stdout; empty if the process ends without one."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def url(self) -> str:
        line = self.ready_line()
        assert line.startswith("replay-server ready on "), self.errors()
        return line.removeprefix("replay-server ready on ").rstrip("\n")

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """The exit code, and what came on stdout since the last line read, once it has ended."""
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        return self.process.wait(), rest

    def errors(self) -> str:
        return self.errors_file.read_text()
