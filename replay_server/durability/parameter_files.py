"""Parameters in a data directory: a file a version, and an index that says which of them stand.

A file is written under a name of its own before the index names it, and removed after an index that
does not name it is in place; the index is replaced at once. So whatever moment the process dies at,
the index names whole files only, and a file that it does not name is nobody's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, ParamSpec, TypeVar

from replay_server.durability.errors import DataDirectoryError
from replay_server.durability.files import Buffer, Files
from replay_server.durability.parameter_shelf import Content, Inventory, Parameters
from replay_server.errors import StorageFullError

__all__ = ["ParameterFiles"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

_INDEX: Final = "INDEX"
_PIECE_BYTES: Final = 1 << 18
_WRITE_BYTES: Final = 1 << 20
_THREADS: Final = 8


class ParameterFiles:
    """Keeps parameters in a folder.

    Attributes:
        inventory: what the folder held when it was opened.
    """

    memory_bytes = 0

    def __init__(self, folder: Path, files: Files, *, power: bool, may_be_new: bool = True) -> None:
        """Open a folder, which is made if it is not there.

        Args:
            folder: nothing else lies in it.
            files: the file layer.
            power: whether what is kept survives the machine.
            may_be_new: whether the folder may hold nothing yet.

        Raises:
            DataDirectoryError: something in it is missing or damaged; says what.
        """
        self._folder = folder
        self._files = files
        self._power = power
        self._worker = ThreadPoolExecutor(_THREADS, thread_name_prefix="parameters")
        try:
            files.make_folder(folder)
            self.inventory, self._next_number = self._load(may_be_new)
            if power:  # a process that promised less had it before
                self._sync()
        except OSError as error:
            raise DataDirectoryError(folder, f"it can't be used ({error})") from error
        except StorageFullError as error:
            raise DataDirectoryError(folder, error.reason) from error
        self._unneeded: SimpleQueue[Path | None] = SimpleQueue()
        self._remover = Thread(target=self._remove_unneeded, name="parameter-remover", daemon=True)
        self._remover.start()

    @staticmethod
    def holds_any(folder: Path) -> bool:
        """Return whether a folder, closed or not there, holds more than an index."""
        return folder.is_dir() and any(path.name != _INDEX for path in folder.iterdir())

    async def begin(self, name: str, size: int | None) -> _FileUpload:
        """Begin a file, as long as what is announced."""
        path = self._folder / f"{self._next_number:08d}-{name}"
        self._next_number += 1
        return _FileUpload(self, path, await self.done(self.submit(self._make, path, size)))

    async def keep(self, inventory: Inventory) -> None:
        """Replace the index."""
        await self.done(self.submit(self._write_index, inventory))

    def retire(self, content: Content) -> None:
        """Remove a file once nobody reads it any more."""
        path = _file_of(content).path
        # a finalizer may run anywhere, within any lock: a SimpleQueue takes that, a pool does not
        weakref.finalize(content, self._unneeded.put, path).atexit = False

    def close(self) -> None:
        """Return when nothing is being read or written."""
        self._worker.shutdown()
        self._unneeded.put(None)
        self._remover.join()
        if not self._power:
            try:
                self._sync()
            except OSError as error:
                logger.warning("parameters may not outlive the machine: %s", error)

    def submit(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Begin what waits for the disk, away from the event loop."""
        return self._worker.submit(work, *args, **kwargs)

    async def done(self, future: Future[Result]) -> Result:
        """Return what came of it. Raises StorageFullError."""
        try:
            return await asyncio.wrap_future(future)
        except OSError as error:
            raise StorageFullError(str(error)) from error

    def write(self, descriptor: int, chunks: list[bytes], offset: int) -> None:
        """Write into a file. Raises OSError, StorageFullError."""
        self._files.write(descriptor, chunks, offset)

    def settle(self, descriptor: int) -> None:
        """Close a file that is whole. Raises OSError."""
        if self._power:
            self._files.sync(descriptor)
        self._files.close(descriptor)

    def give_up(self, descriptor: int, path: Path, last: Future[None] | None) -> None:
        """Close and remove a file that is not whole, after the last that was done to it."""
        if last is not None:
            wait([last])
        self._files.close(descriptor)
        self._remove(path)

    def _make(self, path: Path, size: int | None) -> int:
        descriptor = self._files.open(path)
        try:
            if size:
                self._files.reserve(descriptor, 0, size)
        except BaseException:
            self._files.close(descriptor)
            self._remove(path)
            raise
        return descriptor

    def _write_index(self, inventory: Inventory) -> None:
        text = _index_of(inventory)
        self._files.replace(self._folder / _INDEX, text, synced=self._power)

    def _remove_unneeded(self) -> None:
        while (path := self._unneeded.get()) is not None:
            self._remove(path)

    def _remove(self, path: Path) -> None:
        try:
            self._files.remove(path)
        except OSError as error:
            logger.warning("a file of parameters that went is left over: %s", error)

    def _sync(self) -> None:
        """Return when all that the folder holds is on the disk. Raises OSError."""
        for path in self._folder.iterdir():
            self._files.sync_file(path)
        self._files.sync_folder(self._folder)

    def _load(self, may_be_new: bool) -> tuple[Inventory, int]:
        """Return what the index says, and a number that no file has; remove what it does not name.

        Raises:
            DataDirectoryError: it can't be read, or a file that it names is missing or cut short.
        """
        path = self._folder / _INDEX
        try:
            inventory = self._read(json.loads(path.read_bytes()))
        except FileNotFoundError as error:
            others = [path for path in self._folder.iterdir() if path.name != f"{_INDEX}.new"]
            if others or not may_be_new:
                raise DataDirectoryError(path, "it is missing; restore a copy") from error
            inventory = Inventory()
            self._write_index(inventory)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataDirectoryError(path, f"it can't be read ({error}); restore a copy") from error
        named = {_file_of(each.content).path.name for each in inventory.current.values()}
        for other in list(self._folder.iterdir()):
            if other.name not in named | {_INDEX}:
                self._remove(other)
        return inventory, max((int(name.partition("-")[0]) for name in named), default=0) + 1

    def _read(self, document: dict[str, Any]) -> Inventory:
        current = {}
        for name, entry in document["current"].items():
            path, size = self._folder / entry["file"], int(entry["bytes"])
            found = path.stat().st_size if path.is_file() else None
            if found != size:
                reason = "it is missing" if found is None else f"it has {found} bytes, not {size}"
                raise DataDirectoryError(path, f"{reason}; restore a copy")
            content = _FileContent(self, path, size)
            current[name] = Parameters(name, int(entry["version"]), content)
        issued = {name: int(version) for name, version in document["issued"].items()}
        return Inventory(current, issued, int(document["floor"]))


class _FileContent:
    def __init__(self, shelf: ParameterFiles, path: Path, size: int) -> None:
        self.size = size
        self.path = path
        self._shelf = shelf

    @property
    def entry(self) -> dict[str, Any]:
        """What the index tells of it."""
        return {"file": self.path.name, "bytes": self.size}

    async def pieces(self) -> AsyncIterator[Buffer]:
        """Read one piece after another: a mapping would hold the event loop up, or kill it."""
        for offset in range(0, self.size, _PIECE_BYTES):
            length = min(_PIECE_BYTES, self.size - offset)
            yield await self._shelf.done(self._shelf.submit(self.read, offset, length))

    def read(self, offset: int, length: int) -> Buffer:
        with self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            data = file.read(length)
        if len(data) < min(length, self.size - offset):
            raise OSError(f"{self.path} is shorter than it was")
        return data


class _FileUpload:
    """Writes a piece while the next one is collected."""

    def __init__(self, shelf: ParameterFiles, path: Path, descriptor: int) -> None:
        self._shelf = shelf
        self._path = path
        self._descriptor = descriptor
        self._chunks: list[bytes] = []
        self._collected = 0
        self._size = 0
        self._last: Future[None] | None = None

    async def write(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._collected += len(chunk)
        if self._collected >= _WRITE_BYTES:
            await self._hand_over()

    async def finish(self) -> Content:
        await self._hand_over()
        await self._caught_up()
        self._last = self._shelf.submit(self._shelf.settle, self._descriptor)
        await self._caught_up()
        return _FileContent(self._shelf, self._path, self._size)

    async def discard(self) -> None:
        await self._shelf.done(
            self._shelf.submit(self._shelf.give_up, self._descriptor, self._path, self._last)
        )

    async def _hand_over(self) -> None:
        await self._caught_up()
        chunks, offset = self._chunks, self._size
        self._chunks, self._size, self._collected = [], offset + self._collected, 0
        self._last = self._shelf.submit(self._shelf.write, self._descriptor, chunks, offset)

    async def _caught_up(self) -> None:
        if self._last is not None:
            await self._shelf.done(self._last)


def _index_of(inventory: Inventory) -> bytes:
    document = {
        "floor": inventory.floor,
        "issued": dict(inventory.issued),
        "current": {
            name: {"version": each.version, **_file_of(each.content).entry}
            for name, each in inventory.current.items()
        },
    }
    return json.dumps(document, indent=1).encode()


def _file_of(content: Content) -> _FileContent:
    assert isinstance(content, _FileContent)
    return content
