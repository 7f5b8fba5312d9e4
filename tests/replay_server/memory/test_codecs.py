import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_server.memory.codecs import Codec, Lz4, Zstd, codec_for
from replay_server.memory.dictionaries import trained

CODECS = [pytest.param(Lz4(), id="lz4"), pytest.param(Zstd(), id="zstd")]
ROWS = st.integers(1, 300).flatmap(
    lambda size: st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=5)
)


def views(rows: list[bytes]) -> list[memoryview]:
    return [memoryview(row) for row in rows]


@pytest.mark.parametrize("codec", CODECS)
@given(rows=ROWS)
def test_rows_come_back_each_by_itself(codec: Codec, rows: list[bytes]):
    pieces = codec.compress(views(rows))

    for piece, row in zip(pieces, rows, strict=True):
        (back,) = codec.decompress(views([piece]), len(row))
        assert bytes(back) == row


@pytest.mark.parametrize("codec", CODECS)
def test_some_of_the_rows_come_back_in_the_order_asked_for(codec: Codec):
    rows = [bytes([number]) * 1000 for number in range(9)]
    pieces = codec.compress(views(rows))

    back = codec.decompress(views([pieces[5], pieces[2], pieces[5]]), 1000)

    assert [bytes(each) for each in back] == [rows[5], rows[2], rows[5]]
    assert list(codec.decompress([], 1000)) == []


def test_frames_from_before_the_dictionary_can_be_read_with_it():
    rng = np.random.default_rng(1)
    pattern = rng.integers(0, 256, 500, np.uint8)
    rows = np.tile(pattern, (200, 1))
    rows[:, ::50] = rng.integers(0, 256, (200, 10), np.uint8)
    dictionary = trained(rows, 10**6)
    assert dictionary
    before, after = Zstd(), codec_for("zstd", dictionary)
    early, late = (codec.compress([row.data for row in rows]) for codec in (before, after))

    back = after.decompress(views(early + late), 500)

    assert b"".join(map(bytes, back)) == 2 * rows.tobytes()
    assert sum(map(len, late)) < sum(map(len, early)) / 2
