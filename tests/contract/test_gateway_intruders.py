"""The same attacker before the gateway of a cluster, whose shards ask for tokens.

It knows no tokens itself; what it must not do is to keep, to pass on or to believe what strangers
send.
"""

import socket
from collections.abc import Iterator

import pytest

from replay_server.cluster import Shard, ShardDirectory
from tests.cluster_process import GatewayThread
from tests.contract.peer import Peer, TablePeer, array
from tests.contract.test_intruders import (
    HEADERS,
    JEWELS,
    PATIENCE_S,
    TRICKS,
    exchange,
    is_kept_out,
    misplaced,
    request,
    statuses,
)
from tests.guarded_server import GuardedServer, TokenFile

KEPT_OUT = (400, 401, 404, 405)
MEGABYTE = 1 << 20


class GuardedCluster:
    """Two shards with one file of tokens, and a gateway."""

    def __init__(self, file: TokenFile) -> None:
        self.file = file
        self.shards = [GuardedServer(file) for _ in range(2)]
        directory = ShardDirectory(Shard(n, each.url) for n, each in enumerate(self.shards))
        self.gateway = GatewayThread(directory, token=file.tokens["admin"])
        host, _, port = self.gateway.url.removeprefix("http://").rpartition(":")
        self.address = (host, int(port))
        self.peer = Peer(self.gateway.url)

    def states(self) -> list[str]:
        """What the gateway thinks of its shards."""
        info = self.peer.get("/v1/info", authorization=self.file.bearer("viewer"))
        assert info.status == 200
        return [shard["state"] for shard in info.document["shards"]]

    def stop(self) -> None:
        self.peer.close()
        self.gateway.stop()
        for shard in self.shards:
            assert shard.stop() == 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedCluster]:
    """A cluster with a table that no test may see or change; it is looked at afterwards."""
    made = GuardedCluster(TokenFile(tmp_path_factory.mktemp("cluster") / "tokens"))
    admin = {"authorization": made.file.bearer("admin")}
    table = TablePeer(made.peer, JEWELS)
    assert made.peer.json("PUT", table.path, {"capacity": 10}, **admin).status == 201
    rows = {"columns": {"x": array("<i8", [1, 2, 3])}}
    assert table.post("insert", rows, **admin).status == 200
    before = made.peer.get(table.path, **admin).document
    yield made
    assert made.peer.get(table.path, **admin).document == before
    made.stop()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_no_path_leads_around_the_shards_guard(cluster: GuardedCluster, method: str):
    for target in TRICKS:
        received = exchange(cluster.address, request(method, target))

        found = statuses(received)
        assert found
        assert not set(found) - set(KEPT_OUT), received[:300]
        assert b"inserted_total" not in received


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: headers[0][:40])
def test_no_header_leads_around_the_shards_guard(cluster: GuardedCluster, headers: list[str]):
    for method, target in (("GET", "/v1/tables"), ("POST", f"/v1/tables/{JEWELS}/reset")):
        raw = request(method, target, *headers).replace(b"\xc3", b"")
        received = exchange(cluster.address, raw)

        is_kept_out(received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))


def test_a_known_token_goes_on_to_shards_only_from_where_it_belongs(cluster: GuardedCluster):
    *plain, trailer = misplaced(cluster.file.tokens["admin"])
    for raw in plain:
        is_kept_out(exchange(cluster.address, raw), statuses_allowed=KEPT_OUT)
    assert b"chunked" in trailer  # it is for whoever serves the gateway to drop


def test_every_endpoint_of_a_gateway_asks_for_a_token(cluster: GuardedCluster):
    document = cluster.peer.get("/openapi.json").document
    asked = 0
    for path, item in document["paths"].items():
        for method in item:
            if path in ("/healthz", "/readyz"):
                continue
            target = path.format(table=JEWELS, name="name")
            answer = cluster.peer.send(method.upper(), target, b"{}")
            assert (answer.status, answer.code) == (401, "unauthenticated"), path
            assert answer.headers["www-authenticate"] == "Bearer"
            asked += 1
    assert asked > 20


@pytest.mark.parametrize("known", [False, True], ids=["none", "unknown"])
def test_a_gateway_keeps_no_body_of_a_stranger(cluster: GuardedCluster, known: bool):
    token = "Authorization: Bearer replay_unknown\r\n" if known else ""
    for method, target in (("POST", f"/v1/tables/{JEWELS}/insert"), ("PUT", "/v1/parameters/p")):
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{token}Content-Length: {MEGABYTE}\r\n\r\n"
        with socket.create_connection(cluster.address, timeout=PATIENCE_S) as connection:
            connection.sendall(head.encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("length", [1000, 2000, 66_000])
def test_a_very_long_token_makes_no_shard_look_dead(cluster: GuardedCluster, length: int):
    raw = request("GET", "/v1/tables", f"Authorization: Bearer {'x' * length}")

    for _ in range(3):
        is_kept_out(exchange(cluster.address, raw), statuses_allowed=(401, 413))

    assert cluster.states() == ["serving", "serving"]
    answer = cluster.peer.get("/v1/tables", authorization=cluster.file.bearer("viewer"))
    assert answer.status == 200


@pytest.mark.parametrize("long", ["query", "header"])
def test_what_a_shard_does_not_read_makes_it_no_dead_one(cluster: GuardedCluster, long: str):
    filler = "x" * (65_480 if long == "query" else 66_000)
    query = f"?a={filler}" if long == "query" else ""
    tags = {"if_none_match": filler} if long == "header" else {}
    bearer = cluster.file.bearer("actor")

    answer = cluster.peer.get(f"/v1/parameters/p{query}", authorization=bearer, **tags)

    assert 400 <= answer.status < 500
    assert cluster.states() == ["serving", "serving"]


def test_what_a_client_sends_begins_no_line_to_a_shard(cluster: GuardedCluster):
    admin = cluster.file.bearer("admin")
    smuggled = f"GET /v1/tables/{JEWELS} HTTP/1.1\r\nHost: x\r\nAuthorization: {admin}\r\n\r\n"
    folded = smuggled.replace("\r\n", "\r\n ")
    viewer = f"Authorization: {cluster.file.bearer('viewer')}"
    for raw in (
        request("GET", "/v1/tables", f"Authorization: Bearer x\r\n\r\n{smuggled}"),
        request("GET", "/v1/tables", f"Authorization: Bearer x\r\n {folded}"),
        request("GET", "/v1/tables", f"Authorization: Bearer x\n{smuggled}"),
        request("GET", "/v1/parameters/p?a=1%0d%0aX: y", viewer),
        request("GET", f"/v1/parameters/p?a=1\x0b{smuggled[:20]}", viewer),
        request("GET", "/v1/parameters/p", viewer, f'If-None-Match: "1"\r\n {folded}'),
    ):
        received = exchange(cluster.address, raw.replace(admin.encode(), b"Bearer x"))

        assert not set(statuses(received)) - {400, 401, 403, 404, 422}, received[:300]
    assert cluster.states() == ["serving", "serving"]


def test_a_token_that_was_taken_is_not_shown_with_every_request(cluster: GuardedCluster):
    viewer = {"authorization": cluster.file.bearer("viewer")}
    for _ in range(3):
        assert cluster.peer.get("/v1/tables", **viewer).status == 200

    answer = cluster.peer.send("POST", f"/v1/tables/{JEWELS}/reset", b"", **viewer)

    assert answer.status == 403  # the shards go on to decide
    stranger = cluster.peer.send("POST", f"/v1/tables/{JEWELS}/reset", b"")
    assert stranger.status == 401
