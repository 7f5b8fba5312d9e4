"""Where the bytes of parameters lie, and the shelf that keeps them for as long as the process does.

A shelf takes bytes in by `begin`, and keeps what stands by `keep`: an `Inventory`, replaced as a
whole or not at all. `replay_server.durability.parameter_files` has the shelf that lies on a disk.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from replay_server.durability.files import Buffer

__all__ = ["Content", "Inventory", "MemoryShelf", "Parameters", "Shelf", "Upload"]

_PIECE_BYTES: Final = 1 << 18


class Content(Protocol):
    """Bytes that never change, and are there for as long as anybody refers to this object.

    Attributes:
        size: how many.
    """

    size: int

    def pieces(self) -> AsyncIterator[Buffer]:
        """Give the bytes one piece after another, and the event loop a turn between them.

        Raises OSError.
        """

    def read(self, offset: int, length: int) -> Buffer:
        """Return some of the bytes, fewer at the end; to be called from any thread. Raises OSError.

        Cost: it waits for the disk.
        """


class Upload(Protocol):
    """Bytes on their way in."""

    async def write(self, chunk: bytes) -> None:
        """Take some more. Raises StorageFullError, TooLargeError."""

    async def finish(self) -> Content:
        """Return them, kept as it was promised. Raises StorageFullError."""

    async def discard(self) -> None:
        """Let them go; what is finished can't be discarded any more."""


@dataclass(frozen=True)
class Parameters:
    """One version of parameters.

    Attributes:
        name: their name.
        version: from 1 up.
        content: their bytes.
    """

    name: str
    version: int
    content: Content


@dataclass(frozen=True)
class Inventory:
    """All that there is to know of parameters, beside their bytes.

    Attributes:
        current: NAME -> what stands under that name.
        issued: NAME -> highest version ever issued under it, also where nothing stands any more.
        floor: highest version issued under any name that is forgotten.
    """

    current: Mapping[str, Parameters] = field(default_factory=dict)
    issued: Mapping[str, int] = field(default_factory=dict)
    floor: int = 0


class Shelf(Protocol):
    """Keeps parameters.

    Attributes:
        inventory: what it held when it was opened.
        memory_bytes: how much memory the bytes take, those on their way in, too.
    """

    inventory: Inventory

    @property
    def memory_bytes(self) -> int:
        """Return that."""

    async def begin(self, name: str, size: int | None) -> Upload:
        """Begin to take bytes in.

        Args:
            name: of the parameters that they will be.
            size: how many will come, where that is known: so that there is room for all of them.

        Raises:
            StorageFullError, TooLargeError: there is no room for so many.
        """

    async def keep(self, inventory: Inventory) -> None:
        """Keep another inventory from now on, whose contents come from `begin`.

        Raises:
            StorageFullError: it may or may not be kept; contents of either have to stay.
        """

    def retire(self, content: Content) -> None:
        """Remove bytes that stand nowhere any more, once nobody refers to them."""

    def close(self) -> None:
        """Let go of what is needed to take bytes in."""


class MemoryShelf:
    """Keeps parameters in memory, one copy of each."""

    def __init__(self, make_room: Callable[[int], None]) -> None:
        """Start with nothing.

        Args:
            make_room: asked before memory is taken, for how many more bytes; raises TooLargeError.
        """
        self.inventory = Inventory()
        self.memory_bytes = 0
        self._make_room = make_room

    async def begin(self, name: str, size: int | None) -> _MemoryUpload:
        """Begin to take bytes in; those that are announced count from now on."""
        upload = _MemoryUpload(self)
        upload.grow(size or 0)
        return upload

    async def keep(self, inventory: Inventory) -> None:
        """Keep nothing: it goes with the process."""

    def retire(self, content: Content) -> None:
        """Leave it to whoever refers to it."""

    def close(self) -> None:
        """Nothing to let go of."""

    def take(self, count: int) -> None:
        """Count memory that is about to be taken, or let go. Raises TooLargeError."""
        if count > 0:
            self._make_room(count)
        self.memory_bytes += count


class _MemoryContent:
    def __init__(self, data: bytearray) -> None:
        self.size = len(data)
        self._data = memoryview(data).toreadonly()

    async def pieces(self) -> AsyncIterator[Buffer]:
        for offset in range(0, self.size, _PIECE_BYTES):
            yield self._data[offset : offset + _PIECE_BYTES]
            await asyncio.sleep(0)

    def read(self, offset: int, length: int) -> Buffer:
        return self._data[offset : offset + length]


class _MemoryUpload:
    def __init__(self, shelf: MemoryShelf) -> None:
        self._shelf = shelf
        self._data = bytearray()
        self._counted = 0

    def grow(self, count: int) -> None:
        """Count as many more bytes as go beyond those that are counted already."""
        more = len(self._data) + count - self._counted
        if more > 0:
            self._shelf.take(more)
            self._counted += more

    async def write(self, chunk: bytes) -> None:
        self.grow(len(chunk))
        self._data += chunk

    async def finish(self) -> Content:
        content = _MemoryContent(self._data)
        weakref.finalize(content, self._shelf.take, -self._counted).atexit = False
        return content

    async def discard(self) -> None:
        self._shelf.take(-self._counted)
        self._data, self._counted = bytearray(), 0
