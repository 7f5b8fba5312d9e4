"""A replay server in a process of its own, for tests that need a real one."""

import os
import subprocess
import sys
import threading
from pathlib import Path

_REPOSITORY = Path(__file__).parents[1]
_READY_WITHIN_S = 120.0  # kernels are compiled at the first start of a fresh clone
_READY = "replay-server ready on "


# As on a machine that has neither of the fast parts: uvicorn takes h11 and asyncio's own loop.
_WITHOUT_FAST_PARTS = """
import runpy, sys
sys.modules.update(httptools=None, uvloop=None)
runpy.run_module("replay_server", run_name="__main__", alter_sys=True)
"""

# As where `ulimit -n` lets a process have few files open, and no more at its own wish.
_WITH_FEW_FILES = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))
runpy.run_module("replay_server", run_name="__main__", alter_sys=True)
"""


class ServerProcess:
    """A server that serves once this object exists.

    Attributes:
        url: where it serves.
        pid: of the process.
    """

    def __init__(self, *options: str, fast: bool = True, most_files: int | None = None) -> None:
        program = ["-m", "replay_server"] if fast else ["-c", _WITHOUT_FAST_PARTS]
        if most_files is not None:
            program = ["-c", _WITH_FEW_FILES.format(most_files)]
        self._process = subprocess.Popen(
            [sys.executable, *program, "serve", *options],
            cwd=_REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid
        alarm = threading.Timer(_READY_WITHIN_S, self._process.kill)
        alarm.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        alarm.cancel()
        if not line.startswith(_READY):
            self.kill()
            raise RuntimeError(f"the server did not get ready: {line!r}")
        self.url = line.removeprefix(_READY).strip()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()
        self._finish()

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self._process.terminate()
        return self._finish()

    def _finish(self) -> int:
        code = self._process.wait(timeout=30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code
