"""A replay server of the agent's own: a child process that ends with its parent.

The child's standard input is a pipe that nobody writes to. When the parent ends, however it
ends, the operating system closes the pipe, and a thread of the child sees that and ends the
child as SIGTERM would. That works on every platform and needs no help from the server.
"""

import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from agent_client.run_errors import EmbeddedServerError

READY_PREFIX: Final = "replay-server ready on "
SHOWN_STDERR_CHARACTERS: Final = 2_000

_SERVE_WHILE_PARENT_LIVES: Final = """
import os, runpy, signal, sys, threading

def end_with_parent():
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv[0] = "replay-server"
runpy.run_module("replay_server", run_name="__main__", alter_sys=True)
"""


class EmbeddedServer:
    """A replay server on a free port of the loopback interface; a context manager.

    Its tables live in memory and go with it, but for checkpoints where it has a data directory.

    Attributes:
        url: where it serves, once entered.
    """

    def __init__(
        self,
        *,
        ready_timeout_s: float = 120.0,
        stop_timeout_s: float = 10.0,
        command: tuple[str, ...] | None = None,
        data_dir: Path | None = None,
        restore: str | None = None,
    ) -> None:
        """Prepare a server; entering starts it.

        Args:
            ready_timeout_s: how long to wait until it serves; its first start on a machine may
                have to compile.
            stop_timeout_s: how long it may take to stop before it is killed.
            command: what to run instead of this package's server.
            data_dir: where its checkpoints live; made if needed.
            restore: name of one to begin with.
        """
        self.url = ""
        self._command = command or (
            sys.executable,
            "-c",
            _SERVE_WHILE_PARENT_LIVES,
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--log-level",
            "warning",
            *(() if data_dir is None else ("--durability=memory", f"--data-dir={data_dir}")),
            *(() if restore is None else (f"--restore={restore}",)),
        )
        self._ready_timeout_s = ready_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start the server and wait until it serves.

        Raises:
            EmbeddedServerError: it ended before that, or took too long.
        """
        # A file, not a pipe: nobody needs to empty it. A session of its own: Ctrl-C is for
        # the parent, which still needs the server to bring its work to an end.
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=_environment_for_child(),
            text=True,
            start_new_session=True,
        )
        try:
            self.url = self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def process_id(self) -> int:
        """The operating system's number of the server's process.

        Raises:
            RuntimeError: the server is not running.
        """
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    def stop(self) -> None:
        """Send SIGTERM and wait; kill it if that takes too long. Does nothing when stopped."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if self._reader is not None:
                self._reader.join()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _wait_until_ready(self, process: "subprocess.Popen[str]") -> str:
        lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(
            target=_read_lines, args=(process.stdout, lines), daemon=True
        )
        self._reader.start()
        try:
            while (line := lines.get(timeout=self._ready_timeout_s)) is not None:
                if line.startswith(READY_PREFIX):
                    return line.removeprefix(READY_PREFIX).strip()
        except queue.Empty:
            raise self._failed(f"was not ready within {self._ready_timeout_s:g} seconds") from None
        raise self._failed(f"ended with exit code {process.wait()} before it was ready")

    def _failed(self, reason: str) -> EmbeddedServerError:
        if self._stderr is None:
            return EmbeddedServerError(reason, "")
        self._stderr.seek(0)
        stderr = self._stderr.read().decode(errors="replace").strip()
        return EmbeddedServerError(reason, stderr[-SHOWN_STDERR_CHARACTERS:])


def _environment_for_child() -> dict[str, str]:
    """Return this process's environment without options that are meant for another server."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("REPLAY_SERVER_")
    }


def _read_lines(stream: IO[str] | None, lines: "queue.Queue[str | None]") -> None:
    """Hand over the child's lines until it closes its standard output, so that it never blocks."""
    if stream is None:
        return
    for line in stream:
        lines.put(line)
    lines.put(None)
