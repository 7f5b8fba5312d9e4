"""As an attacker who knows the documents: whatever is tried, nothing is read, changed or stopped.

What was tried, and what came of it, is told in docs/reliability.md.
"""

import http.client
import re
import socket
from collections.abc import Iterator

import msgpack
import pytest

from tests.contract.peer import JSON, Peer, TablePeer, array
from tests.guarded_server import GuardedServer

JEWELS = "crown-jewels"
PATIENCE_S = 20.0
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEALTHY = b'{"status":"ok"}'


@pytest.fixture(scope="module")
def address(guarded: GuardedServer) -> Iterator[tuple[str, int]]:
    """Where a table stands that no test may see or change; it is looked at afterwards."""
    admin = {"authorization": guarded.bearer("admin")}
    with Peer(guarded.url) as peer:
        table = TablePeer(peer, JEWELS)
        assert peer.json("PUT", table.path, {"capacity": 10}, **admin).status == 201
        rows = {"columns": {"x": array("<i8", [1, 2, 3])}}
        assert table.post("insert", rows, **admin).status == 200
        before = peer.get(table.path, **admin).document
        host, _, port = peer.address.rpartition(":")
        yield host, int(port)
        assert peer.get(table.path, **admin).document == before
        tables = peer.get("/v1/tables", **admin).document["tables"]
        assert "mine" not in [document["name"] for document in tables]
        assert peer.send("DELETE", table.path, **admin).status == 204


def exchange(address: tuple[str, int], raw: bytes) -> bytes:
    """Send bytes, and behind them a request that ends the connection; return what came of them."""
    received = b""
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(raw + LAST)
            while part := connection.recv(65536):
                received += part
        except ConnectionError:  # hung up on while sending
            pass
    return received.rpartition(b"HTTP/1.1 200 OK")[0] if received.endswith(HEALTHY) else received


def statuses(received: bytes) -> list[int]:
    """The statuses of answers."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_kept_out(received: bytes, *, statuses_allowed: tuple[int, ...] = (400, 401)) -> None:
    assert JEWELS.encode() not in received
    assert b"inserted_total" not in received
    found = statuses(received)
    assert found
    assert all(status in statuses_allowed for status in found), received[:300]


TRICKS = [
    "//v1/tables", "/v1//tables", "/v1/tables/", "/v1/tables//", "/v1/./tables",
    "/v1/../v1/tables", "/%76%31/tables", "/v1%2Ftables", "/v1%2ftables", "/v1%252Ftables",
    "/v1/tables%00", "/v1/tables%20", "/v1/tables%0d%0a", "/v1/tables;a=b", "/v1/tables?a=b",
    "/v1/tables#/healthz", "/V1/TABLES", "/healthz/../v1/tables", "/healthz/..%2Fv1%2Ftables",
    "/healthz;/v1/tables", "/healthz/v1/tables", "/healthz%2F..%2Fv1%2Ftables",
    "/docs/../v1/tables", "/docs/v1/tables", "/openapi.json/../v1/tables", "/./v1/tables",
    "/\\v1\\tables", "/v1/tables\\", "/readyz/../../v1/tables", "/%2e%2e/v1/tables",
    "/v1/tables/crown-jewels", "/v1/tables/%63rown-jewels", "/v1/tables/crown-jewels%2F",
    "http://x/v1/tables", "http://x/healthz/../v1/tables", "https://127.0.0.1/v1/tables",
    "http://healthz@x/v1/tables", "http:///v1/tables", "x:80", "*", "v1/tables", "",
    "/v1/tables/crown-jewels/../../../healthz", "/metrics", "/metrics/", "/v1/checkpoints",
    "/v1/parameters", "/docs/oauth2-redirect", "/redoc",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_no_path_leads_around_the_guard(address: tuple[str, int], method: str):
    for target in TRICKS:
        received = exchange(address, request(method, target, "Content-Type: application/json"))

        is_kept_out(received)


@pytest.mark.parametrize(
    "target",
    [
        "/docs/assets/../../v1/tables", "/docs/assets/%2e%2e/%2e%2e/v1/tables",
        "/docs/assets/..%2f..%2fcore.py", "/docs/assets/../core.py", "/docs/assets/%2e%2e/core.py",
        "/docs/assets//etc/passwd", "/docs/assets/%2Fetc%2Fpasswd",
        "/docs/assets/..%5c..%5ccore.py",
        "/docs/assets/", "/docs/assets", "/docs/assets/%00",
        "/docs/assets/" + "../" * 20 + "etc/passwd", "/assets/../../v1/tables", "/assets/%2e%2e/x",
        "/assets/..%2f__init__.py", "/assets/__init__.py", "/assets/page.html", "/assets/",
        "/assets", "/assets/%00", "/assets//etc/passwd", "/assets/" + "../" * 20 + "etc/passwd",
    ],
)  # fmt: skip
def test_assets_lead_nowhere_else(address: tuple[str, int], target: str):
    received = exchange(address, request("GET", target))

    is_kept_out(received, statuses_allowed=(400, 401, 404))
    assert b"root:" not in received
    assert b"import" not in received


@pytest.mark.parametrize(
    "method",
    [
        "get", "Get", "gET", "TRACE", "CONNECT", "PROPFIND", "LINK", "PURGE", "QUERY", "X", "G ET",
        "PATCH", "GET\t", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["/v1/tables", f"/v1/tables/{JEWELS}"])
def test_no_method_leads_around_the_guard(address: tuple[str, int], method: str, target: str):
    is_kept_out(exchange(address, request(method, target)))


HEADERS = [
    ["X-HTTP-Method-Override: GET", "X-Method-Override: GET"],
    ["X-Original-URL: /healthz", "X-Rewrite-URL: /healthz"],
    ["X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1"],
    ["X-Forwarded-Proto: https", "X-Forwarded-Prefix: /healthz", "X-Script-Name: /healthz"],
    ["Host: localhost"],
    ["Authorization: Bearer"],
    ["Authorization: "],
    ["Authorization: Bearer ", "Authorization: Bearer "],
    ["Authorization: Bearer null"],
    ["Authorization: Bearer undefined"],
    ["Authorization: Bearer *"],
    ["Authorization: Bearer ' OR 1=1 --"],
    ["Authorization: Bearer \x00"],
    ["Authorization: Bearer \xff\xfe"],
    ["Authorization: Basic YWRtaW46YWRtaW4="],
    ["Authorization: Digest admin"],
    ["Cookie: token=x; Authorization=Bearer"],
    ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA"],
    ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"],
    ["Expect: 100-continue"],
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["Transfer-Encoding: xchunked"],
    ["Content-Length: -1"],
    ["Content-Length: 99999999999999999999"],
    ["Content-Length: 0x10"],
    ["Content-Length: 1", "Content-Length: 2"],
    ["Range: bytes=0-100000"],
    ["If-None-Match: *"],
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: headers[0][:40])
def test_no_header_leads_around_the_guard(address: tuple[str, int], headers: list[str]):
    for method, target in (("GET", "/v1/tables"), ("POST", f"/v1/tables/{JEWELS}/reset")):
        received = exchange(address, request(method, target, *headers).replace(b"\xc3", b""))

        is_kept_out(received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))


def misplaced(token: str) -> list[bytes]:
    """Requests that bear a token where it does not belong."""
    bearer = f"Bearer {token}"
    return [
        request("GET", f"/v1/tables?token={token}&access_token={token}&authorization={bearer}"),
        request("GET", f"/v1/tables/{token}"),
        request("GET", "/v1/tables", f"Cookie: token={token}; access_token={token}"),
        request("GET", "/v1/tables", f"Proxy-Authorization: {bearer}"),
        request("GET", "/v1/tables", f"X-Authorization: {bearer}"),
        request("GET", "/v1/tables", f"Authorization: {bearer}", "Authorization: Bearer x"),
        request("GET", "/v1/tables", "Authorization: Bearer x", f"Authorization: {bearer}"),
        request("GET", "/v1/tables", f"Authorization: {bearer}", f"Authorization: {bearer}"),
        request("GET", "/v1/tables", f"Authorization : {bearer}"),
        request("GET", "/v1/tables", f"X: y\r\n Authorization: {bearer}"),
        request("GET", "/v1/tables", f"Authorization: Bearer\r\n {token}"),
        request("GET", "/v1/tables", f"Authorization: Bearer\x0b{token}"),
        request("POST", "/v1/tables", body=f"Authorization: {bearer}\r\n".encode()),
        request("GET", f"http://admin:{token}@x/v1/tables"),
        b"GET /v1/tables HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        b"\r\n1\r\na\r\n0\r\nAuthorization: " + bearer.encode() + b"\r\n\r\n",
    ]


def test_a_known_token_counts_only_where_it_belongs(
    address: tuple[str, int], guarded: GuardedServer
):
    for raw in misplaced(guarded.file.tokens["admin"]):
        is_kept_out(exchange(address, raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v1/tables HTTP/1.0\r\n\r\n",
        b"GET /v1/tables HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /v1/tables\r\n\r\n",
        b"GET /v1/tables HTTP/0.9\r\n\r\n",
        b"GET /v1/tables HTTP/2.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v1/tables HTTP/1.1\nHost: x\n\n",
        b"\r\n\r\n\r\nGET /v1/tables HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/tables HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 4096,
    ],
    ids=["1.0", "1.0_kept", "0.9", "0.9_told", "2", "preface", "lf", "crlf", "bare", "tls", "nul"],
)
def test_no_version_of_http_leads_around_the_guard(address: tuple[str, int], raw: bytes):
    is_kept_out(exchange(address, raw))


@pytest.mark.parametrize("length", [513, 5_000, 60_000, 70_000])
def test_a_very_long_token_is_refused(address: tuple[str, int], length: int):
    received = exchange(
        address, request("GET", "/v1/tables", f"Authorization: Bearer {'x' * length}")
    )

    is_kept_out(received, statuses_allowed=(401, 413))


def test_each_of_several_requests_at_once_is_asked_for_itself(
    address: tuple[str, int], guarded: GuardedServer
):
    known = b"GET /v1/info HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n"
    known %= guarded.bearer("viewer").encode()
    stranger = b"GET /v1/tables HTTP/1.1\r\nHost: x\r\n\r\n"

    received = exchange(address, stranger + stranger + known + stranger)

    assert statuses(received) == [401, 401, 200, 401]
    assert JEWELS.encode() not in received


def test_what_comes_as_a_body_is_never_a_request(address: tuple[str, int], guarded: GuardedServer):
    inner = (
        f"POST /v1/tables/{JEWELS}/reset HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {guarded.bearer('admin')}\r\nContent-Length: 0\r\n\r\n"
    ).encode()

    refused = exchange(address, request("POST", f"/v1/tables/{JEWELS}/insert", body=inner))
    chunked = exchange(
        address,
        b"POST /v1/sample HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner),
    )

    assert statuses(refused) == statuses(chunked) == [401]


def test_two_lengths_of_a_body_are_no_request(address: tuple[str, int], guarded: GuardedServer):
    smuggled = (
        f"GET /v1/tables HTTP/1.1\r\nHost: x\r\nAuthorization: {guarded.bearer('admin')}\r\n\r\n"
    )
    for headers in (
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: identity, chunked ", "Content-Length: 4"),
    ):
        raw = request("POST", "/v1/sample", *headers) + b"0\r\n\r\n" + smuggled.encode()

        received = exchange(address, raw)

        assert JEWELS.encode() not in received


@pytest.mark.parametrize("role", ["actor", "learner", "viewer"])
def test_a_lesser_role_changes_nothing_by_other_means(
    address: tuple[str, int], guarded: GuardedServer, role: str
):
    bearer = guarded.bearer(role)
    spec = b'{"capacity": 5}'
    no_keys = b'{"keys": {"dtype": "<i8", "shape": [0], "data": []}}'
    no_rows = b'{"columns": {"x": {"dtype": "<i8", "shape": [0], "data": []}}}'
    tries = [
        ("PUT", "/v1/tables/mine", spec),
        ("PUT", f"/v1/tables/{JEWELS}", spec),
        ("PATCH", f"/v1/tables/{JEWELS}", b'{"max_times_sampled": 1}'),
        ("DELETE", f"/v1/tables/{JEWELS}", b""),
        ("POST", f"/v1/tables/{JEWELS}/reset", b""),
        ("POST", f"/v1/tables/{JEWELS}/delete", no_keys),
        ("POST", "/v1/tables/mine/insert", no_rows),
        ("POST", f"/v1/tables/{JEWELS}%2Freset", b""),
        ("POST", f"/v1/tables/{JEWELS}/insert/../reset", b""),
        ("POST", f"/v1/tables/{JEWELS}/sample/../reset", b""),
        ("POST", f"//v1/tables/{JEWELS}/reset", b""),
        ("POST", f"/v1/tables/{JEWELS}/RESET", b""),
        ("POST", f"/v1/tables/{JEWELS}/reset/", b""),
    ]  # fmt: skip
    for method, target, body in tries:
        for override in ("X-Nothing: 1", "X-HTTP-Method-Override: PUT", "X-Role: admin"):
            raw = request(
                method,
                target,
                f"Authorization: {bearer}",
                override,
                f"Content-Type: {JSON}",
                body=body,
            )

            (status,) = statuses(exchange(address, raw))

            assert status in (400, 403, 404, 405, 422)


def test_bodies_of_strangers_are_not_kept(address: tuple[str, int]):
    head = (
        f"POST /v1/tables/{JEWELS}/insert HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 100000000000\r\n\r\n"
    )
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
        for _ in range(300):  # 30 MB that nobody wants
            connection.sendall(b"x" * 100_000)


def test_the_server_stands_after_all_that(address: tuple[str, int], guarded: GuardedServer):
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request("GET", "/v1/tables", headers={"Authorization": guarded.bearer("viewer")})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://HOST"}, 200),
    ],
)
def test_a_page_of_another_site_changes_nothing_where_nobody_is_asked(
    table: TablePeer, headers: dict[str, str], status: int
):
    table.make().fill([1, 2, 3])
    sent = {name: value.replace("HOST", table.peer.address) for name, value in headers.items()}

    answers = [
        table.peer.send("POST", f"{table.path}/sample", msgpack.packb({"batch_size": 1}), **sent),
        table.peer.send("POST", f"{table.path}/reset", **sent),
    ]

    assert [answer.status for answer in answers] == [status, status]
    if status == 403:
        assert {answer.code for answer in answers} == {"forbidden"}
        assert table.stats()["size"] == 3
        assert table.stats()["sampled_total"] == 0


def test_no_page_of_another_site_may_read_an_answer(peer: Peer):
    answer = peer.get("/v1/tables", origin="https://evil.example", sec_fetch_site="cross-site")

    assert not [name for name in answer.headers if name.startswith("access-control-")]
