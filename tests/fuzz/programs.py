"""Valid requests, which fuzzing begins with: in turn, and some that wait for each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from replay_server.api.examples import EXAMPLES
from replay_wire import endpoints
from replay_wire.arrays import Array
from replay_wire.codec import encode
from replay_wire.endpoints import Endpoint
from replay_wire.json_codec import decode_json
from tests.fuzz.requests import (
    ENDPOINTS,
    HANGS_UP_FLAG,
    JSON_FLAG,
    NAMES,
    PAGES,
    Request,
    in_json,
    pack,
)
from tests.fuzz.tables import SPECS, STEPS, steps


def _request(endpoint: Endpoint, name: str, document: Any = None, flags: int = 0) -> Request:
    body = b"" if document is None else b"".join(encode(document))
    return Request(ENDPOINTS.index(endpoint), NAMES.index(name), flags, body)


def _documents(name: str) -> Iterator[tuple[Endpoint, Any]]:
    """Return requests that the table `name` takes."""
    keys = Array.from_numpy(np.array([0, 1, 2**40], np.int64))
    priorities = Array.from_numpy(np.array([0.0, 1.5, 3.0]))
    update = {"keys": keys, "priorities": priorities}
    if name in STEPS:
        columns = {key: Array.from_numpy(value) for key, value in steps(3, 0).items()}
        streams = {"streams": Array.from_numpy(np.zeros(3, np.int64))}
    else:
        observations = Array.from_numpy(np.ones((3, 2), np.float32))
        columns, streams = {"x": observations, "a": Array.from_numpy(np.arange(3))}, {}
    yield endpoints.INSERT, {"columns": columns, "priorities": priorities, **streams}
    yield endpoints.INSERT, {"columns": columns, "writer": {"id": "w", "sequence": 3}}
    yield endpoints.SAMPLE, {"batch_size": 2, "batches": 2, "update": update, "timeout": 0.001}
    yield endpoints.SAMPLE, {"batch_size": 3, "beta": 0.5, "normalize": "table"}
    if name in STEPS:
        yield endpoints.SAMPLE, {"batch_size": 2, "layout": "indexed", "columns": ["reward"]}
    yield endpoints.MIXED_SAMPLE, {"parts": [{"table": t, "batch_size": 2} for t in (name, "rows")]}
    yield endpoints.UPDATE_PRIORITIES, update
    yield endpoints.DELETE_ROWS, {"keys": keys}
    yield endpoints.SCAN, {"after": 0, "limit": 2, "order": "priority"}
    yield endpoints.CHANGE_TABLE, {"sampler": {"kind": "prioritized", "alpha": 1.0}}
    yield endpoints.CHANGE_TABLE, {"rate_limiter": {"kind": "min_size", "min_size": 2}}
    yield endpoints.CHANGE_TABLE, {"max_times_sampled": 1}
    yield endpoints.CREATE_TABLE, SPECS[name]
    yield from _documents_of_shards(columns, update)


def _documents_of_shards(
    columns: dict[str, Array], update: dict[str, Array]
) -> Iterator[tuple[Endpoint, Any]]:
    """Return what the parts of a cluster ask of a table."""
    targets = Array.from_numpy(np.array([0.0, 0.4, 0.99]))
    stamped = {"columns": columns, "writer": {"id": "v", "sequence": 3}}
    gossip = {"highest": 8.0, "seen": 1.0}
    yield endpoints.SHARD_INSERT, {"rows": stamped, "left": [1, 2], **gossip}
    yield endpoints.SHARD_INSERT, {"rows": {"columns": columns}, **gossip}
    yield endpoints.SHARD_DRAW, {"targets": targets, "update": update, "smallest": True, **gossip}
    yield endpoints.SHARD_DRAW, {"targets": targets, "layout": "indexed", "columns": ["reward"]}
    yield endpoints.SHARD_WRITERS, {"ids": ["w", "v", "nobody"], "left": 1}
    yield endpoints.SHARD_RETRACT, {"inserts": {"w": 2, "v": 3}}


def _of_parameters() -> Iterator[list[Request]]:
    """Give requests of parameters."""
    put = replace(_request(endpoints.PUT_PARAMETERS, "rows"), body=b"weights")
    get = _request(endpoints.GET_PARAMETERS, "rows")
    yield [put]
    yield [put, replace(get, body=b'newer_than=1&wait=0.5\n"1", W/"2"'), get]
    yield [replace(get, body=b"newer_than=1&wait=0.5")]
    yield [replace(get, body=b'\n"1"')]
    yield [_request(endpoints.DELETE_PARAMETERS, "rows"), put]
    yield [_request(endpoints.LIST_PARAMETERS, "rows")]


def _of_people() -> Iterator[list[Request]]:
    """Give requests of those who watch: they ask again after a while, and about what waits."""
    for name in SPECS:
        hungry = {"rate_limiter": {"kind": "min_size", "min_size": 4}}
        starved = _request(endpoints.SAMPLE, name, {"batch_size": 3, "timeout": 1})
        for asked in (endpoints.ACTIVITY, endpoints.TABLE_ACTIVITY, endpoints.METRICS):
            look = _request(asked, name)
            yield [look, starved, look]
            yield [_request(endpoints.CHANGE_TABLE, name, hungry), starved, look]
    for page in PAGES.values():
        yield [_request(page, "page.css", None, 0x80)]


def valid_programs() -> list[list[Request]]:
    """Return requests that a server takes: the examples of the OpenAPI document, and one of each.

    Those of messages are there in both forms.
    """
    programs = [*_of_parameters(), *_of_people()]
    for endpoint in ENDPOINTS:
        if "/parameters" in endpoint.path:
            continue
        if endpoint.request is None:
            programs.append([_request(endpoint, "rows")])
            continue
        example = json.dumps(EXAMPLES[endpoint.request]).encode()
        as_json = replace(_request(endpoint, "new", None, JSON_FLAG), body=example)
        message = decode_json(example, endpoint.request)
        document = message.document() if hasattr(message, "document") else message
        programs += [[as_json], [_request(endpoint, "new", document)]]
    for name in SPECS:
        every = [_request(endpoint, name, body) for endpoint, body in _documents(name)]
        programs += [[one] for one in every]
        programs += [[in_json(one)] for one in every]
        programs += [every[start : start + 3] for start in range(0, len(every), 3)]
    gzipped, zstd = (_request(endpoints.DESCRIBE_TABLE, "rows", {}, flags) for flags in (4, 8))
    programs += [[gzipped, replace(zstd, endpoint_byte=ENDPOINTS.index(endpoints.CREATE_TABLE))]]
    return programs


def valid_inputs() -> list[bytes]:
    """Return `valid_programs` as inputs."""
    return [pack(requests) for requests in valid_programs()]


def waiting_programs() -> list[list[Request]]:
    """Return requests to be sent at once, of which some wait for what others do."""
    programs = list(_of_parameters())
    for name in SPECS:
        of = dict(reversed([*_documents(name)]))
        insert = _request(endpoints.INSERT, name, {**of[endpoints.INSERT], "timeout": 1})
        sample = _request(endpoints.SAMPLE, name, {"batch_size": 3, "timeout": 1})
        parts = [{"table": t, "batch_size": 2, "timeout": 1} for t in (name, "rows")]
        more = {"rate_limiter": {"kind": "min_size", "min_size": 4}}
        change = _request(endpoints.CHANGE_TABLE, name, more)
        share = _request(endpoints.SHARD_DRAW, name, of[endpoints.SHARD_DRAW])
        part = _request(endpoints.SHARD_INSERT, name, of[endpoints.SHARD_INSERT])
        enders = (endpoints.RESET_TABLE, endpoints.DROP_TABLE)
        watched = (endpoints.ACTIVITY, endpoints.TABLE_ACTIVITY, endpoints.METRICS)
        programs += [
            [change, sample, insert],
            [sample, sample, insert],
            [insert, insert, sample],
            [change, sample, part],
            [part, share, share],
            [share, part, replace(share, flags=HANGS_UP_FLAG)],
            [change, _request(endpoints.MIXED_SAMPLE, name, {"parts": parts}), insert],
            [change, replace(sample, flags=HANGS_UP_FLAG), insert],
            *([change, sample, _request(ender, name)] for ender in enders),
            *([change, sample, _request(asked, name)] for asked in watched),
        ]
    return programs


def waiting_inputs() -> list[bytes]:
    """Return `waiting_programs` as inputs."""
    return [pack(requests) for requests in waiting_programs()]
