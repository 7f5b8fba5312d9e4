"""Section 9: every endpoint times every role, no token, a wrong one, a header that is none."""

import json
import re
import socket
from collections.abc import Iterator

import pytest
from starlette.routing import Mount, Route

from replay_server.api.app import create_app
from replay_server.api.routes import WireRoute
from replay_server.settings import ServerSettings
from replay_wire import endpoints
from replay_wire.endpoints import Endpoint
from replay_wire.roles import Role
from tests.contract.peer import JSON, MSGPACK, PROBLEM, Answer, Peer
from tests.guarded_server import GuardedServer

PUBLIC = "public"
ACTOR, LEARNER, VIEWER = Role.ACTOR, Role.LEARNER, Role.VIEWER
EVERY = {ACTOR, LEARNER, VIEWER}

# What the protocol allows beside `admin`, who may do everything, with what is still to come.
PERMISSIONS: dict[str, set[Role] | str] = {
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /v1/info": EVERY,
    "GET /metrics": EVERY,
    "GET /v1/tables": EVERY,
    "GET /v1/tables/{table}": EVERY,
    "GET /v1/activity": EVERY,
    "GET /v1/tables/{table}/activity": EVERY,
    "PUT /v1/tables/{table}": set(),
    "PATCH /v1/tables/{table}": set(),
    "DELETE /v1/tables/{table}": set(),
    "POST /v1/tables/{table}/reset": set(),
    "POST /v1/tables/{table}/insert": {ACTOR},
    "POST /v1/tables/{table}/sample": {LEARNER},
    "POST /v1/sample": {LEARNER},
    "POST /v1/tables/{table}/update-priorities": {LEARNER},
    "POST /v1/tables/{table}/scan": {LEARNER},
    "POST /v1/tables/{table}/delete": set(),
    "GET /v1/parameters": {ACTOR, LEARNER},
    "GET /v1/parameters/{name}": {ACTOR, LEARNER},
    "PUT /v1/parameters/{name}": {LEARNER},
    "DELETE /v1/parameters/{name}": set(),
    "GET /v1/checkpoints": {LEARNER},
    "POST /v1/checkpoints": {LEARNER},
    "DELETE /v1/checkpoints/{name}": set(),
    "POST /v1/checkpoints/{name}/restore": set(),
    "GET /v1/tables/{table}/shard": EVERY,
    "POST /v1/tables/{table}/shard/insert": {ACTOR},
    "POST /v1/tables/{table}/shard/draw": {LEARNER},
    "POST /v1/tables/{table}/shard/writers": {ACTOR},
    "POST /v1/tables/{table}/shard/retract": {ACTOR},
}
PAGES = {"/", "/assets", "/docs", "/docs/assets", "/openapi.json"}
ENDPOINTS = {
    f"{value.method} {value.path}"
    for value in vars(endpoints).values()
    if isinstance(value, Endpoint)
}
EVERY_ENDPOINT = pytest.mark.parametrize("endpoint", PERMISSIONS)


@pytest.fixture
def peer(guarded: GuardedServer) -> Iterator[Peer]:
    with Peer(guarded.url) as connection:
        yield connection


def strangers(guarded: GuardedServer) -> dict[str, str | None]:
    """Headers that nobody is let in with."""
    token = guarded.file.tokens[Role.ADMIN]
    other = "replay_" + "0" * 43
    return {
        "no token": None,
        "wrong token": f"Bearer {other}",
        "nearly the token": f"Bearer {token[:-1]}",
        "more than the token": f"Bearer {token}0",
        "token in another case": f"Bearer {token.swapcase()}",
        "no scheme": token,
        "other scheme": f"Basic {token}",
        "scheme alone": "Bearer",
        "no space": f"Bearer{token}",
        "two tokens": f"Bearer {token} {token}",
        "a list": f"Bearer {token}, Bearer {token}",
        "quoted": f'Bearer "{token}"',
        "parameter": f"Bearer token={token}",
        "hash of the file": f"Bearer {guarded.file.path.read_text().split()[2]}",
        "very long": f"Bearer {'x' * 4000}",
    }


def send(peer: Peer, endpoint: str, authorization: str | None, table: str = "none-such") -> Answer:
    method, _, path = endpoint.partition(" ")
    return peer.send(
        method,
        re.sub(r"{\w+}", table, path),
        None if method in ("GET", "DELETE") else b"{}",
        content_type=JSON,
        authorization=authorization,
    )


def is_let_in(answer: Answer, *, of: str) -> None:
    assert answer.status not in (401, 403)
    if of not in ENDPOINTS:
        assert answer.status < 500  # to come, or not of the kind that lines describe


def is_unauthenticated(answer: Answer) -> None:
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.form in (PROBLEM, MSGPACK)


@pytest.mark.parametrize("role", Role)
@EVERY_ENDPOINT
def test_a_role_may_what_the_protocol_says(
    peer: Peer, guarded: GuardedServer, endpoint: str, role: Role
):
    allowed = PERMISSIONS[endpoint]

    answer = send(peer, endpoint, guarded.bearer(role))

    if role is Role.ADMIN or allowed == PUBLIC or role in allowed:
        is_let_in(answer, of=endpoint)
    elif endpoint in ENDPOINTS:
        assert (answer.status, answer.code) == (403, "forbidden")
        assert answer.document["role"] == role
        assert set(answer.document["needed"]) == {"admin", *allowed}
    else:
        assert answer.code in ("forbidden", "not_found")  # to come


@EVERY_ENDPOINT
def test_strangers_are_let_in_to_public_endpoints_only(
    peer: Peer, guarded: GuardedServer, endpoint: str
):
    for authorization in strangers(guarded).values():
        answer = send(peer, endpoint, authorization)

        if PERMISSIONS[endpoint] == PUBLIC:
            assert answer.status == 200
        else:
            is_unauthenticated(answer)


def test_every_endpoint_has_its_line_here():
    assert set(PERMISSIONS) >= ENDPOINTS


def test_a_new_endpoint_is_for_admins_unless_it_says_otherwise():
    new = Endpoint("POST", "/v1/new", None, None)

    assert new.access.roles == {Role.ADMIN}
    assert not new.access.is_public


def test_every_route_is_an_endpoint_or_a_page(guarded: GuardedServer):
    for route in create_app(ServerSettings(tokens=guarded.file.path)).router.routes:
        assert isinstance(route, Route | Mount)
        if isinstance(route, WireRoute):
            assert f"{route.wire.method} {route.path}" in PERMISSIONS
        else:
            methods = getattr(route, "methods", None) or set()
            names = {f"{method} {route.path}" for method in methods}
            assert route.path in PAGES or names & set(PERMISSIONS), route


@pytest.mark.parametrize(
    "path",
    [
        "/", "/assets/main.js", "/assets/plotly.min.js", "/docs", "/docs/assets/swagger-ui.css",
        "/openapi.json", "/healthz", "/readyz",
    ],
)  # fmt: skip
def test_pages_without_data_ask_for_nothing(peer: Peer, path: str):
    for authorization in (None, "Bearer wrong"):
        assert peer.get(path, authorization=authorization).status == 200


@pytest.mark.parametrize("path", ["/nowhere", "/v1/tables/", "/v1", "/v2/tables", "/V1/tables"])
def test_strangers_do_not_learn_which_paths_there_are(
    peer: Peer, guarded: GuardedServer, path: str
):
    is_unauthenticated(peer.get(path))
    assert peer.get(path, authorization=guarded.bearer("viewer")).code == "not_found"


def test_strangers_do_not_learn_which_methods_there_are(peer: Peer, guarded: GuardedServer):
    is_unauthenticated(peer.send("OPTIONS", "/v1/tables/t"))
    assert peer.send("POST", "/healthz").code == "method_not_allowed"
    allowed = peer.send("OPTIONS", "/v1/tables/t", authorization=guarded.bearer("viewer"))
    assert allowed.code == "method_not_allowed"


@pytest.mark.parametrize("name", ["standing", "none-such", "%20", "x" * 100])
@pytest.mark.parametrize("verb", ["", "/insert", "/sample", "/reset", "/scan", "/delete"])
def test_a_refusal_is_the_same_whether_there_is_such_a_table_or_not(
    peer: Peer, guarded: GuardedServer, name: str, verb: str
):
    admin = {"authorization": guarded.bearer("admin")}
    made = peer.json("PUT", "/v1/tables/standing", {"capacity": 3}, **admin)
    assert made.status in (200, 201)
    method = "POST" if verb else "PUT"

    stranger = peer.json(method, f"/v1/tables/{name}{verb}", {"nonsense": 1})
    viewer = peer.json(
        method, f"/v1/tables/{name}{verb}", {"nonsense": 1}, authorization=guarded.bearer("viewer")
    )

    is_unauthenticated(stranger)
    assert viewer.code == "forbidden"
    assert "standing" not in viewer.document["detail"]


@pytest.mark.parametrize(("role", "status"), [(None, b"401"), ("viewer", b"403")])
def test_a_refusal_comes_before_the_body(
    peer: Peer, guarded: GuardedServer, role: str | None, status: bytes
):
    host, _, port = peer.address.rpartition(":")
    authorization = f"Authorization: {guarded.bearer(role)}\r\n" if role else ""
    head = (
        "POST /v1/tables/t/insert HTTP/1.1\r\nHost: x\r\nContent-Type: text/nonsense\r\n"
        f"{authorization}Content-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode())  # and nothing more

        assert connection.recv(4096).startswith(b"HTTP/1.1 " + status)


def test_a_refusal_comes_in_the_form_that_is_asked_for(peer: Peer, guarded: GuardedServer):
    asked = peer.get("/v1/tables", accept=MSGPACK)
    data = peer.send("POST", "/v1/sample", b"", authorization=guarded.bearer("viewer"))
    nowhere = peer.get("/nowhere", accept=MSGPACK)

    assert (asked.form, asked.code) == (MSGPACK, "unauthenticated")
    assert (data.form, data.code) == (MSGPACK, "forbidden")  # the endpoint's default
    assert (nowhere.form, nowhere.code) == (MSGPACK, "unauthenticated")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_may_be_written_in_any_case(peer: Peer, guarded: GuardedServer, scheme: str):
    token = guarded.file.tokens["viewer"]

    assert peer.get("/v1/info", authorization=f"{scheme} {token}").status == 200


def test_head_is_asked_for_a_token_as_get_is(peer: Peer, guarded: GuardedServer):
    assert peer.send("HEAD", "/v1/tables").status == 401
    assert peer.send("HEAD", "/v1/tables", authorization=guarded.bearer("viewer")).status == 200


def test_the_document_tells_where_a_token_is_asked_for(peer: Peer):
    document = json.loads(peer.get("/openapi.json").body)

    schemes = document["components"]["securitySchemes"]
    assert [(s["type"], s["scheme"]) for s in schemes.values()] == [("http", "bearer")]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            permission = PERMISSIONS[f"{method.upper()} {path}"]
            asked = [] if permission == PUBLIC else [{next(iter(schemes)): []}]
            assert operation["security"] == asked
            assert ("401" in operation["responses"]) == (permission != PUBLIC)
            assert ("403" in operation["responses"]) == (permission not in (PUBLIC, EVERY))


def test_without_a_file_of_tokens_nobody_is_asked(server_url: str):
    with Peer(server_url) as peer:
        assert peer.get("/v1/tables").status == 200
        assert peer.get("/v1/tables", authorization="Bearer whatever").status == 200
