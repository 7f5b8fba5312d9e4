"""Section 1: compressed bodies, and limits on what comes out of them."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
import zstandard

from tests.contract.peer import JSON, MSGPACK, SMALL_BODY_BYTES, Peer, TablePeer, array

SPEC = msgpack.packb({"capacity": 5})


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


CODINGS = pytest.mark.parametrize(
    ("coding", "compress", "decompress"),
    [
        pytest.param("gzip", gzip.compress, gzip.decompress, id="gzip"),
        pytest.param("zstd", zstd, zstandard.decompress, id="zstd"),
    ],
)
Compress = Callable[[bytes], bytes]


@CODINGS
def test_a_compressed_body_is_read(
    table: TablePeer, coding: str, compress: Compress, decompress: Compress
):
    answer = table.peer.send(
        "PUT", table.path, compress(SPEC), content_type=MSGPACK, content_encoding=coding
    )

    assert (answer.status, answer.document["spec"]["capacity"]) == (201, 5)


@CODINGS
def test_several_frames_are_one_body(
    table: TablePeer, coding: str, compress: Compress, decompress: Compress
):
    body = compress(SPEC[:4]) + compress(SPEC[4:])

    answer = table.peer.send(
        "PUT", table.path, body, content_type=MSGPACK, content_encoding=coding.upper()
    )

    assert answer.status == 201


@CODINGS
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda body: b"garbage", id="garbage"),
        pytest.param(lambda body: SPEC, id="not_compressed"),
        pytest.param(lambda body: b"", id="nothing"),
        pytest.param(lambda body: body[:-1], id="cut_short_by_one"),
        pytest.param(lambda body: body[:-4], id="cut_short_by_its_checksum"),
        pytest.param(lambda body: body + b"more", id="bytes_behind_it"),
        pytest.param(lambda body: body[:-1] + bytes((body[-1] ^ 1,)), id="wrong_checksum"),
    ],
)
def test_a_body_that_does_not_decompress_is_malformed(
    table: TablePeer, coding: str, compress: Compress, decompress: Compress, spoil: Compress
):
    answer = table.peer.send(
        "PUT", table.path, spoil(compress(SPEC)), content_type=MSGPACK, content_encoding=coding
    )

    assert (answer.status, answer.code) == (400, "malformed")
    assert table.peer.get(table.path).status == 404


@CODINGS
def test_bytes_behind_the_document_are_malformed_after_decompression_too(
    table: TablePeer, coding: str, compress: Compress, decompress: Compress
):
    answer = table.peer.send(
        "PUT", table.path, compress(SPEC + b"\x00"), content_type=MSGPACK, content_encoding=coding
    )

    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd, gzip", "x"])
def test_another_encoding_is_unsupported(table: TablePeer, coding: str):
    body = zlib.compress(SPEC)

    answer = table.peer.send("PUT", table.path, body, content_type=MSGPACK, content_encoding=coding)

    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_identity_is_no_encoding(table: TablePeer):
    answer = table.peer.send("PUT", table.path, SPEC, content_encoding="identity")

    assert answer.status == 400  # MessagePack where JSON is the default: read as it is
    assert table.put().status == 201


@CODINGS
@pytest.mark.parametrize("surplus", [0, 1, 1 << 26], ids=["fits", "one_too_many", "a_bomb"])
def test_limits_hold_for_what_comes_out(
    small_server_url: str, coding: str, compress: Compress, decompress: Compress, surplus: int
):
    # A scan request of exactly SMALL_BODY_BYTES bytes: {"columns": ["xxx..."]}
    text = b"\x81\xa7columns\x91" + msgpack.packb("x" * (SMALL_BODY_BYTES - 13))
    assert len(text) == SMALL_BODY_BYTES
    with Peer(small_server_url) as peer:
        peer.msgpack("PUT", "/v1/tables/t", {"capacity": 5})

        answer = peer.send(
            "POST",
            "/v1/tables/t/scan",
            compress(text + bytes(surplus)),
            content_encoding=coding,
        )

    assert answer.status == (413 if surplus else 200)
    if surplus:
        assert (answer.code, answer.document["limit"]) == ("too_large", SMALL_BODY_BYTES)


@CODINGS
@pytest.mark.parametrize("form", [MSGPACK, JSON])
def test_an_answer_is_compressed_where_the_client_asks(
    table: TablePeer, form: str, coding: str, compress: Compress, decompress: Compress
):
    table.make()
    table.fill([1] * 100)
    plain = table.post("scan", {}, accept=form)

    answer = table.post("scan", {}, accept=form, accept_encoding=coding)

    assert "content-encoding" not in plain.headers
    assert answer.headers["content-encoding"] == coding
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert len(answer.body) < len(plain.body)
    assert decompress(answer.body) == plain.body


@pytest.mark.parametrize(
    ("asked", "coding"),
    [
        ("gzip, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("br, deflate", None),
        ("*", None),
        ("identity, gzip;q=0.5", None),
        ("", None),
        ("GZIP", "gzip"),
    ],
)
def test_of_several_codings_the_one_liked_best_is_taken(
    table: TablePeer, asked: str, coding: str | None
):
    table.make()
    table.fill([1] * 100)

    answer = table.post("scan", {}, accept_encoding=asked)

    assert answer.headers.get("content-encoding") == coding


def test_answers_from_a_kilobyte_on_are_compressed(table: TablePeer):
    def rows(*lengthened: int) -> Any:  # a 11 in the place of a 1 makes the JSON longer by one
        return array("|u1", [[11] * count + [1] * (300 - count) for count in lengthened])

    table.make()
    table.post("insert", {"columns": {"v": rows(0)}})
    missing = 1000 - len(table.post("scan", {}, accept=JSON).body)
    table.post("insert", {"columns": {"v": rows(missing, missing)}})

    answers = []
    for after in (0, 1):  # `more` is true, and then false, which is one longer
        page = {"after": after, "limit": 1}
        plain = table.post("scan", page, accept=JSON)
        asked = table.post("scan", page, accept=JSON, accept_encoding="gzip")
        answers.append((len(plain.body), asked.headers.get("content-encoding")))

    assert answers == [(999, None), (1000, "gzip")]


def test_a_large_compressed_insert_is_stored_as_it_was_sent(table: TablePeer):
    table.make()
    body = msgpack.packb(
        {"columns": {"x": array("<i8", range(100)), "v": array("<f4", [[0.5] * 4096] * 100)}}
    )

    answer = table.peer.send("POST", f"{table.path}/insert", zstd(body), content_encoding="zstd")

    assert answer.array("keys").tolist() == list(range(100))
    assert [x for x, _ in table.contents().values()] == list(range(100))
    assert (table.scan().column("v") == 0.5).all()
