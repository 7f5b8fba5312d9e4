"""Changes of inputs that know what they are: requests, whose bodies are trees.

Bytes changed blindly seldom remain a document. These take, change and move whole values, and give
arrays another dtype or shape with data to match, so that what lies behind the decoder is reached.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

import msgpack
import numpy as np

from replay_wire.arrays import DTYPES
from tests.fuzz.requests import JSON_FLAG, Request, pack, parse, unpacked
from tests.fuzz.tables import SPECS

NUMBERS: Final = (
    *(0, 1, -1, 2, 3, 4, 7, 8, 9, 12, 13, 64, 65, 127, 255, 256, 2**31, 2**32, 2**53 - 1, 2**53),
    *(2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0.0, -0.0, 0.5, 1e-320, 1e300, 1.7e308, -1.0, 1e19),
)
WORDS: Final = (
    *("kind", "row", "transition", "sequence", "prioritized", "uniform", "fifo", "lifo"),
    *("min_heap", "max_heap", "min_size", "sample_to_insert_ratio", "queue", "size", "alpha"),
    *("beta", "stratified", "replacement", "normalize", "batch", "table", "n_step", "discount"),
    *("frame_stack", "length", "period", "pad", "columns", "observation", "observation/x", "x"),
    *("action", "reward", "is_first", "is_last", "is_terminal", "mask", "rows", "keys"),
    *("priorities", "streams", "writer", "id", "sequence", "timeout", "batch_size", "batches"),
    *("layout", "indexed", "stacked", "update", "after", "limit", "order", "key", "priority"),
    *("dtype", "shape", "data", "capacity", "remover", "rate_limiter", "max_times_sampled"),
    *("seed", "items", "sampler", "samples_per_insert", "error_buffer", "compression", "zstd"),
    *("targets", "highest", "seen", "left", "smallest", "inserts", "ids", "cluster_capacity"),
    *DTYPES, *SPECS, "", "\0", "\ud7ff", "x" * 65,
)  # fmt: skip
SHAPES: Final = (
    *([], [0], [1], [2], [3], [9], [13], [1, 2], [3, 2], [0, 2], [2, 0]),
    *([2**62, 2**62], [0, 2**62, 4], [2**40, 0], [1, 2**40, 0]),
)
TOKENS: Final = (
    *(b"newer_than=", b"wait=", b"&", b"\n", b"0", b"1", b"2", b"0.5", b"1e9", b"-1", b"nan", b","),
    *(b'"1"', b'"2"', b'W/"1"', b"*", b'"', b"%", b"%00", b"=", b";", b"\xff", b"x" * 65),
)
Path = tuple[Any, ...]


class Mutator:
    """Makes inputs of inputs."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        """Take requests from `seeds`."""
        self._requests = [request for seed in seeds for request in parse(seed)]

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """Return an input that is like `data`, of at most `most` bytes."""
        rng = random.Random(seed)
        requests = parse(data)
        if not requests or rng.random() < 0.1:
            return _blind(data, rng)[:most]
        place = rng.randrange(len(requests))
        request, roll = requests[place], rng.random()
        if roll < 0.12:
            requests.insert(rng.randrange(len(requests) + 1), rng.choice(self._requests))
        elif roll < 0.17 and len(requests) > 1:
            del requests[place]
        elif roll < 0.3:
            field = rng.choice(("endpoint_byte", "name_byte", "flags"))
            requests[place] = replace(request, **{field: rng.randrange(256)})
        elif roll < 0.4:
            requests[place] = replace(request, body=_blind(request.body, rng))
        else:
            requests[place] = self._grown(request, rng)
        return pack(one for one in requests[-3:] if len(one.body) < 1 << 16)[:most]

    def _grown(self, request: Request, rng: random.Random) -> Request:
        """Return a request with another document."""
        try:
            document = unpacked(request)
        except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException):
            if rng.random() < 0.3:
                return rng.choice(self._requests)
            return replace(request, body=_spelt(request.body, rng))
        try:
            if rng.random() < 0.05:
                document = _in_lists(document)
                request = replace(request, flags=request.flags & ~3 | JSON_FLAG)
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                document = _changed(document, rng)
            if request.is_json and rng.random() < 0.9:
                body = json.dumps(document, default=lambda raw: list(raw[:64])).encode()
                return replace(request, body=body)
            flags = request.flags & ~3 if request.flags & 3 == JSON_FLAG else request.flags
            return replace(request, flags=flags, body=msgpack.packb(document))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return request


def _blind(data: bytes, rng: random.Random) -> bytes:
    """Return bytes of which some were changed, cut out or put in."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randint(0, len(changed))
        changed[start : start + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 4))
    return bytes(changed)


def _spelt(body: bytes, rng: random.Random) -> bytes:
    """Return another text, such as a query, by words of it."""
    start = rng.randint(0, len(body))
    end = start + rng.choice((0, 0, 0, 1, 4, len(body)))
    return body[:start] + rng.choice(TOKENS) + body[end:]


def _in_lists(node: Any) -> Any:
    """Return a document whose arrays are nested lists, as JSON has them."""
    if _is_array(node):
        try:
            elements = np.frombuffer(node["data"], DTYPES[node["dtype"]])
            if prod(length or 1 for length in node["shape"]) > 256:
                return node
            return {**node, "data": elements.reshape(node["shape"]).tolist()}
        except (TypeError, ValueError, KeyError):
            return node
    if isinstance(node, dict):
        return {key: _in_lists(value) for key, value in node.items()}
    return [_in_lists(value) for value in node] if isinstance(node, list) else node


def _changed(document: Any, rng: random.Random) -> Any:
    """Return a document with one change somewhere."""
    paths = list(_paths(document, ()))
    path = rng.choice(paths)
    node = _at(document, path)
    if _is_array(node):
        return _put(document, path, _array(node, rng))
    roll = rng.random()
    if isinstance(node, dict) and node and roll < 0.6:
        changed = dict(node)
        key = rng.choice(list(changed))
        value = changed.pop(key)
        if roll > 0.15:
            changed[rng.choice(WORDS) if roll < 0.4 else key] = value
        if roll > 0.3:
            changed[rng.choice(WORDS)] = _at(document, rng.choice(paths))
        return _put(document, path, changed)
    if isinstance(node, list) and roll < 0.6:
        return _put(document, path, node[1:] if roll < 0.3 else [*node, *node[:2]])
    if isinstance(node, int | float) and roll < 0.5:
        return _put(document, path, rng.choice(NUMBERS))
    if roll < 0.8:
        return _put(document, path, _scalar(rng))
    return _put(document, path, _at(document, rng.choice(paths)))


def _scalar(rng: random.Random) -> Any:
    return rng.choice((rng.choice(NUMBERS), rng.choice(WORDS), None, True, False, {}, [], 1))


def _is_array(node: Any) -> bool:
    return isinstance(node, dict) and "dtype" in node and "data" in node


def _array(node: dict[Any, Any], rng: random.Random) -> dict[Any, Any]:
    """Return another ARRAY, most often one that is true to itself."""
    roll = rng.random()
    if roll < 0.25:
        return {**node, rng.choice(("dtype", "shape", "data", "pad")): _scalar(rng)}
    dtype = rng.choice(list(DTYPES)) if roll < 0.5 else node["dtype"]
    shape = rng.choice(SHAPES) if rng.random() < 0.5 else node.get("shape")
    try:
        size = prod(shape)
        if not 0 <= size <= 256:
            return {**node, "dtype": dtype, "shape": shape}
        wild = (0, 1, 2, 3, 2**40, -1, np.nan, np.inf, 1e300, 1e-310, 0.5)
        values = wild if rng.random() < 0.3 else (0, 1)
        with np.errstate(all="ignore"):
            data = np.array([rng.choice(values) for _ in range(size)]).astype(DTYPES[dtype])
    except (TypeError, ValueError, KeyError):
        return {**node, "dtype": dtype, "shape": shape}
    told: Any = data.tobytes()
    if isinstance(node["data"], list) and prod(length or 1 for length in shape) <= 256:
        told = data.reshape(shape).tolist()
        if len(shape) == 1 and rng.random() < 0.3:  # what the dtype may have no room for
            told = [rng.choice(NUMBERS) for _ in range(size)]
    return {"dtype": dtype, "shape": shape, "data": told}


def _paths(node: Any, path: Path) -> list[Path]:
    """Return the paths to every value of a document; arrays are values."""
    found = [path]
    if isinstance(node, dict) and not _is_array(node):
        children = list(node.items())
    else:
        children = list(enumerate(node)) if isinstance(node, list) else []
    for key, child in children[:64]:
        found += _paths(child, (*path, key))
    return found


def _at(node: Any, path: Path) -> Any:
    for key in path:
        node = node[key]
    return node


def _put(node: Any, path: Path, value: Any) -> Any:
    """Return a document with another value at a path; what is not on the way is shared."""
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _put(node[path[0]], path[1:], value)
    return copy
