"""Parameters by name: versions that count up, and requests that wait for a newer one.

What is put takes effect at one instant, on the event loop, once its bytes are kept; changes come
one after another. A waiting request is a future and nothing else: what it waits for sets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from replay_server.durability.files import Buffer
from replay_server.durability.parameter_shelf import (
    Content,
    Inventory,
    Parameters,
    Shelf,
    Upload,
)
from replay_server.errors import (
    OverloadedError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
    UnknownParametersError,
)
from replay_server.memory.errors import ReplayError
from replay_server.waiting import done_in_time
from replay_wire.messages import Limits

__all__ = ["ParameterStore"]

Result = TypeVar("Result")

_MOST_FORGOTTEN: Final = 4096


@dataclass(eq=False)
class _Waiting:
    newer_than: int
    outcome: asyncio.Future[None]


class ParameterStore:
    """All parameters of a server."""

    def __init__(self, shelf: Shelf, limits: Limits) -> None:
        """Serve what lies on a shelf."""
        self._shelf = shelf
        self._limits = limits
        self._inventory = shelf.inventory
        self._changing = asyncio.Lock()
        self._doubtful: list[Content] = []  # what an index that may or may not be there names
        self._waiting: dict[str, dict[_Waiting, None]] = {}
        self._waiting_count = 0
        self._closed = False

    @property
    def memory_bytes(self) -> int:
        """How much memory they take; those that lie in files take none."""
        return self._shelf.memory_bytes

    # -- one name ---------------------------------------------------------------------------------

    async def put(self, name: str, chunks: AsyncIterable[bytes], size: int | None) -> int:
        """Store bytes as the next version of a name; return that version.

        Args:
            name: whose.
            chunks: the bytes; what it raises is passed on, and nothing has changed.
            size: how many will come, where it is known.

        Raises:
            TooLargeError: there are too many names, or too little memory.
            StorageFullError: there is no room on the disk; the version before still stands.
        """
        self._check_room_for(name)
        content = await self._taken_in(name, chunks, size)
        return await self._alone(lambda: self._put(name, content))

    async def get(
        self,
        name: str,
        newer_than: int = 0,
        wait_s: float = 0.0,
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> Parameters:
        """Return what stands under a name, as soon as it is newer or when the time is over.

        Args:
            name: whose.
            newer_than: a version; what stands may still be of this one or older at the end.
            wait_s: seconds to wait.
            gone: makes an awaitable that is done when the client has gone.

        Raises:
            UnknownParametersError: nothing stands there then, or what stood was deleted meanwhile.
            TooLargeError: nobody may wait for so long.
            UnavailableError: the server is shutting down or restoring.
            OverloadedError: too many wait already.
            asyncio.CancelledError: the client has gone.
        """
        longest = self._limits.max_wait_seconds
        if wait_s > longest:
            raise TooLargeError("wait in seconds", longest, wait_s)
        found = self._inventory.current.get(name)
        if wait_s and (found is None or found.version <= newer_than):
            await self._wait(name, newer_than, wait_s, gone)
            found = self._inventory.current.get(name)
        if found is None:
            raise UnknownParametersError(name)
        return found

    async def delete(self, name: str) -> None:
        """Delete a name; those who wait for it get UnknownParametersError.

        Raises UnknownParametersError, StorageFullError.
        """
        await self._alone(lambda: self._delete(name))

    # -- all of them ------------------------------------------------------------------------------

    def snapshot(self) -> list[Parameters]:
        """Return what stands at this instant, by name, to be copied while newer versions come.

        Each `content` has a `size` and stays readable for as long as it is referred to:
        `content.read(offset, length)`, from any thread, piece by piece. Let go of the list when the
        copy is done: files of versions that were replaced are removed then.
        """
        return [self._inventory.current[name] for name in sorted(self._inventory.current)]

    async def restore(self, items: Mapping[str, Iterable[Buffer]]) -> None:
        """Replace all parameters by others: all at one instant, or, where it fails, none.

        Each gets a version above all that were ever issued under its name. Names that are not
        among them are deleted. Whoever waits gets UnavailableError. It may be run by `asyncio.run`
        before anything is served.

        Args:
            items: NAME -> its bytes as buffers, each of some MiB at most. They are iterated over in
                another thread, which may wait for the disk; what they raise is passed on.

        Raises:
            TooLargeError, StorageFullError: there is no room for them.
        """
        if len(items) > self._limits.max_parameters:
            raise TooLargeError("names of parameters", self._limits.max_parameters, len(items))
        contents: dict[str, Content] = {}
        try:
            for name, buffers in items.items():
                contents[name] = await self._taken_in(name, _threaded(buffers), None)
        except BaseException:
            for content in contents.values():
                self._shelf.retire(content)
            raise
        await self._alone(lambda: self._replace_all(contents))

    def close(self) -> None:
        """Send everyone who waits away with UnavailableError, and let nobody wait any more."""
        self._closed = True
        self._dismiss_all(UnavailableError())

    def settle(self) -> None:
        """Let go of the files, once no request is under way any more."""
        self._shelf.close()

    # -- changes ----------------------------------------------------------------------------------

    async def _put(self, name: str, content: Content) -> int:
        try:
            self._check_room_for(name)
        except TooLargeError:  # others were faster
            self._shelf.retire(content)
            raise
        version = self._next_version(name)
        new = Parameters(name, version, content)
        await self._keep({**self._inventory.current, name: new}, {name: version}, [content])
        for waiting in tuple(self._waiting.get(name, ())):
            if waiting.newer_than < version and not waiting.outcome.done():
                waiting.outcome.set_result(None)
        return version

    async def _delete(self, name: str) -> None:
        if name not in self._inventory.current:
            raise UnknownParametersError(name)
        rest = {key: each for key, each in self._inventory.current.items() if key != name}
        await self._keep(rest, {}, [])
        self._dismiss(name, UnknownParametersError(name))

    async def _replace_all(self, contents: dict[str, Content]) -> None:
        versions = {name: self._next_version(name) for name in contents}
        current = {
            name: Parameters(name, versions[name], content) for name, content in contents.items()
        }
        await self._keep(current, versions, list(contents.values()))
        self._dismiss_all(UnavailableError("restoring a checkpoint"))

    async def _keep(
        self, current: dict[str, Parameters], versions: dict[str, int], new: list[Content]
    ) -> None:
        """Keep what stands from now on, and let go of what does not any more.

        Where that fails nobody knows whether it is kept: the versions are not issued again, and
        the files stay until it is known.

        Raises:
            StorageFullError: nothing has changed.
        """
        before = self._inventory
        issued, floor = _forgetful({**before.issued, **versions}, before.floor, current)
        try:
            await self._shelf.keep(Inventory(current, issued, floor))
        except StorageFullError:
            self._inventory = Inventory(before.current, issued, before.floor)
            self._doubtful += new
            raise
        self._inventory = Inventory(current, issued, floor)
        stale = [
            each.content for name, each in before.current.items() if current.get(name) is not each
        ]
        for content in (*stale, *self._doubtful):
            self._shelf.retire(content)
        self._doubtful = []

    def _next_version(self, name: str) -> int:
        return self._inventory.issued.get(name, self._inventory.floor) + 1

    def _check_room_for(self, name: str) -> None:
        current, most = self._inventory.current, self._limits.max_parameters
        if name not in current and len(current) >= most:
            raise TooLargeError("names of parameters", most, len(current) + 1)

    async def _alone(self, change: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Make a change while nobody else does, to its end even where its client has gone."""

        async def locked() -> Result:
            async with self._changing:
                return await change()

        return await asyncio.shield(asyncio.ensure_future(locked()))

    async def _taken_in(self, name: str, chunks: AsyncIterable[bytes], size: int | None) -> Content:
        upload: Upload = await self._shelf.begin(name, size)
        try:
            async for chunk in chunks:
                await upload.write(chunk)
            return await upload.finish()
        except BaseException:
            await upload.discard()
            raise

    # -- waiting ----------------------------------------------------------------------------------

    async def _wait(
        self,
        name: str,
        newer_than: int,
        wait_s: float,
        gone: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """Return when a newer version stands or the time is over. Raises what `_dismiss` gives."""
        if self._closed:
            raise UnavailableError
        if self._waiting_count >= self._limits.max_waiting_requests:
            raise OverloadedError(f"{self._waiting_count} requests wait for parameters already")
        waiting = _Waiting(newer_than, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(name, {})[waiting] = None
        self._waiting_count += 1
        try:
            if await done_in_time(waiting.outcome, wait_s, None if gone is None else gone()):
                waiting.outcome.result()
        finally:
            if not waiting.outcome.cancel():
                waiting.outcome.exception()  # has been raised, or its client has just gone
            self._waiting_count -= 1
            del self._waiting[name][waiting]
            if not self._waiting[name]:
                del self._waiting[name]

    def _dismiss(self, name: str, error: ReplayError) -> None:
        for waiting in self._waiting.get(name, ()):
            if not waiting.outcome.done():
                waiting.outcome.set_exception(error)

    def _dismiss_all(self, error: ReplayError) -> None:
        for name in self._waiting:
            self._dismiss(name, error)


def _forgetful(
    issued: dict[str, int], floor: int, current: Mapping[str, Parameters]
) -> tuple[dict[str, int], int]:
    """Return the versions issued, the oldest names that stand no more forgotten, and the floor."""
    gone = [name for name in issued if name not in current]
    for name in gone[: max(len(gone) - _MOST_FORGOTTEN, 0)]:
        floor = max(floor, issued.pop(name))
    return issued, floor


async def _threaded(buffers: Iterable[Buffer]) -> AsyncIterator[bytes]:
    """Give buffers that another thread fetches one after another."""
    source = map(bytes, buffers)
    while (chunk := await asyncio.to_thread(next, source, None)) is not None:
        yield chunk
