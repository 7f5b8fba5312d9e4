"""Specs as docs/protocol.md, section 3, has them: defaults, PATCH, and what can't be kept."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

_WEIGHING = {"beta": 0.4, "stratified": True, "replacement": True, "normalize": "batch"}
_DEFAULTS: dict[str, dict[str, Spec]] = {
    "items": {
        "row": {},
        "transition": {"n_step": 1, "discount": 0.99, "frame_stack": 1},
        "sequence": {"pad": True},
    },
    "sampler": {
        "prioritized": {"alpha": 0.6, **_WEIGHING},
        "uniform": _WEIGHING,
        "fifo": {},
        "lifo": {},
        "min_heap": {},
        "max_heap": {},
    },
    "remover": {"fifo": {}, "lifo": {}, "uniform": {}, "min_heap": {}, "max_heap": {}},
    "rate_limiter": {"min_size": {"min_size": 1}, "sample_to_insert_ratio": {}, "queue": {}},
}
_QUEUE: Spec = {"sampler": {"kind": "fifo"}, "max_times_sampled": 1}
_DEFAULT_KINDS = {
    "items": "row",
    "sampler": "prioritized",
    "remover": "fifo",
    "rate_limiter": "min_size",
}


def complete(spec: Spec) -> Spec:
    """A spec with every default filled in."""
    implied: Spec = {"max_times_sampled": 0}
    if spec.get("rate_limiter", {}).get("kind") == "queue":
        implied = _QUEUE
    full = {"seed": None, **implied, **spec}
    for name, kind in _DEFAULT_KINDS.items():
        given = {"kind": kind, **full.get(name, {})}
        full[name] = {**_DEFAULTS[name][given["kind"]], **given}
    if full["items"]["kind"] == "sequence":
        full["items"].setdefault("period", full["items"]["length"])
    return full


def patched(spec: Spec, change: Spec) -> Spec:
    """What a complete spec becomes: merged key by key, a changed kind replaces the object."""
    new = dict(spec)
    for name, value in change.items():
        if isinstance(value, dict) and value.get("kind", spec[name]["kind"]) == spec[name]["kind"]:
            new[name] = {**spec[name], **value}
        else:
            new[name] = value
    if change.get("rate_limiter", {}).get("kind") == "queue":
        implied = {name: change.get(name, value) for name, value in _QUEUE.items()}
        new = {**new, **implied}
    return complete(new)


def is_infeasible(spec: Spec) -> bool:
    """Whether no table could keep a complete spec, as far as programs ask for such ones."""
    limiter, capacity, is_rows = spec["rate_limiter"], spec["capacity"], is_of_rows(spec)
    if limiter["kind"] == "queue":
        bent = spec["sampler"]["kind"] != "fifo" or spec["max_times_sampled"] != 1
        return bent or not is_rows or limiter["size"] > capacity
    if limiter["min_size"] > capacity:
        return True
    if limiter["kind"] == "sample_to_insert_ratio":
        return bool(limiter["error_buffer"] < max(1, limiter["samples_per_insert"]))
    return not is_rows and spec["remover"]["kind"] != "fifo"


def is_of_rows(spec: Spec) -> bool:
    return bool(spec["items"]["kind"] == "row")
