"""What a server does to its disk, noted operation by operation, and the disks that crashes leave.

`RecordingFiles` is the file layer that notes; `Disk` does what was noted once more, up to any
point: as a process that is killed leaves it, or as a machine does whose power fails.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from replay_server.durability.files import Buffer, Files

PAGE: Final = 4096
ROOT: Final = 0


@dataclass(frozen=True)
class Operation:
    """One thing done to a disk.

    `write`, `resize`, `reserve` and `sync` name a file by its `node`; `create`, `make_folder`,
    `link` and `unlink` name a `parent` and a `name` in it, and the `node` that the name stands for.
    """

    kind: str
    node: int = ROOT
    parent: int = ROOT
    name: str = ""
    offset: int = 0
    content: bytes = b""


class RecordingFiles(Files):
    """The real file system below a folder, which notes what is done to it.

    Operations of the thread of `turns` wait until it is given some.

    Attributes:
        operations: what was done; the first `found` of them make what was there before.
    """

    def __init__(self, base: Path) -> None:
        self.operations: list[Operation] = []
        self.turns = Turns()
        self._base = base
        self._nodes: dict[Path, int] = {base: ROOT}
        self._opened: dict[int, int] = {}
        self._next = ROOT + 1
        self._lock = threading.Lock()
        for path in sorted(base.rglob("*")):
            self._note_as_found(path)
        self.found = len(self.operations)

    def _note_as_found(self, path: Path) -> None:
        """Note what makes a file or folder that is there already, and on the disk."""
        node = self._nodes[path] = self._number()
        if path.is_dir():
            self._note("make_folder", path, node=node)
        else:
            self._note("create", path, node=node)
            self.operations.append(Operation("write", node, content=path.read_bytes()))
            self.operations.append(Operation("sync", node))
        self.operations.append(Operation("sync", self._nodes[path.parent]))

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _note(self, kind: str, path: Path, **facts: Any) -> None:
        place = {"parent": self._nodes[path.parent], "name": path.name}
        self.operations.append(Operation(kind, **place, **facts))

    def make_folder(self, path: Path) -> None:
        self.turns.wait()
        with self._lock:
            for folder in reversed([path, *path.parents]):
                if folder.is_relative_to(self._base) and folder not in self._nodes:
                    self._nodes[folder] = self._number()
                    self._note("make_folder", folder, node=self._nodes[folder])
            super().make_folder(path)

    def open(self, path: Path) -> int:
        self.turns.wait()
        with self._lock:
            if path not in self._nodes:
                self._nodes[path] = self._number()
                self._note("create", path, node=self._nodes[path])
            descriptor = super().open(path)
            self._opened[descriptor] = self._nodes[path]
            return descriptor

    def close(self, descriptor: int) -> None:
        with self._lock:
            self._opened.pop(descriptor)
            super().close(descriptor)

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        self.turns.wait()
        content = b"".join(bytes(memoryview(each).cast("B")) for each in buffers)
        with self._lock:
            node = self._opened[descriptor]
            self.operations.append(Operation("write", node, offset=offset, content=content))
            super().write(descriptor, [content], offset)

    def reserve(self, descriptor: int, offset: int, length: int) -> None:
        self.turns.wait()
        with self._lock:
            node = self._opened[descriptor]
            self.operations.append(Operation("reserve", node, offset=offset + length))
            super().reserve(descriptor, offset, length)

    def resize(self, descriptor: int, length: int) -> None:
        self.turns.wait()
        with self._lock:
            node = self._opened[descriptor]
            self.operations.append(Operation("resize", node, offset=length))
            super().resize(descriptor, length)

    def sync(self, descriptor: int) -> None:
        self.turns.wait()
        with self._lock:
            self.operations.append(Operation("sync", self._opened[descriptor]))

    def sync_folder(self, path: Path) -> None:
        self.turns.wait()
        with self._lock:
            if path in self._nodes:  # what lies above the base is there
                self.operations.append(Operation("sync", self._nodes[path]))

    def rename(self, source: Path, target: Path) -> None:
        self.turns.wait()
        with self._lock:
            self._note("link", target, node=self._nodes[source])
            self._note("unlink", source)
            for path in [*self._nodes]:
                if path == source or source in path.parents:
                    self._nodes[target / path.relative_to(source)] = self._nodes.pop(path)
            super().rename(source, target)

    def remove(self, path: Path) -> None:
        self.turns.wait()
        with self._lock:
            self._forget(path)
            super().remove(path)

    def remove_folder(self, path: Path) -> None:
        for each in sorted((each for each in self._nodes if path in each.parents), reverse=True):
            self.turns.wait()
            with self._lock:
                self._forget(each)
        with self._lock:
            self._forget(path)
            super().remove_folder(path)

    def _forget(self, path: Path) -> None:
        if path in self._nodes:
            self._note("unlink", path)
            del self._nodes[path]

    def storing(self, path: Path, array: np.ndarray, slots: np.ndarray, source: np.ndarray) -> None:
        start = path.stat().st_size - array.nbytes
        row_bytes = array.nbytes // len(array)
        with self._lock:
            for slot, row in zip(slots.tolist(), np.asarray(source, array.dtype), strict=True):
                offset = start + slot * row_bytes
                self.operations.append(
                    Operation("write", self._nodes[path], offset=offset, content=row.tobytes())
                )


class Turns:
    """Lets another thread come to its operations one at a time, when it is told to.

    It stands in for an executor with that one thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tasks: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._permits = 0
        self._is_free = self._is_over = False
        self._state = "idle"
        self._owner = threading.current_thread()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when it is this thread's turn."""
        if threading.current_thread() is not self._thread:
            return
        with self._changed:
            self._state = "waiting"
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._permits or self._is_free)
            self._permits -= 1
            self._state = "running"

    def give(self, turns: int) -> None:
        """Return when the other thread has come to so many operations, or is at rest."""
        with self._changed:
            for _ in range(turns):
                self._changed.wait_for(lambda: self._state != "running")
                if self._state == "idle":
                    return
                self._permits, self._state = 1, "running"
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._state != "running")

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            self._tasks.append((future, lambda: function(*arguments)))
            if self._state == "idle":
                self._state = "running"
            self._changed.notify_all()
        return future

    def free(self) -> None:
        """Let the other thread go on by itself."""
        with self._changed:
            self._is_free = True
            self._changed.notify_all()

    def shutdown(self) -> None:
        self.free()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._tasks:
                    self._state = "idle"
                    self._changed.notify_all()
                self._changed.wait_for(lambda: self._tasks or self._is_over)
                if not self._tasks:
                    return
                future, task = self._tasks.pop(0)
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
                future.set_exception(error)


class AtOnce:
    """Stands in for an executor: what is submitted is done on the spot."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        pass


Entry: TypeAlias = int | None


@dataclass
class _File:
    """A file: what is certainly on the disk, and what may be."""

    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    unsynced: list[Operation] = field(default_factory=list)

    def do(self, operation: Operation) -> None:
        if operation.kind == "sync":
            self.synced, self.unsynced = bytes(self.content), []
            return
        _do(self.content, operation)
        self.unsynced.append(operation)

    def after_power_failure(self, rng: np.random.Generator) -> bytes:
        """What may be found: each page as it was at some time since the last sync."""
        fate = rng.choice(["lost", "kept", "torn"], p=[0.2, 0.2, 0.6])
        if fate == "kept":
            return bytes(self.content)
        if fate == "lost" or not self.unsynced:
            return self.synced
        sizes = [len(self.synced)]
        growing = bytearray(self.synced)
        for operation in self.unsynced:
            _do(growing, operation)
            sizes.append(len(growing))
        found = bytearray(self.synced)
        for page in self._pages():
            pieces = [piece for each in self.unsynced for piece in _pieces(each, page)]
            for piece in pieces[: int(rng.integers(len(pieces) + 1))]:
                _do(found, piece)
        size = int(rng.choice(sizes))
        return bytes(found[:size]) + bytes(max(size - len(found), 0))

    def _pages(self) -> list[int]:
        return sorted(
            {
                page
                for each in self.unsynced
                for page in range(
                    each.offset // PAGE, -(-(each.offset + len(each.content)) // PAGE)
                )
            }
        )


@dataclass
class _Folder:
    """A folder: the names that are certainly on the disk, and those that may be."""

    names: dict[str, int] = field(default_factory=dict)
    synced: dict[str, int] = field(default_factory=dict)
    unsynced: list[tuple[str, Entry]] = field(default_factory=list)

    def bind(self, name: str, node: Entry) -> None:
        if node is None:
            self.names.pop(name, None)
        else:
            self.names[name] = node
        self.unsynced.append((name, node))

    def sync(self) -> None:
        self.synced, self.unsynced = dict(self.names), []

    def after_power_failure(self, rng: np.random.Generator) -> dict[str, int]:
        """What may be found: each name as it stood at some time since the last sync."""
        fate = rng.choice(["lost", "kept", "torn"], p=[0.2, 0.3, 0.5])
        if fate == "kept":
            return dict(self.names)
        found: dict[str, Entry] = dict(self.synced)
        if fate == "torn":
            for name in sorted({name for name, _ in self.unsynced}):
                stood = [found.get(name), *(node for each, node in self.unsynced if each == name)]
                found[name] = stood[int(rng.integers(len(stood)))]
        return {name: node for name, node in found.items() if node is not None}


class Disk:
    """A disk on which operations are done, from an empty folder on."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._folders: dict[int, _Folder] = {ROOT: _Folder()}

    def do(self, operation: Operation) -> None:
        match operation.kind:
            case "make_folder":
                self._folders[operation.node] = _Folder()
                self._folders[operation.parent].bind(operation.name, operation.node)
            case "create":
                self._files[operation.node] = _File()
                self._folders[operation.parent].bind(operation.name, operation.node)
            case "link":
                self._folders[operation.parent].bind(operation.name, operation.node)
            case "unlink":
                self._folders[operation.parent].bind(operation.name, None)
            case "sync" if operation.node in self._folders:
                self._folders[operation.node].sync()
            case _:
                self._files[operation.node].do(operation)

    def write_to(self, folder: Path) -> None:
        """Make a folder of what a process that was killed leaves."""
        self._write(
            folder,
            ROOT,
            lambda node: self._folders[node].names,
            lambda node: bytes(self._files[node].content),
        )

    def write_torn_to(self, folder: Path, rng: np.random.Generator) -> None:
        """Make a folder of what a machine may leave whose power failed."""
        files: dict[int, bytes] = {}

        def content(node: int) -> bytes:
            if node not in files:
                files[node] = self._files[node].after_power_failure(rng)
            return files[node]

        self._write(
            folder, ROOT, lambda node: self._folders[node].after_power_failure(rng), content
        )

    def _write(
        self,
        folder: Path,
        node: int,
        names: Callable[[int], dict[str, int]],
        content: Callable[[int], bytes],
    ) -> None:
        folder.mkdir(exist_ok=True)
        for name, child in names(node).items():
            if child in self._folders:
                self._write(folder / name, child, names, content)
            else:
                found = content(child)
                with (folder / name).open("wb") as file:
                    file.write(found.rstrip(b"\0"))
                    os.truncate(file.fileno(), len(found))


def parts(operation: Operation) -> Iterator[Operation]:
    """The parts of an operation after which a process may be killed, beside the whole of it."""
    if operation.kind == "write":
        first_page = operation.offset // PAGE + 1
        last_page = (operation.offset + len(operation.content) - 1) // PAGE
        for page in range(first_page, last_page + 1):
            end = page * PAGE - operation.offset
            yield Operation(
                "write", operation.node, offset=operation.offset, content=operation.content[:end]
            )


def _do(content: bytearray, operation: Operation) -> None:
    end = operation.offset + len(operation.content)
    match operation.kind:
        case "write":
            if len(content) < end:
                content.extend(bytes(end - len(content)))
            content[operation.offset : end] = operation.content
        case "reserve":
            content.extend(bytes(max(end - len(content), 0)))
        case "resize":
            del content[end:]
            content.extend(bytes(end - len(content)))


def _pieces(operation: Operation, page: int) -> Iterator[Operation]:
    """What an operation does to one page."""
    first, stop = page * PAGE, (page + 1) * PAGE
    if operation.kind == "write":
        start = max(operation.offset, first)
        end = min(operation.offset + len(operation.content), stop)
        if start < end:
            content = operation.content[start - operation.offset : end - operation.offset]
            yield Operation("write", operation.node, offset=start, content=content)
