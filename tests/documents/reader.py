"""Somebody who follows a page, block after block, in a folder of his own."""

import contextlib
import doctest
import io
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.documents.blocks import ROOT, Block

_READY = "replay-server ready on "
_READY_WITHIN_S = 120.0
_SH_WITHIN_S = 60.0
_SLOW_SH_WITHIN_S = 900.0
_CHECKER = doctest.OutputChecker()
_LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Reader:
    """Runs blocks as `tests.documents.blocks` tells; the port 8000 of a page is any free one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = "8000"
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""
        self._going_on: list[subprocess.Popen[str]] = []
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("REPLAY_", "AGENT_CLIENT_"))
            },
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "REPLAY_SERVER_PORT": "0",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def follow(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            AssertionError: it did not go as the page has it.
        """
        code = re.sub(r"\b8000\b", self._port, block.code)
        if block.file:
            (self._folder / block.file).write_text(code)
        elif block.kind == "python":
            self._run_python(block, code)
        elif block.kind == "sh server":
            self._start(block, code)
        elif block.kind in ("sh", "sh slow"):
            self._run_sh(block, code)
        elif block.kind == "text printed":
            assert _CHECKER.check_output(code, self._printed, _LENIENT), (
                f"{block} has:\n{code}\nbut this was printed:\n{self._printed}"
            )

    def leave(self) -> None:
        """Stop what still goes on."""
        for process in self._going_on:
            self._end(process, signal.SIGTERM)

    def _run_python(self, block: Block, code: str) -> None:
        printed = io.StringIO()
        line_up = "\n" * (block.line - 1)  # so that a traceback names the page's line
        with contextlib.chdir(self._folder), contextlib.redirect_stdout(printed):
            exec(compile(line_up + code, block.page, "exec"), self._namespace)
        self._printed = printed.getvalue()

    def _run_sh(self, block: Block, code: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_SLOW_SH_WITHIN_S if block.kind == "sh slow" else _SH_WITHIN_S,
            check=False,
        )
        self._printed = done.stdout
        assert done.returncode == 0, f"{block} ended with {done.returncode}:\n{done.stderr}"

    def _start(self, block: Block, code: str) -> None:
        """Start what goes on. A server before it is killed at once: nothing may need its leave."""
        serves = re.match(r"replay-server\s+serve", code)
        while serves and self._going_on:
            self._end(self._going_on.pop(), signal.SIGKILL)
        log = (self._folder / f"{block.line}.log").open("w")
        with log:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=self._folder,
                env=self._environment,
                stdout=subprocess.PIPE if serves else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._going_on.append(process)
        if serves:
            assert process.stdout is not None
            alarm = threading.Timer(_READY_WITHIN_S, process.kill)
            alarm.start()
            line = process.stdout.readline()
            alarm.cancel()
            told = (self._folder / f"{block.line}.log").read_text()
            assert line.startswith(_READY), f"{block} did not get ready: {line!r} {told}"
            self._port = line.strip().rpartition(":")[2]
            self._environment["REPLAY_SERVER_SERVER"] = f"http://127.0.0.1:{self._port}"

    @staticmethod
    def _end(process: subprocess.Popen[str], how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdout is not None:
                process.stdout.close()
