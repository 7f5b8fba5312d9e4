"""As an attacker with a token of a lesser role: names that are paths, and waits that are none."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.peer import JSON, Peer
from tests.guarded_server import GuardedServer, TokenFile

LESSER = ["viewer", "actor", "learner"]
REFUSED = {400, 401, 403, 404, 405, 413, 422}
SECRET = b"what nobody may read or change"
NAMES = [
    "..", ".", "../secret", "..%2Fsecret", "%2e%2e%2fsecret", "..%5Csecret", "%2Fetc%2Fpasswd",
    "//etc/passwd", "...%2F...%2Fsecret", ".hidden", "-rf", "_under", "a%00b", "%00", "a%0d%0ab",
    "a%20b", "%20", "a%2Fb", "a/b", "a;b", "a:b", "CON%3A", "%C3%A4", "%FF%FE", "a" * 65,
    "kept%2F..%2F..%2Fsecret", "kept/../../secret", "%252e%252e%252fsecret", "~root", "$HOME",
    "%7Broot%7D", "*", "%3F", "kept%20",
]  # fmt: skip
WAITS = [
    "wait=nan", "wait=NaN", "wait=inf", "wait=-inf", "wait=Infinity", "wait=1e308", "wait=1e999",
    "wait=-1", "wait=", "wait=1_0", "wait=0x10", "wait=1&wait=2", "wait=%31%30%30%30%30",
    "newer_than=-1", "newer_than=1e3", "newer_than=99999999999999999999",
    "newer_than=1&newer_than=2", "newer_than=nan", "newer_than=%00", "%77ait=nan", "other=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    (root / "secret").write_bytes(SECRET)
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[GuardedServer]:
    """A server with a data directory beside a secret, with parameters and a checkpoint."""
    options = (f"--data-dir={folder / 'data'}", "--max-body-bytes=1000000")
    server = GuardedServer(TokenFile(folder / "tokens"), *options)
    with Peer(server.url) as peer:
        admin = {"authorization": server.bearer("admin")}
        assert peer.send("PUT", "/v1/parameters/kept", SECRET, **admin).status == 200
        assert peer.json("POST", "/v1/checkpoints", {"name": "kept"}, **admin).status == 201
    yield server
    assert server.stop() == 0


@pytest.fixture
def peer(server: GuardedServer, folder: Path) -> Iterator[Peer]:
    """A client of it; afterwards all stands where it stood."""
    before = files_of(folder)
    with Peer(server.url) as peer:
        yield peer
        admin = {"authorization": server.bearer("admin")}
        assert peer.send("GET", "/v1/parameters/kept", **admin).body == SECRET
        names = [
            each["name"] for each in peer.get("/v1/checkpoints", **admin).document["checkpoints"]
        ]
        assert names == ["kept"]
    assert files_of(folder) == before


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def is_refused(answer: Any) -> None:
    assert answer.status in REFUSED, (answer.status, answer.body[:200])
    assert SECRET not in answer.body


@pytest.mark.parametrize("role", LESSER)
@pytest.mark.parametrize("name", NAMES)
def test_parameters_under_names_that_are_none(
    peer: Peer, server: GuardedServer, role: str, name: str
):
    bearer = {"authorization": server.bearer(role)}
    for method, body in (("GET", b""), ("PUT", b"x" * 10), ("DELETE", b"")):
        is_refused(peer.send(method, f"/v1/parameters/{name}", body, **bearer))


@pytest.mark.parametrize("role", [*LESSER, "admin"])
@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_under_names_that_are_none(
    peer: Peer, server: GuardedServer, role: str, name: str
):
    bearer = {"authorization": server.bearer(role)}
    is_refused(peer.json("POST", "/v1/checkpoints", {"name": name}, **bearer))
    is_refused(peer.send("POST", f"/v1/checkpoints/{name}/restore", b"", **bearer))
    is_refused(peer.send("DELETE", f"/v1/checkpoints/{name}", b"", **bearer))


@pytest.mark.parametrize("role", LESSER)
@pytest.mark.parametrize("query", WAITS)
def test_waits_that_are_none(peer: Peer, server: GuardedServer, role: str, query: str):
    bearer = {"authorization": server.bearer(role)}
    is_refused(peer.send("GET", f"/v1/parameters/missing?{query}", b"", **bearer))


@pytest.mark.parametrize("role", LESSER)
@pytest.mark.parametrize("path", ["/v1/parameters/bomb", "/v1/checkpoints", "/v1/tables/bomb"])
def test_bodies_that_grow_without_end(peer: Peer, server: GuardedServer, role: str, path: str):
    limit = peer.get("/v1/info", authorization=server.bearer(role)).document["limits"]
    bomb = gzip.compress(bytes(limit["max_body_bytes"] + 1), compresslevel=1)
    headers = {"content-encoding": "gzip", "content-type": JSON}
    method = "POST" if path == "/v1/checkpoints" else "PUT"
    bearer = {"authorization": server.bearer(role)}
    is_refused(peer.send(method, path, bomb, **bearer, **headers))
