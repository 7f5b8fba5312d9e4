"""`/openapi.json`: every endpoint with its bodies and errors, and every example true."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay_server.api.app import create_app
from replay_server.api.examples import EXAMPLES, PROBLEM_DETAILS
from replay_server.settings import ServerSettings
from replay_wire import endpoints, json_codec
from replay_wire.endpoints import Endpoint
from replay_wire.errors import ErrorCode
from tests.server_process import ServerProcess

ENDPOINTS = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]
IDS = [f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS]
EVERY_ENDPOINT = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=IDS)
JSON, MSGPACK, PROBLEM = "application/json", "application/msgpack", "application/problem+json"
BYTES, TEXT = "application/octet-stream", "text/plain"
OF_NO_ENDPOINT = {
    ErrorCode.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED,
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.INTERNAL,
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as a client gets it, so that it is known to be JSON."""
    text = json.dumps(create_app(ServerSettings()).openapi(), allow_nan=False)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def status_of(endpoint: Endpoint) -> str:
    """The status of an answer that all went well."""
    if endpoint is endpoints.WRITE_CHECKPOINT:
        return "201"
    return "200" if endpoint.reply else "204"


def operation(document: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][endpoint.path][endpoint.method.lower()]
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every map in a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from nodes(inner)


def test_it_is_an_openapi_3_1_document(document: dict[str, Any]):
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert {"title", "version", "description", "license"} <= document["info"].keys()
    identifiers = []
    for item in document["paths"].values():
        for found in item.values():
            identifiers.append(found["operationId"])
            assert found["summary"]
            assert all(re.fullmatch(r"[1-5]\d\d", status) for status in found["responses"])
            assert all(response["description"] for response in found["responses"].values())
    assert len(identifiers) == len(set(identifiers))


def test_every_reference_points_at_something(document: dict[str, Any]):
    references = [node["$ref"] for node in nodes(document) if isinstance(node.get("$ref"), str)]

    assert references
    for reference in references:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_every_endpoint_stands_there_and_nothing_else(document: dict[str, Any]):
    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }

    assert described == set(IDS)


@EVERY_ENDPOINT
def test_an_endpoint_has_its_parameters(document: dict[str, Any], endpoint: Endpoint):
    names = re.findall(r"{(\w+)}", endpoint.path)
    queries = endpoint.query.__struct_fields__ if endpoint.query else ()

    parameters = operation(document, endpoint).get("parameters", [])

    assert [(p["name"], p["in"], p["required"]) for p in parameters] == [
        *((name, "path", True) for name in names),
        *((name, "query", False) for name in queries),
    ]


@EVERY_ENDPOINT
def test_an_endpoint_has_its_bodies_in_both_forms(document: dict[str, Any], endpoint: Endpoint):
    found = operation(document, endpoint)
    success = found["responses"][status_of(endpoint)]

    for message, holder in (
        (endpoint.request, found.get("requestBody")),
        (endpoint.reply, success),
    ):
        if message is None:
            assert holder is None or "content" not in holder
            continue
        assert holder is not None
        if message in (bytes, str):
            assert set(holder["content"]) == {BYTES if message is bytes else TEXT}
            continue
        assert next(iter(holder["content"])) == endpoint.default
        assert set(holder["content"]) == {JSON, MSGPACK}
        for content in holder["content"].values():
            assert content["schema"] == {"$ref": f"#/components/schemas/{message.__name__}"}
    assert "x-replay-protocol" in success["headers"]


@EVERY_ENDPOINT
def test_examples_are_messages_of_their_type(document: dict[str, Any], endpoint: Endpoint):
    found = operation(document, endpoint)
    holders = [found.get("requestBody"), found["responses"].get(status_of(endpoint))]

    for message, holder in zip((endpoint.request, endpoint.reply), holders, strict=True):
        if message is not None and issubclass(message, msgspec.Struct):
            assert holder is not None
            example = holder["content"][JSON]["example"]
            decoded = json_codec.decode_json(json.dumps(example).encode(), message)
            assert isinstance(decoded, message)


def test_every_code_that_can_come_has_a_true_example(document: dict[str, Any]):
    seen: set[str] = set()
    for endpoint in ENDPOINTS:
        for status, response in operation(document, endpoint)["responses"].items():
            if status[0] in "23":
                continue
            examples = response["content"][PROBLEM]["examples"]
            for code, example in examples.items():
                value = example["value"]
                assert value["code"] == code
                assert value["status"] == int(status) == ErrorCode(code).status
                assert value["detail"]
            seen |= examples.keys()

    assert seen == set(PROBLEM_DETAILS) == set(ErrorCode) - OF_NO_ENDPOINT


def test_every_message_has_an_example():
    messages = {m for endpoint in ENDPOINTS for m in (endpoint.request, endpoint.reply) if m}

    assert messages - {bytes, str} == set(EXAMPLES)


def test_every_example_sent_to_a_server_does_what_it_says(document: dict[str, Any], tmp_path: Path):
    server = ServerProcess("--port=0", f"--data-dir={tmp_path / 'data'}")
    connection = HTTPConnection(server.url.removeprefix("http://"))

    def send(endpoint: Endpoint) -> int:
        body = operation(document, endpoint).get("requestBody")
        text = b"bytes" if body else None
        if body and endpoint.request is not bytes:
            text = json.dumps(body["content"][JSON]["example"]).encode()
        headers = {"Content-Type": JSON, "Accept": JSON}
        connection.request(
            endpoint.method,
            endpoint.url(table="transitions", name="before-the-weekend"),
            text,
            headers,
        )
        reply = connection.getresponse()
        answer = reply.read()
        if endpoint.reply is bytes:
            assert answer == b"bytes"
        elif endpoint.reply is str:
            assert answer.decode()
        elif endpoint.reply is not None and reply.status < 300:
            # The reply is of the type that the document says, and has the keys of its example.
            assert json_codec.decode_json(answer, endpoint.reply)
            assert json.loads(answer).keys() == EXAMPLES[endpoint.reply].keys()
        return reply.status

    statuses = [send(endpoints.CREATE_TABLE), send(endpoints.CREATE_TABLE)]
    in_order = [
        endpoints.INSERT, endpoints.INSERT, endpoints.SAMPLE, endpoints.MIXED_SAMPLE,
        endpoints.UPDATE_PRIORITIES, endpoints.CHANGE_TABLE, endpoints.SCAN,
        endpoints.DESCRIBE_TABLE, endpoints.LIST_TABLES, endpoints.DELETE_ROWS,
        endpoints.ACTIVITY, endpoints.TABLE_ACTIVITY,
        endpoints.SHARD_INSERT, endpoints.SHARD_DRAW, endpoints.SHARD_TABLE,
        endpoints.SHARD_WRITERS, endpoints.SHARD_RETRACT,
        endpoints.RESET_TABLE, endpoints.INFO, endpoints.HEALTHZ, endpoints.READYZ,
            endpoints.METRICS,
        endpoints.WRITE_CHECKPOINT, endpoints.LIST_CHECKPOINTS, endpoints.RESTORE_CHECKPOINT,
        endpoints.PUT_PARAMETERS, endpoints.GET_PARAMETERS, endpoints.LIST_PARAMETERS,
        endpoints.DELETE_PARAMETERS, endpoints.DELETE_CHECKPOINT, endpoints.DROP_TABLE,
    ]  # fmt: skip
    statuses += [send(endpoint) for endpoint in in_order]
    connection.close()
    server.stop()

    assert statuses == [201, 200, *[200] * 22, 201, *[200] * 5, *[204] * 3]
    assert {*in_order, endpoints.CREATE_TABLE} == set(ENDPOINTS)


def test_the_server_gives_the_document_and_a_page_of_it(document: dict[str, Any], server_url: str):
    connection = HTTPConnection(server_url.removeprefix("http://"))
    connection.request("GET", "/openapi.json")
    assert json.loads(connection.getresponse().read()) == document
    connection.request("GET", "/docs")
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("x-replay-protocol")) == (200, "1")
    assert b"/openapi.json" in reply.read()
    connection.close()
