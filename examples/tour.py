"""A tour of a replay server by plain HTTP, for whoever has read docs/protocol.md and nothing else.

    replay-server serve --port 8000 &
    python examples/tour.py http://127.0.0.1:8000

Each step says what it expects before it asks. The first answer that is another one ends the tour
with exit code 1.
"""

import math
import secrets
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgpack
import numpy as np

MSGPACK = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
TABLE = f"tour-{secrets.token_hex(4)}"  # keys of a name that was used before would not begin at 0
PATH = f"/v1/tables/{TABLE}"


class Tour:
    """Asks, compares with what was predicted, and tells both."""

    def __init__(self, url: str) -> None:
        """Get ready to ask the server at a URL."""
        self.http = httpx.Client(base_url=url, timeout=30)
        self.steps = 0

    def chapter(self, title: str) -> None:
        """Begin a part of the tour."""
        print(f"\n== {title}")

    def ask(
        self,
        why: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int,
        predict: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = MSGPACK,
    ) -> None:
        """Make a request and compare its answer with the status and the members predicted."""
        self.steps += 1
        print(f"\n{self.steps}. {why}\n   {method} {path}\n   expected {status} {predict or ''}")
        content = body if isinstance(body, bytes) else packed(body, headers)
        reply = self.http.request(method, path, content=content, headers=dict(headers))
        document = read(reply)
        came = {name: document.get(name) for name in predict or {}}
        print(f"   came     {reply.status_code} {came or ''}")
        as_told = reply.status_code == status and same(dict(predict or {}), came)
        if not as_told or reply.headers.get("x-replay-protocol") != "1":
            print(f"\nNOT AS PREDICTED; the whole answer is {reply.status_code} {document}")
            sys.exit(1)


@dataclass(frozen=True)
class Above:
    """A prediction: any number above this one."""

    number: int


def array(dtype: str, values: Any) -> dict[str, Any]:
    """Return an ARRAY (section 2): dtype, shape and the bytes."""
    elements = np.asarray(values, dtype)
    return {"dtype": dtype, "shape": list(elements.shape), "data": elements.tobytes()}


def packed(body: Any, headers: Mapping[str, str]) -> bytes | None:
    """Return a body in the form that its headers say."""
    if body is None:
        return None
    if headers is JSON:
        return httpx.Request("POST", "http://x", json=body).content
    packed_body: bytes = msgpack.packb(body)
    return packed_body


def read(reply: httpx.Response) -> dict[str, Any]:
    """Return an answer's document with its arrays as lists."""
    if not reply.content:
        return {}
    if reply.headers["content-type"] == "application/msgpack":
        return {name: plain(value) for name, value in msgpack.unpackb(reply.content).items()}
    return {name: plain(value) for name, value in reply.json().items()}


def plain(value: Any) -> Any:
    """Return a value with its arrays as lists."""
    if isinstance(value, dict) and "dtype" in value and isinstance(value.get("data"), bytes):
        return np.frombuffer(value["data"], value["dtype"]).reshape(value["shape"]).tolist()
    if isinstance(value, dict):
        return {name: plain(element) for name, element in value.items()}
    return value


def same(predicted: Any, came: Any) -> bool:
    """Return whether all that was predicted came; a map may hold more."""
    if isinstance(predicted, dict):
        return isinstance(came, dict) and all(same(v, came.get(k)) for k, v in predicted.items())
    if isinstance(predicted, list):
        return (
            isinstance(came, list)
            and len(predicted) == len(came)
            and all(map(same, predicted, came))
        )
    if isinstance(predicted, Above):
        return isinstance(came, int) and came > predicted.number
    if isinstance(predicted, float) and isinstance(came, int | float):
        return math.isclose(predicted, came, rel_tol=1e-6)
    return bool(predicted == came)


def rows(numbers: list[int], **more: Any) -> dict[str, Any]:
    """Return the body of an insert: observations of two numbers, and an action."""
    columns = {
        "observation": array("<f4", [[number, number + 0.5] for number in numbers]),
        "action": array("<i8", numbers),
    }
    return {"columns": columns, **more}


def update(keys: list[int], priorities: list[float]) -> dict[str, Any]:
    """Return the body of an update of priorities."""
    return {"keys": array("<i8", keys), "priorities": array("<f8", priorities)}


def take_the_tour(url: str) -> None:
    """Ask everything there is, in an order that reads well."""
    tour = Tour(url)
    ask = tour.ask
    # A step reads as a sentence, not as a column of arguments.
    # fmt: off

    tour.chapter("Is anybody there?")
    ask("The process lives.", "GET", "/healthz", status=200, predict={"status": "ok"})
    ask("It serves.", "GET", "/readyz", status=200, predict={"status": "ok"})
    ask("It speaks version 1.", "GET", "/v1/info", status=200, predict={"protocol": 1})

    tour.chapter("A table")
    spec = {
        "capacity": 4,
        "sampler": {"kind": "prioritized", "alpha": 1.0, "beta": 1.0},
        "rate_limiter": {"kind": "min_size", "min_size": 2},
    }
    ask("Nothing stands under the name yet.", "GET", PATH, status=404,
        predict={"code": "unknown_table", "table": TABLE})
    ask("Make it: 201, with defaults filled in.", "PUT", PATH, spec, status=201,
        predict={"name": TABLE, "spec": {"remover": {"kind": "fifo"}, "seed": None}})
    ask("Again, in JSON: the same spec, so 200.", "PUT", PATH, spec, status=200, headers=JSON,
        predict={"stats": {"size": 0, "max_priority": 1.0}})
    ask("Another spec under the name is refused.", "PUT", PATH, {**spec, "capacity": 5},
        status=409, predict={"code": "table_exists"})
    ask("A typo does not pass.", "PUT", PATH, {**spec, "capcity": 4}, status=422,
        predict={"code": "invalid_request", "field": "capcity"})
    ask("More memory than there is, is refused at once.", "PUT", f"{PATH}-huge",
        {"capacity": 2**50}, status=413, predict={"code": "too_large"})

    tour.chapter("Rows in")
    ask("Too few items to draw: two are needed.", "POST", f"{PATH}/sample", {"batch_size": 1},
        status=429, predict={"code": "rate_limited", "missing": "2 more inserts"})
    ask("The first insert fixes the columns; keys count from 0.", "POST", f"{PATH}/insert",
        rows([10, 11], priorities=array("<f4", [1, 3])), status=200,
        predict={"keys": [0, 1], "duplicate": False})
    ask("Other columns are refused.", "POST", f"{PATH}/insert",
        {"columns": {"observation": array("<f4", [[0, 0]]), "action": array("<f4", [0])}},
        status=422, predict={"code": "schema_mismatch", "column": "action"})
    ask("So is a negative priority.", "POST", f"{PATH}/insert",
        rows([12], priorities=array("<f4", [-1])), status=422, predict={"code": "bad_priority"})
    ask("And more rows than the table holds.", "POST", f"{PATH}/insert", rows([0] * 5),
        status=422, predict={"code": "invalid_request", "field": "columns"})

    tour.chapter("Batches out")
    # Masses 1 and 3 of 4: of four equal parts of the mass, the first is row 0, the others row 1.
    ask("A stratified batch of four, weighted by (N P)^-1.", "POST", f"{PATH}/sample",
        {"batch_size": 4}, status=200,
        predict={"keys": [0, 1, 1, 1], "probabilities": [0.25, 0.75, 0.75, 0.75],
                 "weights": [1.0, 1 / 3, 1 / 3, 1 / 3], "priorities": [1.0, 3.0, 3.0, 3.0],
                 "times_sampled": [1, 1, 2, 3], "ages": [1, 0, 0, 0],
                 "columns": {"action": [10, 11, 11, 11]}, "size": 2, "updated": 0, "stale": 0})
    ask("Three batches of one, of the action only.", "POST", f"{PATH}/sample", {"batch_size": 1,
        "batches": 3, "columns": ["action"], "update": update([0], [0.0])}, status=200,
        predict={"keys": [[1], [1], [1]], "updated": 1, "columns": {"action": [[11], [11], [11]]}})
    ask("More at once than the server gives.", "POST", f"{PATH}/sample", {"batch_size": 2**40},
        status=413, predict={"code": "too_large"})
    ask("A batch of none is none.", "POST", f"{PATH}/sample", {"batch_size": 0}, status=422,
        predict={"code": "invalid_request", "field": "batch_size"})

    tour.chapter("Priorities")
    ask("Of a key given twice the last wins; unknown ones are stale.", "POST",
        f"{PATH}/update-priorities", update([0, 0, 77], [9.0, 5.0, 1.0]), status=200,
        predict={"updated": 2, "stale": 1})
    ask("The highest so far is 5, not 9.", "GET", PATH, status=200,
        predict={"stats": {"max_priority": 5.0, "priority_sum": 8.0, "size": 2}})
    ask("A new row without a priority gets it.", "POST", f"{PATH}/insert", rows([12]), status=200,
        predict={"keys": [2]})
    ask("With no mass anywhere there is nothing to draw, and the update is taken back.", "POST",
        f"{PATH}/sample", {"batch_size": 1, "update": update([0, 1, 2], [0.0, 0.0, 0.0])},
        status=409, predict={"code": "nothing_to_draw"})

    tour.chapter("Exactly once")
    stamp = {"id": "actor-7", "sequence": 12}
    ask("Two rows with a stamp; the oldest row goes.", "POST", f"{PATH}/insert",
        rows([13, 14], writer=stamp), status=200, predict={"keys": [3, 4], "duplicate": False})
    ask("Sent again, it is not done again.", "POST", f"{PATH}/insert",
        rows([13, 14], writer=stamp), status=200, predict={"keys": [3, 4], "duplicate": True})
    ask("An older one is refused.", "POST", f"{PATH}/insert",
        rows([13], writer={"id": "actor-7", "sequence": 11}), status=409,
        predict={"code": "stale_sequence", "last": 12})

    tour.chapter("Looking and tidying")
    ask("The rows by key, two a page.", "POST", f"{PATH}/scan", {"limit": 2}, status=200,
        predict={"keys": [1, 2], "priorities": [3.0, 5.0], "more": True})
    ask("The next page, in plain JSON.", "POST", f"{PATH}/scan", {"after": 2, "limit": 2},
        status=200, headers=JSON, predict={"keys": {"dtype": "<i8", "shape": [2], "data": [3, 4]},
        "more": False})
    ask("The highest priority of all.", "POST", f"{PATH}/scan", {"limit": 1, "order": "priority"},
        status=200, predict={"keys": [2], "columns": {"observation": [[12.0, 12.5]]}})
    ask("Delete two rows, of which one is gone already.", "POST", f"{PATH}/delete",
        {"keys": array("<i8", [0, 1])}, status=200, predict={"deleted": 1, "stale": 1})
    ask("Empty the table.", "POST", f"{PATH}/reset", status=200)
    ask("Totals stay, and the highest priority is 1 again.", "GET", PATH, status=200,
        predict={"stats": {"size": 0, "inserted_total": 5, "sampled_total": 7,
        "max_priority": 1.0}})

    tour.chapter("Waiting")
    ask("A draw may wait; a tenth of a second is not enough.", "POST", f"{PATH}/sample",
        {"batch_size": 1, "timeout": 0.1}, status=429, predict={"code": "rate_limited"})
    late = threading.Timer(
        0.3,
        httpx.post,
        (f"{url}{PATH}/insert",),
        {"content": msgpack.packb(rows([15, 16])), "headers": MSGPACK},
    )
    late.start()
    ask("This one is served once somebody has inserted; keys went on.", "POST", f"{PATH}/sample",
        {"batch_size": 2, "timeout": 20.0}, status=200, predict={"keys": [5, 6], "size": 2})
    late.join()

    tour.chapter("What is wrong with a request is told")
    ask("Not a document.", "POST", f"{PATH}/sample", b"\xc1", status=400,
        predict={"code": "malformed"})
    ask("A form that the server does not read.", "POST", f"{PATH}/sample", b"batch_size=1",
        status=415, headers={"Content-Type": "text/plain"},
        predict={"code": "unsupported_media_type"})
    ask("A name that is none.", "GET", "/v1/tables/-", status=422,
        predict={"code": "invalid_request", "field": "table"})
    ask("A path that is none.", "GET", "/v1/nothing", status=404, predict={"code": "not_found"})
    ask("A method that is none.", "DELETE", "/v1/info", status=405,
        predict={"code": "method_not_allowed"})

    tour.chapter("Leaving")
    ask("Drop the table.", "DELETE", PATH, status=204)
    ask("It is gone.", "POST", f"{PATH}/sample", {"batch_size": 1}, status=404,
        predict={"code": "unknown_table"})
    ask("Make it again under its name.", "PUT", PATH, spec, status=201)
    ask("It counts anew, but for its keys, which go on above the highest ever issued.", "POST",
        f"{PATH}/insert", rows([17]), status=200, predict={"keys": [Above(6)]})
    ask("And drop it for good.", "DELETE", PATH, status=204)
    # fmt: on
    print(f"\nAll {tour.steps} answers were as predicted.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/tour.py http://127.0.0.1:8000")
    take_the_tour(sys.argv[1])
