"""Versions of parameters: what stands, who waits for it, and what survives."""

import asyncio
import errno
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from replay_server.durability.files import Buffer, Files
from replay_server.durability.parameter_files import ParameterFiles
from replay_server.durability.parameter_shelf import MemoryShelf, Parameters, Shelf
from replay_server.errors import (
    StorageFullError,
    TooLargeError,
    UnavailableError,
    UnknownParametersError,
)
from replay_server.parameters import ParameterStore
from replay_server.settings import ServerSettings

LIMITS = ServerSettings().limits
LONG_S = 60.0
Open = Callable[[], ParameterStore]


def no_limit(count: int) -> None:
    """Let any amount of memory be taken."""


@pytest.fixture(params=["memory", "process", "power"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ParameterStore:
    shelf: Shelf = MemoryShelf(no_limit)
    if request.param != "memory":
        shelf = ParameterFiles(tmp_path / "p", Files(), power=request.param == "power")
    return ParameterStore(shelf, LIMITS)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def put(store: ParameterStore, content: bytes, name: str = "policy") -> int:
    return await store.put(name, chunks(content), len(content))


def content_of(parameters: Parameters) -> bytes:
    return bytes(parameters.content.read(0, parameters.content.size))


async def streamed(parameters: Parameters) -> bytes:
    return b"".join([bytes(piece) async for piece in parameters.content.pieces()])


def run(program: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(program, LONG_S / 2))


def test_versions_count_up_from_1_and_never_go_back(store: ParameterStore):
    async def program() -> None:
        assert [await put(store, b"a"), await put(store, b"b")] == [1, 2]
        assert await put(store, b"c", "other") == 1
        await store.delete("policy")
        with pytest.raises(UnknownParametersError):
            await store.get("policy")
        assert await put(store, b"d") == 3
        assert await streamed(await store.get("policy")) == b"d"

    run(program())
    store.settle()


def test_large_content_comes_back_as_it_was(store: ParameterStore):
    content = bytes(range(256)) * 12_345

    async def program() -> None:
        parts = [content[at : at + 100_001] for at in range(0, len(content), 100_001)]
        await store.put("policy", chunks(*parts), None)
        found = await store.get("policy")
        assert found.content.size == len(content)
        assert await streamed(found) == content_of(found) == content

    run(program())
    store.settle()


def test_hundreds_who_wait_are_woken_by_one_put(store: ParameterStore):
    async def program() -> None:
        await put(store, b"a")
        waiting = [
            asyncio.ensure_future(store.get("policy", newer_than=1, wait_s=LONG_S))
            for _ in range(300)
        ]
        later = asyncio.ensure_future(store.get("policy", newer_than=2, wait_s=LONG_S))
        await asyncio.sleep(0)
        await put(store, b"b")

        assert {each.version for each in await asyncio.gather(*waiting)} == {2}
        assert not later.done()
        await put(store, b"c")
        assert (await later).version == 3

    run(program())
    store.settle()


def test_who_waits_learns_what_became_of_it(store: ParameterStore):
    async def program() -> None:
        with pytest.raises(UnknownParametersError):
            await store.get("policy", wait_s=0.01)
        made = asyncio.ensure_future(store.get("policy", wait_s=LONG_S))
        await asyncio.sleep(0)
        await put(store, b"a")
        assert (await made).version == 1
        assert (await store.get("policy", newer_than=1, wait_s=0.01)).version == 1
        for change, error in (
            (store.delete("policy"), UnknownParametersError),
            (store.restore({"policy": [b"b"]}), UnavailableError),
        ):
            waiting = asyncio.ensure_future(store.get("policy", newer_than=9, wait_s=LONG_S))
            await asyncio.sleep(0)
            await change
            with pytest.raises(error):
                await waiting
        waiting = asyncio.ensure_future(store.get("policy", newer_than=9, wait_s=LONG_S))
        await asyncio.sleep(0)
        store.close()
        with pytest.raises(UnavailableError):
            await waiting
        with pytest.raises(TooLargeError):
            await store.get("policy", wait_s=LIMITS.max_wait_seconds + 1)

    run(program())
    store.settle()


def test_a_snapshot_stays_readable_and_is_restored_under_new_versions(store: ParameterStore):
    async def program() -> None:
        await put(store, b"a")
        await put(store, b"b", "gone")
        snapshot = store.snapshot()
        await put(store, b"later")
        await store.delete("gone")
        await put(store, b"new", "new")

        assert {each.name: content_of(each) for each in snapshot} == {"policy": b"a", "gone": b"b"}
        await store.restore({each.name: [content_of(each)] for each in snapshot})

        now = {each.name: (each.version, content_of(each)) for each in store.snapshot()}
        assert now == {"policy": (3, b"a"), "gone": (2, b"b")}
        assert await put(store, b"again", "new") == 2

    run(program())
    store.settle()


def test_an_upload_that_breaks_off_changes_nothing(store: ParameterStore):
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(3 << 20)
        raise ConnectionResetError

    async def program() -> None:
        await put(store, b"a")
        before = store.memory_bytes
        with pytest.raises(ConnectionResetError):
            await store.put("policy", broken(), 4 << 20)
        assert store.memory_bytes == before
        assert await put(store, b"b") == 2

    run(program())
    store.settle()


def test_memory_is_asked_for_before_it_is_taken_and_let_go_with_the_version():
    limit = 10_000

    def make_room(count: int) -> None:
        if shelf.memory_bytes + count > limit:
            raise TooLargeError("bytes", limit, count)

    shelf = MemoryShelf(make_room)
    store = ParameterStore(shelf, LIMITS)

    async def program() -> None:
        await put(store, bytes(6000))
        with pytest.raises(TooLargeError):
            await put(store, bytes(6000))
        with pytest.raises(TooLargeError):
            await store.put("policy", chunks(bytes(3000), bytes(3000)), None)
        assert store.memory_bytes == 6000
        await put(store, bytes(4000))
        assert store.memory_bytes == 4000

    run(program())


@pytest.mark.parametrize("power", [False, True], ids=["process", "power"])
def test_what_was_stored_is_there_after_a_restart(tmp_path: Path, power: bool):
    folder = tmp_path / "p"

    def opened() -> ParameterStore:
        return ParameterStore(ParameterFiles(folder, Files(), power=power), LIMITS)

    async def first(store: ParameterStore) -> None:
        for content in (b"a", b"b"):
            await put(store, content)
            await put(store, content, "dropped")
        await store.delete("dropped")

    async def second(store: ParameterStore) -> None:
        assert [(each.name, each.version) for each in store.snapshot()] == [("policy", 2)]
        assert content_of(await store.get("policy")) == b"b"
        assert await put(store, b"c", "dropped") == 3

    abandoned = opened()
    run(first(abandoned))  # and never closed, as after a kill
    gc.collect()  # what a process that was killed let go of late goes now, not under the next one
    (folder / "00000099-policy").write_bytes(b"half an upload")
    store = opened()
    run(second(store))
    store.settle()
    assert len(list(folder.iterdir())) == 3  # two versions and the index


class FailingFiles(Files):
    """Fails at the n-th thing that is asked of it from when it is armed."""

    def __init__(self) -> None:
        self.left: int | None = None

    def _count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, "full")

    def open(self, path: Path) -> int:
        self._count()
        return super().open(path)

    def reserve(self, descriptor: int, offset: int, length: int) -> None:
        self._count()
        super().reserve(descriptor, offset, length)

    def write(self, descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
        self._count()
        super().write(descriptor, buffers, offset)

    def sync(self, descriptor: int) -> None:
        self._count()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._count()
        super().rename(source, target)

    def sync_folder(self, path: Path) -> None:
        self._count()
        super().sync_folder(path)


@pytest.mark.parametrize("step", range(1, 11))
def test_a_disk_that_is_full_at_any_step_leaves_the_version_before(tmp_path: Path, step: int):
    files = FailingFiles()
    store = ParameterStore(ParameterFiles(tmp_path / "p", files, power=True), LIMITS)
    answered: list[int] = []

    async def program() -> None:
        await put(store, b"old")
        files.left = step
        try:
            answered.append(await put(store, b"new"))
        except StorageFullError:
            assert content_of(await store.get("policy")) == b"old"
        files.left = None

    run(program())
    again = ParameterStore(ParameterFiles(tmp_path / "p", Files(), power=True), LIMITS)

    async def after() -> None:
        found = await again.get("policy")
        # what was refused may be there or not, but under no version that another gets
        contents = {1: b"old", 2: b"new"}
        assert contents[found.version] == content_of(found)
        assert not answered or found.version == 2
        assert await put(again, b"next") > found.version

    run(after())
    assert bool(answered) == (step == 10)  # the ninth and last thing has not failed
