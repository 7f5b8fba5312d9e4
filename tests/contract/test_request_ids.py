"""Requests have ids: in their answers, and in every line of the log that is about them."""

import json
import re
from pathlib import Path

import pytest

from tests.contract.peer import Peer
from tests.guarded_server import GuardedServer, TokenFile
from tests.replay_server.processes import Command

OWN = r"[0-9a-f]{8}-[0-9]+"
NAMED = "run-7/actor:3@host.1+a=b_c"


def test_an_answer_bears_the_id_that_its_request_came_with(peer: Peer):
    for path in ("/healthz", "/v1/tables/none-such", "/nowhere", "/docs", "/metrics"):
        assert peer.get(path, x_request_id=NAMED).headers["x-request-id"] == NAMED


def test_an_answer_to_a_request_without_one_bears_a_new_one(peer: Peer):
    sent = [("GET", "/healthz"), ("GET", "/nowhere"), ("DELETE", "/healthz"), ("HEAD", "/docs")]
    ids = [peer.send(method, path).headers["x-request-id"] for method, path in sent * 3]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(OWN, each) for each in ids)


def test_a_refusal_bears_one_too(guarded: GuardedServer):
    with Peer(guarded.url) as peer:
        assert peer.get("/v1/tables", x_request_id="a").headers["x-request-id"] == "a"
        too_long = peer.get(f"/{'x' * 65_000}", y="z" * 1000, x_request_id="b")

    assert (too_long.status, too_long.headers["x-request-id"]) == (413, "b")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * 129, id="too_long"),
        pytest.param("a b", id="space"),
        pytest.param('a"b', id="quote"),
        pytest.param("a\tb", id="tab"),
        pytest.param("a]b", id="bracket"),
        pytest.param("a\\nb", id="backslash"),
        pytest.param("a,b", id="list"),
        pytest.param("\N{LATIN SMALL LETTER E WITH ACUTE}", id="not_ascii"),
        pytest.param("replay_" + "0" * 43, id="a_token"),
        pytest.param("Bearer replay_0", id="a_header_of_a_token"),
    ],
)
def test_what_could_confuse_a_log_is_replaced(peer: Peer, text: str):
    assert re.fullmatch(OWN, peer.get("/healthz", x_request_id=text).headers["x-request-id"])


def test_the_longest_that_may_be_is_taken(peer: Peer):
    assert peer.get("/healthz", x_request_id="x" * 128).headers["x-request-id"] == "x" * 128


def told_by_a_server(form: str, folder: Path) -> list[str]:
    """The lines of a server's log at the level debug, after some requests."""
    file = TokenFile(folder / "tokens")
    options = (f"--tokens={file.path}", f"--log-format={form}", "--log-level=debug")
    with Command("serve", "--port=0", *options, folder=folder) as command:
        with Peer(command.url()) as peer:
            viewer = {"authorization": file.bearer("viewer")}
            peer.get("/v1/info?token=abc", x_request_id="first", **viewer)
            peer.get("/v1/tables", x_request_id="second")
            peer.get("/a%0AFAKE%0D%1b[2J", x_request_id="third", **viewer)
            peer.get("/v1/tables/%C3%A9", x_request_id="fourth", **viewer)
        command.process.terminate()
        assert command.ended()[0] == 0
        return command.errors().splitlines()


@pytest.fixture(scope="module")
def text_log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return told_by_a_server("text", tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def json_log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return told_by_a_server("json", tmp_path_factory.mktemp("json"))


@pytest.fixture(params=["text_log", "json_log"])
def log(request: pytest.FixtureRequest) -> list[str]:
    lines: list[str] = request.getfixturevalue(request.param)
    return lines


def about(log: list[str], request_id: str) -> list[str]:
    return [line for line in log if request_id in line]


def test_each_request_has_one_line_of_access(log: list[str]):
    for name, told in {
        "first": '"GET /v1/info HTTP/1.1" 200 in ',
        "second": '"GET /v1/tables HTTP/1.1" 401 in ',
        "third": '"GET /a%0AFAKE%0D%1B%5B2J HTTP/1.1" 404 in ',
        "fourth": '"GET /v1/tables/%C3%A9 HTTP/1.1" 422 in ',
    }.items():
        lines = [line.replace('\\"', '"') for line in about(log, name)]
        assert len([line for line in lines if told in line]) == 1, lines


def test_every_line_about_a_request_bears_its_id(log: list[str]):
    (refused,) = [line for line in log if "refused GET /v1/tables" in line]

    assert "second" in refused
    assert not any(line.startswith("FAKE") for line in log)


def test_lines_about_no_request_bear_none(log: list[str]):
    (stopping,) = [line for line in log if "stopping: answering" in line]

    assert "request_id" not in stopping
    assert not stopping.endswith("]")


def test_json_lines_bear_the_facts_apart(json_log: list[str]):
    records = [json.loads(line) for line in json_log]
    (access,) = [
        each
        for each in records
        if each.get("request_id") == "first" and each["logger"] == "replay_server.access"
    ]

    assert (access["method"], access["path"], access["status"]) == ("GET", "/v1/info", 200)
    assert access["client"] == "127.0.0.1"
    assert 0 < access["duration_ms"] < 60_000
    assert {"time", "level", "logger", "message"} <= access.keys()


def test_nobody_is_told_of_requests_unless_that_is_asked_for(tmp_path: Path):
    with Command("serve", "--port=0", folder=tmp_path) as command:
        with Peer(command.url()) as peer:
            peer.get("/v1/info")
        command.process.terminate()
        command.ended()

    assert "/v1/info" not in command.errors()
