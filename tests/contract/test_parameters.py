"""Section 7 of docs/protocol.md: parameters, their versions, and who waits for them."""

import gzip
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.contract.peer import (
    JSON,
    LONG_S,
    MSGPACK,
    SMALL_BODY_BYTES,
    Answer,
    Peer,
    WaitingRequest,
)
from tests.guarded_server import GuardedServer, TokenFile
from tests.server_process import ServerProcess

MIB = 1 << 20
_numbers = itertools.count()


class ParametersPeer:
    """A name of the test's own."""

    def __init__(self, peer: Peer, name: str) -> None:
        self.peer = peer
        self.name = name
        self.path = f"/v1/parameters/{name}"

    def put(self, content: bytes, **headers: str) -> int:
        answer = self.peer.send("PUT", self.path, content, **headers)
        assert answer.status == 200
        assert answer.document.keys() == {"version"}
        version: int = answer.document["version"]
        return version

    def get(self, query: str = "", **headers: str) -> Answer:
        return self.peer.get(self.path + query, **headers)

    def wait(self, query: str) -> WaitingRequest:
        return WaitingRequest(self.peer, self.path + query, None, method="GET")


@pytest.fixture(scope="module", params=["memory", "files"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that keeps parameters in memory, and one that keeps them in files."""
    options = [] if request.param == "memory" else [f"--data-dir={tmp_path_factory.mktemp('data')}"]
    server = ServerProcess("--port=0", *options)
    yield server.url
    assert server.stop() == 0


@pytest.fixture
def policy(url: str) -> Iterator[ParametersPeer]:
    with Peer(url) as peer:
        yield ParametersPeer(peer, f"policy-{next(_numbers)}")


def is_version(answer: Answer, version: int) -> bool:
    return (answer.headers["etag"], answer.headers["x-parameters-version"]) == (
        f'"{version}"',
        str(version),
    )


def entries(peer: Peer) -> list[dict[str, Any]]:
    answer = peer.get("/v1/parameters")
    assert (answer.status, answer.form) == (200, JSON)
    found: list[dict[str, Any]] = answer.document["parameters"]
    return found


# -- put and get -----------------------------------------------------------------------------------


def test_bytes_come_back_as_they_are(policy: ParametersPeer):
    for content in (bytes(range(256)), b"", b"{}", b"\xc1"):
        policy.put(content, content_type="application/json")

        answer = policy.get(accept=MSGPACK)

        assert (answer.status, answer.form) == (200, "application/octet-stream")
        assert answer.body == content
        assert answer.headers["content-length"] == str(len(content))


def test_versions_count_up_from_1(policy: ParametersPeer):
    for version in (1, 2, 3):
        assert policy.put(b"%d" % version) == version
        assert is_version(policy.get(), version)


def test_large_bytes_go_both_ways_whole(policy: ParametersPeer):
    content = os.urandom(MIB) * 64

    policy.put(content)

    assert policy.get().body == content


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)]
)
def test_what_came_compressed_is_stored_plain(policy: ParametersPeer, coding: str, compress: Any):
    content = bytes(3 * MIB)

    policy.put(compress(content), content_encoding=coding)

    answer = policy.get(accept_encoding=coding)
    assert answer.body == content
    assert "content-encoding" not in answer.headers


def test_an_unknown_coding_and_a_broken_body_are_refused(policy: ParametersPeer):
    for coding, body, status, code in (
        ("br", b"x", 415, "unsupported_media_type"),
        ("gzip", b"x", 400, "malformed"),
    ):
        answer = policy.peer.send("PUT", policy.path, body, content_encoding=coding)
        assert (answer.status, answer.code) == (status, code)
    assert policy.get().status == 404


def test_a_put_that_breaks_off_changes_nothing(policy: ParametersPeer):
    policy.put(b"whole")
    host, _, port = policy.peer.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=LONG_S) as connection:
        head = f"PUT {policy.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {5 * MIB}\r\n\r\n"
        connection.sendall(head.encode() + bytes(4 * MIB))
    policy.peer.settle()

    assert policy.get().body == b"whole"
    assert policy.put(b"next") == 2


def test_bytes_in_chunks_are_taken(policy: ParametersPeer):
    host, _, port = policy.peer.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=LONG_S) as connection:
        head = f"PUT {policy.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")

    assert policy.get().body == b"abcde"


def test_head_tells_size_and_version(policy: ParametersPeer):
    policy.put(bytes(5))

    answer = policy.peer.send("HEAD", policy.path)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == "5"
    assert is_version(answer, 1)
    assert policy.get().body == bytes(5)  # on the same connection


# -- conditions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", ['"2"', 'W/"2"', '"1", "2"', '"a,b" , W/"2"', "*", '"9","2"'])
def test_if_none_match_of_the_version_gives_304(policy: ParametersPeer, tags: str):
    policy.put(b"a")
    policy.put(b"b")

    answer = policy.get(if_none_match=tags)

    assert (answer.status, answer.body) == (304, b"")
    assert is_version(answer, 2)
    assert policy.get(if_none_match=tags, accept=JSON).status == 304  # the connection goes on


@pytest.mark.parametrize("tags", ['"1"', '"22"', "2", 'W/"1", "3"', "", '"*"'])
def test_if_none_match_of_others_gives_the_bytes(policy: ParametersPeer, tags: str):
    policy.put(b"a")
    policy.put(b"b")

    assert policy.get(if_none_match=tags).body == b"b"


def test_newer_than_gives_304_at_once_without_wait(policy: ParametersPeer):
    policy.put(b"a")

    assert policy.get("?newer_than=0").body == b"a"
    for version in (1, 7):
        answer = policy.get(f"?newer_than={version}")
        assert answer.status == 304
        assert is_version(answer, 1)


# -- waiting ---------------------------------------------------------------------------------------


def test_hundreds_who_wait_get_the_newer_version(policy: ParametersPeer):
    policy.put(b"old")
    waiting = [policy.wait(f"?newer_than=1&wait={LONG_S}") for _ in range(300)]

    policy.put(b"new")

    for each in waiting:
        answer = each.answer()
        assert (answer.status, answer.body) == (200, b"new")
        assert is_version(answer, 2)


def test_who_waits_for_a_later_version_waits_on(policy: ParametersPeer):
    policy.put(b"1")
    waiting = policy.wait(f"?newer_than=2&wait={LONG_S}")

    policy.put(b"2")
    policy.put(b"3")

    assert waiting.answer().body == b"3"


def test_the_wait_ends_with_304(policy: ParametersPeer):
    policy.put(b"a")

    answer = policy.get("?newer_than=1&wait=0.05")

    assert (answer.status, answer.body) == (304, b"")
    assert is_version(answer, 1)


def test_a_name_that_does_not_exist_even_then_is_unknown(policy: ParametersPeer):
    for query in ("", "?newer_than=0&wait=0.05", "?wait=0.05", "?newer_than=3"):
        answer = policy.get(query)
        assert (answer.status, answer.code) == (404, "unknown_parameters")
        assert answer.document["parameters"] == policy.name


def test_a_name_can_be_waited_for(policy: ParametersPeer):
    waiting = policy.wait(f"?wait={LONG_S}")

    policy.put(b"first")

    assert waiting.answer().body == b"first"


def test_who_waits_for_what_is_deleted_is_told(policy: ParametersPeer):
    policy.put(b"a")
    waiting = policy.wait(f"?newer_than=1&wait={LONG_S}")

    policy.peer.send("DELETE", policy.path)

    answer = waiting.answer()
    assert (answer.status, answer.code) == (404, "unknown_parameters")


def test_who_waits_gets_503_at_shutdown():
    server = ServerProcess("--port=0")
    with Peer(server.url) as peer:
        waiting = ParametersPeer(peer, "policy").wait(f"?wait={LONG_S}")
        assert server.stop() == 0

        answer = waiting.answer()
        assert (answer.status, answer.code) == (503, "unavailable")
        assert "retry-after" in answer.headers


def test_who_hangs_up_waits_no_more(policy: ParametersPeer):
    policy.put(b"a")
    for _ in range(20):
        policy.wait(f"?newer_than=1&wait={LONG_S}").hang_up()
    policy.peer.settle()

    assert policy.put(b"b") == 2
    assert policy.get().body == b"b"


# -- the list, and what goes -----------------------------------------------------------------------


def test_the_list_tells_names_versions_and_sizes(policy: ParametersPeer):
    other = ParametersPeer(policy.peer, f"a-{policy.name}")
    policy.put(b"abc")
    other.put(b"")
    other.put(b"abcde")

    found = entries(policy.peer)

    assert {"name": policy.name, "version": 1, "bytes": 3} in found
    assert {"name": other.name, "version": 2, "bytes": 5} in found
    names = [entry["name"] for entry in found]
    assert names == sorted(names)


def test_what_is_deleted_is_unknown_and_its_versions_go_on(policy: ParametersPeer):
    policy.put(b"a")
    policy.put(b"b")

    answer = policy.peer.send("DELETE", policy.path)

    assert (answer.status, answer.body) == (204, b"")
    for again in (policy.get(), policy.peer.send("DELETE", policy.path)):
        assert (again.status, again.code) == (404, "unknown_parameters")
    assert policy.name not in [entry["name"] for entry in entries(policy.peer)]
    assert policy.put(b"c") == 3


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("newer_then=1", "newer_then"),
        ("newer_than=-1", "newer_than"),
        ("newer_than=x", "newer_than"),
        ("newer_than=", "newer_than"),
        ("newer_than=1.5", "newer_than"),
        ("wait=-1", "wait"),
        ("wait=nan", "wait"),
        ("wait=inf", "wait"),
        ("wait=1&wait=2", "wait"),
    ],
)
def test_a_query_that_is_none_is_invalid(policy: ParametersPeer, query: str, field: str):
    policy.put(b"a")

    answer = policy.get(f"?{query}")

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == field


def test_nobody_may_wait_for_longer_than_the_limit(policy: ParametersPeer):
    limit = policy.peer.get("/v1/info").document["limits"]["max_wait_seconds"]

    answer = policy.get(f"?wait={limit + 1}")

    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize("name", ["-a", "%20", "x" * 65, "a%00"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_names_follow_the_rule_for_tables(policy: ParametersPeer, method: str, name: str):
    answer = policy.peer.send(method, f"/v1/parameters/{name}")

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == "name"


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(small_server_url: str):
    with Peer(small_server_url) as peer:
        small = ParametersPeer(peer, f"policy-{next(_numbers)}")
        small.put(bytes(SMALL_BODY_BYTES))
        host, _, port = peer.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=LONG_S) as connection:
            head = f"PUT {small.path} HTTP/1.1\r\nHost: x\r\n"
            connection.sendall(f"{head}Content-Length: {SMALL_BODY_BYTES + 1}\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 413")
        for coding, body in (
            (None, bytes(SMALL_BODY_BYTES + 1)),
            ("gzip", gzip.compress(bytes(MIB))),
        ):
            answer = peer.send("PUT", small.path, body, content_encoding=coding)
            assert (answer.status, answer.code) == (413, "too_large")
        assert is_version(small.get(), 1)


def test_memory_for_parameters_has_the_limit_of_tables():
    server = ServerProcess("--port=0", f"--memory-limit-bytes={MIB}")
    with Peer(server.url) as peer:
        first, second = ParametersPeer(peer, "a"), ParametersPeer(peer, "b")
        first.put(bytes(700_000))

        answer = peer.send("PUT", second.path, bytes(700_000))

        assert (answer.status, answer.code) == (413, "too_large")
        assert first.get().body == bytes(700_000)
        peer.send("DELETE", first.path)
        second.put(bytes(700_000))
    server.stop()


# -- what survives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_killed_server_comes_back_with_its_versions(tmp_path: Path, durability: str):
    options = ("--port=0", f"--data-dir={tmp_path}", f"--durability={durability}")
    version = 0
    for _ in range(3):
        server = ServerProcess(*options)
        with Peer(server.url) as peer:
            policy, dropped = ParametersPeer(peer, "policy"), ParametersPeer(peer, "dropped")
            if version:
                assert is_version(policy.get(), version)
                assert policy.get().body == b"%d" % version
            assert dropped.get().status == 404
            for _ in range(5):
                assert policy.put(b"%d" % (version + 1)) == version + 1
                assert dropped.put(b"x") == version + 1
                version += 1
            peer.send("DELETE", dropped.path)
        server.kill()


# -- roles -----------------------------------------------------------------------------------------


def test_a_learner_may_put_less_than_an_admin(tmp_path: Path):
    server = GuardedServer(TokenFile(tmp_path / "tokens"), "--max-parameter-bytes=1000")
    admin, learner = (server.bearer(role) for role in ("admin", "learner"))
    with Peer(server.url) as peer:
        limits = peer.get("/v1/info", authorization=admin).document["limits"]
        assert limits["max_parameter_bytes"] == 1000

        fitting = peer.send("PUT", "/v1/parameters/p", bytes(1000), authorization=learner)
        larger = peer.send("PUT", "/v1/parameters/p", bytes(1001), authorization=learner)
        packed = peer.send(
            "PUT",
            "/v1/parameters/p",
            gzip.compress(bytes(1001)),
            content_encoding="gzip",
            authorization=learner,
        )
        admins = peer.send("PUT", "/v1/parameters/p", bytes(1001), authorization=admin)

        assert fitting.status == 200
        for refused in (larger, packed):
            assert (refused.status, refused.code) == (413, "too_large")
            assert refused.document["limit"] == 1000
        assert admins.document["version"] == 2
    assert server.stop() == 0


def test_where_nobody_is_asked_everybody_may_put_what_an_admin_may():
    server = ServerProcess("--port=0", "--max-parameter-bytes=1000")
    with Peer(server.url) as peer:
        assert peer.send("PUT", "/v1/parameters/p", bytes(1001)).status == 200
    assert server.stop() == 0
