"""The Ray actor that is one shard: a replay server in a process of its own.

Of its own, because a server wants signals, an event loop and an interpreter that nobody else works
in. The process ends with its actor (`shard_process`), and the actor with its process: then Ray
starts both again on the same data directory.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["ShardActor", "ShardStartError", "shard_folder", "shards_on_disk", "used_numbers"]

logger = logging.getLogger(__name__)

_READY: Final = "replay-server ready on "
_START_WITHIN_S: Final = 120.0
_PAUSE_S: Final = 0.5
_STOP_WITHIN_S: Final = 40.0
_SHARD: Final = "shard-"
_RETIRED: Final = "retired-"


class ShardStartError(Exception):
    """A shard's server does not get ready.

    Attributes:
        number: the shard's.
        exit_code: what its server last ended with; None where it is too slow.
    """

    def __init__(self, number: int, exit_code: int | None) -> None:
        self.number = number
        self.exit_code = exit_code
        why = "it is too slow" if exit_code is None else f"it ends with {exit_code}"
        super().__init__(f"the server of shard {number} does not get ready: {why}; see its log")

    def __reduce__(self) -> tuple[type[ShardStartError], tuple[int, int | None]]:
        """Let it travel from the actor to who waits for it."""
        return type(self), (self.number, self.exit_code)


class ShardActor:
    """Runs one replay server for as long as it lives."""

    def __init__(self, number: int, options: Sequence[str], folder: str | None) -> None:
        """Start the server with these options of `serve`, on this data directory.

        It listens on a free port of the node's address. A directory that is still locked, by a
        server that is about to end, is waited for.

        Raises:
            ShardStartError: it can't be started.
        """
        import ray

        self._number = number
        self._is_stopping = False
        own = ["--host", ray.util.get_node_ip_address(), "--port", "0"]
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            own += ["--data-dir", folder]
        self._process, self._url = self._start([*options, *own])
        threading.Thread(target=self._end_with_server, daemon=True).start()

    async def url(self) -> str:
        """Return where it serves."""
        return self._url

    async def pid(self) -> int:
        """Return the id of the server's process on its node."""
        return self._process.pid

    async def wait_until_over(self) -> None:
        """Never return: whoever waits for it learns of the actor's end at once."""
        await asyncio.Event().wait()

    async def stop(self, retire: str | None = None) -> None:
        """End the server as SIGTERM does; then rename its folder where it will not be needed."""
        self._is_stopping = True
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, _STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        if retire is not None:
            folder = Path(retire)
            folder.rename(folder.with_name(folder.name.replace(_SHARD, _RETIRED)))

    def _start(self, options: list[str]) -> tuple[subprocess.Popen[str], str]:
        deadline_s = time.monotonic() + _START_WITHIN_S
        while True:
            process = subprocess.Popen(
                [sys.executable, "-m", "replay_server.cluster.shard_process", *options],
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            alarm = threading.Timer(max(0.0, deadline_s - time.monotonic()), process.kill)
            alarm.start()
            line = process.stdout.readline()
            alarm.cancel()
            if line.startswith(_READY):
                return process, line.removeprefix(_READY).strip()
            exit_code = process.wait()
            if time.monotonic() >= deadline_s - _START_WITHIN_S * 0.75:
                raise ShardStartError(self._number, None if exit_code < 0 else exit_code)
            time.sleep(_PAUSE_S)

    def _end_with_server(self) -> None:
        code = self._process.wait()
        if not self._is_stopping:
            logger.error("the server of shard %d ended with %d", self._number, code)
            os._exit(1)


def shard_folder(data_dir: str, number: int) -> str:
    """Return the data directory of a shard on its node."""
    return str(Path(data_dir) / f"{_SHARD}{number:04d}")


def shards_on_disk(data_dir: str) -> list[int]:
    """Return the numbers of the shards whose data directories are here, ascending."""
    return _numbers(data_dir, _SHARD)


def used_numbers(data_dir: str) -> list[int]:
    """Return every number that has had a data directory here, drained ones included."""
    return sorted([*_numbers(data_dir, _SHARD), *_numbers(data_dir, _RETIRED)])


def _numbers(data_dir: str, prefix: str) -> list[int]:
    found = (path.name.removeprefix(prefix) for path in Path(data_dir).glob(f"{prefix}*"))
    return sorted(int(name) for name in found if name.isdecimal())


def _environment() -> dict[str, str]:
    """Return this process's environment without options: a shard has those of its cluster only."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("REPLAY_SERVER_")
    }
