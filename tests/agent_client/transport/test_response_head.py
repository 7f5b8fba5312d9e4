"""The parser of response heads."""

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_client.transport.response_head import parse_chunk_size, parse_response_head

TOKEN = st.text("abcdefgXYZ-0123456789", min_size=1, max_size=12).map(lambda name: "x" + name)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


def test_a_head_gives_status_headers_and_length() -> None:
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-A:  b c \t")

    assert (head.status, head.reason) == (200, b"OK")
    assert head.headers == ((b"Content-Length", b"12"), (b"X-A", b"b c"))
    assert head.content_length == 12
    assert head.keep_alive
    assert not head.is_chunked


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        pytest.param(b"HTTP/1.1 200 OK", True, id="1.1_keeps"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: Close", False, id="1.1_close"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: a, close", False, id="close_in_a_list"),
        pytest.param(b"HTTP/1.0 200 OK", False, id="1.0_closes"),
        pytest.param(b"HTTP/1.0 200 OK\r\nConnection: keep-alive", True, id="1.0_keeps"),
    ],
)
def test_keep_alive_follows_version_and_connection(head: bytes, keep_alive: bool) -> None:
    assert parse_response_head(head).keep_alive is keep_alive


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"HTTP/2 200", id="version_2"),
        pytest.param(b"HTTP/1.1 20 OK", id="short_status"),
        pytest.param(b"SSH-2.0-OpenSSH", id="another_protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon", id="header_without_colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nname : x", id="blank_before_colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: b\r\n c", id="folded_header"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: b\nc: d", id="bare_line_feed"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1", id="negative_length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1x", id="length_no_number"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2", id="two_lengths"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked", id="gzip_chunked"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
            id="both_framings",
        ),
    ],
)
def test_a_broken_head_is_refused(head: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        parse_response_head(head)


def test_a_repeated_equal_length_is_taken() -> None:
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 7")

    assert head.content_length == 7


@pytest.mark.parametrize(
    ("method", "status", "has_body"),
    [
        ("GET", 200, True),
        ("HEAD", 200, False),
        ("GET", 204, False),
        ("GET", 304, False),
        ("GET", 100, False),
        ("HEAD", 404, False),
    ],
)
def test_which_answers_have_a_body(method: str, status: int, has_body: bool) -> None:
    assert parse_response_head(b"HTTP/1.1 %d x" % status).has_body(method) is has_body


@given(st.integers(100, 999), st.lists(st.tuples(TOKEN, VALUE), max_size=10))
def test_what_was_rendered_is_parsed_back(status: int, headers: list[tuple[str, str]]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    lines = [b"HTTP/1.1 %d Fine" % status, *(b"%s: %s" % header for header in raw)]

    head = parse_response_head(b"\r\n".join(lines))

    assert (head.status, head.headers) == (status, tuple(raw))


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(junk: bytes) -> None:
    with contextlib.suppress(httpx.RemoteProtocolError):
        parse_response_head(junk)


@pytest.mark.parametrize(("line", "size"), [(b"0", 0), (b"1F", 31), (b"a;name=value", 10)])
def test_chunk_sizes_are_hexadecimal(line: bytes, size: int) -> None:
    assert parse_chunk_size(line) == size


@pytest.mark.parametrize("line", [b"", b"-1", b"0x5", b"g", b"1 2", b"1" * 16, b"+1", b"1_0"])
def test_other_chunk_sizes_are_refused(line: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        parse_chunk_size(line)
