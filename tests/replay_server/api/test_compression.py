import gzip
import tracemalloc
from random import Random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from replay_server.api import compression
from replay_server.api.compression import compress
from replay_server.errors import TooLargeError
from replay_wire.errors import MalformedBodyError


def decompress(body: bytes, coding: bytes, limit: int) -> bytes:
    taken: list[int] = []
    plain = compression.decompress(body, coding, limit, taken.append)
    assert sum(taken) == len(plain)
    return bytes(plain)


CODINGS = pytest.mark.parametrize("coding", [b"gzip", b"zstd"])


@CODINGS
@given(body=st.binary(max_size=5000), limit=st.integers(5000, 6000))
def test_what_was_compressed_comes_out_again(coding: bytes, body: bytes, limit: int):
    assert decompress(compress(body, coding), coding, limit) == body


@CODINGS
@given(body=st.binary(min_size=1, max_size=500), cut=st.integers(1, 500))
def test_a_body_that_is_not_whole_is_malformed(coding: bytes, body: bytes, cut: int):
    compressed = compress(body, coding)
    short = compressed[: -min(cut, len(compressed) - 1)]

    with pytest.raises(MalformedBodyError):
        decompress(short, coding, 1000)


@CODINGS
def test_several_frames_one_after_another_are_one_body(coding: bytes):
    # Random bytes do not shrink: frames of many sizes around those of the steps they are read in.
    parts = [Random(size).randbytes(size) for size in (0, 1, 1000, 1024, 1025, 5000, 100_000)]

    joined = b"".join(compress(part, coding) for part in parts)

    assert decompress(joined, coding, 1 << 20) == b"".join(parts)


@CODINGS
@pytest.mark.parametrize("surplus", [1, 1 << 26])
def test_more_than_the_limit_is_refused_without_taking_memory_for_it(coding: bytes, surplus: int):
    body = gzip.compress if coding == b"gzip" else zstandard.ZstdCompressor().compress
    compressed = body(bytes(1000 + surplus))
    assert decompress(body(bytes(1000)), coding, 1000) == bytes(1000)
    tracemalloc.start()

    with pytest.raises(TooLargeError):
        decompress(compressed, coding, 1000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 48 << 20


@pytest.mark.parametrize("body", [b"", b"x", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"])
def test_bytes_that_are_no_zstd_frame_are_malformed(body: bytes):
    with pytest.raises(MalformedBodyError):
        decompress(body, b"zstd", 1000)


@CODINGS
def test_too_many_frames_are_malformed(coding: bytes):
    with pytest.raises(MalformedBodyError):
        decompress(compress(b"", coding) * 1001, coding, 1000)


@CODINGS
def test_nothing_comes_out_for_which_there_is_no_room(coding: bytes):
    class NoRoomError(Exception):
        pass

    taken = 0

    def take(count: int) -> None:
        nonlocal taken
        taken += count
        if taken > 100_000:
            raise NoRoomError

    with pytest.raises(NoRoomError):
        compression.decompress(compress(bytes(1 << 26), coding), coding, 1 << 27, take)


def test_a_zstd_window_beyond_what_http_allows_is_malformed():
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    wide = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = wide.compress(b"x" * 100) + wide.flush()

    with pytest.raises(MalformedBodyError):
        decompress(body, b"zstd", 1000)
