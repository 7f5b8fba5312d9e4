import pytest

from replay_server.api.headers import RequestHeaders, UnsupportedMediaTypeError
from replay_wire.endpoints import MediaType

JSON, MSGPACK = MediaType.JSON, MediaType.MSGPACK


def test_headers_that_do_not_matter_are_left_out():
    headers = RequestHeaders.of([(b"host", b"x"), (b"accept", b"a"), (b"x-accept", b"b")])

    assert headers == RequestHeaders(accept=b"a")


def test_a_header_given_twice_is_one_list():
    headers = RequestHeaders.of([(b"accept", b"text/html"), (b"accept", b"application/json")])

    assert headers.accept == b"text/html, application/json"


@pytest.mark.parametrize("default", [JSON, MSGPACK])
def test_without_headers_everything_is_the_endpoints_default(default: MediaType):
    headers = RequestHeaders()

    assert headers.body_form(default) is headers.answer_form(default) is default
    assert headers.body_coding() is headers.answer_coding() is None


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (b"application/json", JSON),
        (b" Application/JSON ; charset=utf-8", JSON),
        (b"application/vnd.msgpack", MSGPACK),
    ],
)
def test_content_type_tells_the_form_of_the_body(content_type: bytes, form: MediaType):
    assert RequestHeaders(content_type=content_type).body_form(MSGPACK) is form


@pytest.mark.parametrize("content_type", [b"", b"text/plain", b"application/problem+json", b"\xff"])
def test_other_content_types_are_refused(content_type: bytes):
    with pytest.raises(UnsupportedMediaTypeError):
        RequestHeaders(content_type=content_type).body_form(JSON)


@pytest.mark.parametrize(
    ("header", "coding"),
    [(b"gzip", b"gzip"), (b" ZSTD ", b"zstd"), (b"identity", None), (b"", None)],
)
def test_content_encoding_tells_the_coding_of_the_body(header: bytes, coding: bytes | None):
    assert RequestHeaders(content_encoding=header).body_coding() == coding


@pytest.mark.parametrize("header", [b"br", b"gzip, zstd", b"x-gzip", b"\xff"])
def test_other_content_encodings_are_refused(header: bytes):
    with pytest.raises(UnsupportedMediaTypeError):
        RequestHeaders(content_encoding=header).body_coding()


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        pytest.param(b"application/problem+json", JSON, id="problems_are_json"),
        pytest.param(b"application/json;q=0.1, application/*;q=0.9", MSGPACK, id="narrow_wins"),
        pytest.param(b"application/json;q=0.5, */*;q=0.1", JSON, id="wild_is_worth_less"),
        pytest.param(b"application/*;q=0, */*", MSGPACK, id="narrower_wild_refuses"),
        pytest.param(b"application/json ; level=1 ; Q=0.5", JSON, id="parameters"),
        pytest.param(b"application/json;q=nan", MSGPACK, id="nan"),
        pytest.param(b"application/json;q=-1", MSGPACK, id="negative"),
        pytest.param(b",,;q=1,", MSGPACK, id="commas"),
    ],
)
def test_accept_of_an_endpoint_whose_default_is_messagepack(accept: bytes, form: MediaType):
    assert RequestHeaders(accept=accept).answer_form(MSGPACK) is form


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (b"gzip", b"gzip"),
        (b"gzip, zstd", b"zstd"),
        (b"zstd;q=0.1, gzip", b"gzip"),
        (b"zstd;q=0, gzip;q=0", None),
        (b"identity;q=0.5, gzip;q=0.4", None),
        (b"identity;q=0.5, gzip;q=0.6", b"gzip"),
        (b"*", None),
    ],
)
def test_accept_encoding_is_met_where_it_asks(header: bytes, coding: bytes | None):
    assert RequestHeaders(accept_encoding=header).answer_coding() == coding
