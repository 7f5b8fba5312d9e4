"""Nothing secret gets out: tokens are in no log, no answer, no document, whatever goes wrong."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from tests.contract.peer import JSON, MSGPACK, Peer, array
from tests.guarded_server import TokenFile
from tests.replay_server.processes import Command

UNKNOWN = "replay_" + "Unknown-Token-of-Somebody" + "0" * 18
PLANTED = "Query-Secret-5ca1ab1e"


@pytest.fixture(params=["text", "json"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, TokenFile]]:
    """All that a server said, on stderr and in answers, while every kind of error was provoked."""
    file = TokenFile(tmp_path / "tokens")
    options = ("--port=0", f"--tokens={file.path}", f"--log-format={request.param}")
    with Command("serve", *options, "--log-level=debug", folder=tmp_path) as command:
        url = command.url()
        answers = list(provoked(url, file))
        command.process.terminate()
        code, out = command.ended()
        assert code == 0
        yield "\n".join([*answers, out, command.errors()]), file


def provoked(url: str, file: TokenFile) -> Iterator[str]:
    """Provoke errors with tokens in every place that a person, or a script, might put them."""
    admin = file.bearer("admin")
    tokens = [*(file.bearer(role) for role in file.tokens), f"Bearer {UNKNOWN}", UNKNOWN]
    tokens += [f"Basic {UNKNOWN}", f"Bearer {UNKNOWN} {UNKNOWN}", f"Bearer {UNKNOWN}é"]
    row = {"columns": {"x": array("<i8", [1])}}
    with Peer(url) as peer:
        for token in tokens:
            named = {"authorization": token}
            for path in ("/v1/info", "/v1/tables/none-such", "/nowhere", "/metrics", "/docs"):
                yield peer.get(path, **named).body.decode(errors="replace")
                query = f"{path}?token={PLANTED}&access_token={PLANTED}"
                yield peer.get(query, **named).body.decode(errors="replace")
            yield str(peer.json("PUT", "/v1/tables/t", {"capacity": 5}, **named).document)
            yield str(peer.json("PUT", "/v1/tables/t", {"capacity": 6}, **named).document)
            yield str(peer.msgpack("POST", "/v1/tables/t/insert", row, **named).document)
            for body in (b"", b"\xc1", b"{}", msgpack.packb({"batch_size": 0}), b"[]"):
                for form in (MSGPACK, JSON, "text/plain"):
                    sent = peer.send(
                        "POST", "/v1/tables/t/sample", body, content_type=form, **named
                    )
                    yield str(sent.document)
            yield str(peer.send("POST", "/v1/info", **named).document)
            yield str(peer.send("OPTIONS", f"/v1/tables/t?token={PLANTED}", **named).document)
        yield peer.get("/openapi.json").body.decode()
        yield str(peer.get("/v1/tables", authorization=admin).document)
        address = peer.address
    host, _, port = address.rpartition(":")
    for raw in (
        f"GET /v1/info HTTP/1.1\r\nAuthorization: {admin}\r\nHost: x\r\nNonsense\r\n\r\n",
        f"GET /v1/info HTTP/9.9\r\nAuthorization: {admin}\r\n\r\n",
        f"Authorization: {admin}\r\n\r\n",
        f"GET /v1/info HTTP/1.1\r\nHost: x\r\nAuthorization: {admin}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        f"GET /v1/info HTTP/1.1\r\nHost: x\r\nAuthorization: {admin}\r\n {admin}\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(raw.encode())
            yield connection.recv(65536).decode(errors="replace")


def test_no_token_is_in_anything_that_a_server_says(told: tuple[str, TokenFile]):
    text, file = told

    for token in (*file.tokens.values(), UNKNOWN):
        assert token not in text
        assert token[:20] not in text
    for line in file.path.read_text().splitlines():
        assert line.split(":")[1] not in text  # its hash
    assert PLANTED not in text


def test_the_log_of_accesses_is_there_all_the_same(told: tuple[str, TokenFile]):
    text, _ = told

    assert "GET /v1/info HTTP/1.1" in text
    assert "refused GET /v1/info" in text
    records = [line for line in text.splitlines() if line.startswith('{"') and '"logger"' in line]
    assert all({"time", "level", "logger", "message"} <= json.loads(r).keys() for r in records)
