"""How often programs came to each kind of request, as Markdown: what is rare should be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.twin.programs import VERBS

Hits = Counter[str]

LAYOUTS = ("row stacked", "transition stacked", "transition indexed", "sequence stacked",
           "sequence indexed")  # fmt: skip
SAMPLERS = ("prioritized", "uniform", "fifo", "lifo", "min_heap", "max_heap")
REMOVERS = ("fifo", "lifo", "uniform", "min_heap", "max_heap")
LIMITERS = ("min_size", "sample_to_insert_ratio", "queue")
WAYS = [
    *(
        f"{sampler} {way}"
        for sampler in SAMPLERS[:2]
        for way in ("with stratified", "with", "without", "with limited", "without limited")
    ),
    *(f"{sampler}{limited}" for sampler in SAMPLERS[2:] for limited in ("", " limited")),
]
WANTED = [
    *(f"sample: {layout} of {way} -> ok" for layout in LAYOUTS for way in WAYS),
    *(f"insert: remover {remover} full -> ok" for remover in REMOVERS),
    *(f"{verb}: limiter {limiter} -> ok" for limiter in LIMITERS for verb in ("insert", "sample")),
    *(f"sample: limiter {limiter} -> rate_limited" for limiter in LIMITERS),
    *(f"insert: limiter {limiter} -> rate_limited" for limiter in LIMITERS[1:]),
    *(f"patch: rate_limiter {limiter} -> ok" for limiter in LIMITERS),
    *(f"patch: sampler {sampler} -> ok" for sampler in SAMPLERS),
    *(f"patch: lets items go {spent} -> ok" for spent in (True, False)),
    *(f"delete: items {items} -> ok" for items in ("row", "transition", "sequence")),
    *(f"mixed: a table twice {twice} -> {end}" for twice in (True, False)
      for end in ("ok", "rate_limited", "nothing_to_draw")),
    *(f"insert: writer {writer} -> ok" for writer in ("duplicate", "next", "gap", "None")),
    "insert: writer older -> stale_sequence", "insert: fault None -> bad_priority",
    "sample -> nothing_to_draw", "update: a key twice True -> ok", "update: stale True -> ok",
    "scan: priority -> ok", "scan: key -> ok", "reset -> ok", "drop -> ok",
    "put: made -> ok", "put: now -> ok", "put: other -> table_exists",
]  # fmt: skip
"""What thousands of programs should all have come to."""


def missing(hits: Hits, least: int = 1) -> list[str]:
    """What was hit less often than `least` times."""
    return [what for what in WANTED if hits[what] < least]


def markdown(hits: Hits) -> str:
    """The record."""
    totals = ("programs", "requests", "rows inserted", "items drawn", "tables wrapped around")
    lines = [", ".join(f"{hits[name]:,} {name}" for name in totals) + ".", ""]
    lines += _table("verb", ["done", "refused"], [(verb, _ends(hits, verb)) for verb in VERBS])
    lines += ["", "Draws that were made, by items and layout:", ""]
    lines += _table(
        "sampler",
        LAYOUTS,
        [(way, [hits[f"sample: {each} of {way} -> ok"] for each in LAYOUTS]) for way in WAYS],
    )
    rest = [what for what in WANTED if " of " not in what]
    lines += ["", "The rest of what is wanted:", ""]
    lines += _table("what", ["times"], [(what, [hits[what]]) for what in rest])
    return "\n".join(lines)


def _ends(hits: Hits, verb: str) -> list[int]:
    """How often a verb was done, and refused."""
    every = {what: n for what, n in hits.items() if what.startswith(f"{verb} -> ")}
    done = every.pop(f"{verb} -> ok", 0)
    return [done, sum(every.values())]


def _table(head: str, columns: Iterable[str], rows: Iterable[tuple[str, list[int]]]) -> list[str]:
    names = [head, *columns]
    lines = [" | ".join(["", *names, ""]).strip(), "|" + " --- |" * len(names)]
    return lines + [
        f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |"
        for name, numbers in rows
    ]
