"""A program run against an end, request by request, beside the twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.peer import array
from tests.twin import draws
from tests.twin.ends import End
from tests.twin.programs import Program, Request
from tests.twin.record import Hits
from tests.twin.rows import value_of
from tests.twin.specs import is_of_rows
from tests.twin.table import TwinTable

NAMES = ("one", "two")


class Run:
    """One program against one end."""

    def __init__(self, program: Program, end: End, most_writers: int, hits: Hits) -> None:
        self.program, self.end, self.most_writers, self.hits = program, end, most_writers, hits
        self.tables = [self._make(table, set()) for table in range(2)]
        self.number = 0  # of rows made so far

    def _make(self, table: int, issued: set[int]) -> TwinTable:
        spec = self.program.specs[table]
        answer = self.end.send("put", NAMES[table], spec)
        assert answer.get("is_new") is True, answer
        return TwinTable(spec, issued, self.most_writers)

    def run(self) -> None:
        for request in self.program.requests:
            self.step(request)
        for table in range(2):
            self._look(table)

    def step(self, request: Request) -> None:
        """Send a request, check its answer and then all that can be read of its table."""
        getattr(self, f"_{request.verb}")(request.table, request.arguments)
        self._look(request.table)
        self.hits["requests"] += 1

    def _look(self, table: int) -> None:
        name, twin = NAMES[table], self.tables[table]
        twin.check_document(self.end.send("get", name, None))
        everything = {"after": -1, "limit": 4096, "order": "key", "columns": None}
        twin.scan(everything, self.end.send("scan", name, everything))

    def _hit(self, table: int, verb: str, answer: dict[str, Any], *facts: Any) -> None:
        for what in (verb, *(f"{verb}: {fact}" for fact in facts)):
            self.hits[f"{what} -> {answer.get('code', 'ok')}"] += 1

    # -- verbs ----------------------------------------------------------------------------------

    def _insert(self, table: int, asked: dict[str, Any]) -> None:
        twin = self.tables[table]
        request, document = self._insert_request(twin, table, asked)
        answer = self.end.send("insert", NAMES[table], document)
        scan = self.end.send("scan", NAMES[table], {"columns": []})
        spec = twin.spec
        was_wrapped, issued = twin.is_wrapped, len(twin.issued)
        twin.insert(request, answer, set(scan["keys"].tolist()))
        way = "duplicate" if answer.get("duplicate") else f"{asked['writer'] and asked['step']}"
        self._hit(
            table, "insert", answer, f"writer {way}", f"fault {request['fault']}",
            f"remover {spec['remover']['kind']}{' full' if was_wrapped else ''}",
            f"limiter {spec['rate_limiter']['kind']}", f"items {spec['items']['kind']}",
        )  # fmt: skip
        self.hits["rows inserted"] += len(twin.issued) - issued
        self.hits["tables wrapped around"] += twin.is_wrapped and not was_wrapped

    def _insert_request(
        self, twin: TwinTable, table: int, asked: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        columns = self.program.columns[table]
        rows = []
        for row in asked["rows"]:
            values = {
                name: value_of(name, column, self.number, row["reward"], row["flags"])
                for name, column in columns.items()
            }
            rows.append({"stream": row["stream"], "values": values})
            self.number += 1
        priorities = asked["priorities"]
        if priorities is not None:
            sent = np.array(priorities, asked["dtype"])
            priorities = sent.tolist()
        document: dict[str, Any] = {
            "columns": {
                name: array(
                    column["dtype"],
                    [row["values"][name] for row in rows],
                    [len(rows), *column["shape"]],
                )
                for name, column in columns.items()
            }
        }
        if priorities is not None:
            document["priorities"] = array(sent.dtype.str, sent)
        streams = [row["stream"] for row in rows]
        if not is_of_rows(twin.spec) and any(streams):
            document["streams"] = array("<i8", streams)
        writer = None
        if asked["writer"]:
            last = twin.writers.get(asked["writer"], (-1, []))[0]
            steps = {"next": 1, "gap": 4, "same": 0, "older": -1}
            writer = (asked["writer"], max(last + steps[asked["step"]], 0))
            document["writer"] = {"id": writer[0], "sequence": writer[1]}
        fault = self._spoil(twin, document, asked["fault"], len(rows))
        request = {"rows": rows, "priorities": priorities, "writer": writer, "fault": fault,
                   "columns": columns}  # fmt: skip
        return request, document

    def _spoil(
        self, twin: TwinTable, document: dict[str, Any], fault: str | None, rows: int
    ) -> str | None:
        """Put a fault into an insert and return the code that is due; None where it is none."""
        columns = document["columns"]
        name = min(columns)
        is_rows = is_of_rows(twin.spec)
        if fault == "missing" and "columns" in twin.spec:
            del columns[name]
            return "schema_mismatch" if columns else "invalid_request"
        if fault == "dtype" and "columns" in twin.spec:
            other = "<u4"
            columns[name] = array(other, np.zeros(columns[name]["shape"], other))
            return "schema_mismatch"
        if fault == "ragged" and len(columns) > 1:
            shape = [rows + 1, *columns[name]["shape"][1:]]
            columns[name] = array(columns[name]["dtype"], np.zeros(shape))
            return "schema_mismatch"
        if fault == "terminal" and not is_rows:
            columns["is_terminal"] = array("|b1", [True] * rows)
            columns["is_last"] = array("|b1", [False] * rows)
            return "invalid_request"
        return None

    def _sample_request(
        self, twin: TwinTable, asked: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        size = len(twin.items())
        sizes = {"all": size, "half": size // 2, "more": size + 1}
        wanted = asked["batch_size"]
        update = asked["update"]
        request = {
            **asked,
            "batch_size": max(sizes.get(wanted, wanted) if isinstance(wanted, str) else wanted, 1),
            "update": None if update is None else self._resolved(twin, update),
        }
        if "columns" not in twin.spec:
            request["columns"] = None
        document = {name: value for name, value in request.items() if value is not None}
        if update is not None:
            document["update"] = wired(request["update"])
        return request, document

    def _sample(self, table: int, asked: dict[str, Any]) -> None:
        twin = self.tables[table]
        request, document = self._sample_request(twin, asked)
        answer = self.end.send("sample", NAMES[table], document)
        twin.sample(request, answer)
        self._hit(table, "sample", answer, *self._kinds(twin, request))
        self.hits["items drawn"] += 0 if "code" in answer else answer["keys"].size

    def _kinds(self, twin: TwinTable, request: dict[str, Any]) -> list[str]:
        """What kind of draw this is, for the record."""
        spec = twin.spec
        sampler = spec["sampler"]
        way = sampler["kind"]
        if way in ("prioritized", "uniform"):
            limited = bool(spec["max_times_sampled"])
            plain = sampler["replacement"] and not limited
            way += " with" if sampler["replacement"] else " without"
            way += " stratified" if plain and sampler["stratified"] else ""
        if spec["max_times_sampled"]:
            way += " limited"
        kind = spec["items"]["kind"]
        return [
            way,
            f"{kind} {request['layout']} of {way}",
            f"limiter {spec['rate_limiter']['kind']}",
            f"remover {spec['remover']['kind']}",
            f"update {request['update'] is not None}",
            f"batches {request['batches'] > 1}",
            f"normalize {request['normalize'] or sampler.get('normalize')}",
        ]

    def _mixed(self, table: int, asked: dict[str, Any]) -> None:
        twins = [twin.copy() for twin in self.tables]
        asked_parts, parts = [], []
        for each, part in asked["parts"]:
            request, document = self._sample_request(self.tables[each], part)
            asked_parts.append((each, request))
            parts.append({**document, "table": NAMES[each]})
        answer = self.end.send("mixed", "", {"parts": parts})
        if "code" in answer:
            possible = refusals(twins, asked_parts)
            assert answer["code"] in possible, (answer["code"], possible)
        else:
            for (each, request), reply in zip(asked_parts, answer["parts"], strict=True):
                twins[each].sample(request, reply)
            self.tables = twins
        twice = len({each for each, _ in asked["parts"]}) < len(asked["parts"])
        self._hit(table, "mixed", answer, f"a table twice {twice}")

    def _update(self, table: int, asked: dict[str, Any]) -> None:
        pairs = self._resolved(self.tables[table], asked["pairs"])
        answer = self.end.send("update", NAMES[table], wired(pairs))
        self.tables[table].update({"pairs": pairs}, answer)
        twice = len({key for key, _ in pairs}) < len(pairs)
        self._hit(
            table, "update", answer, f"a key twice {twice}", f"stale {answer.get('stale', 0) > 0}"
        )

    def _delete(self, table: int, asked: dict[str, Any]) -> None:
        keys = [self._key(self.tables[table], place) for place in asked["keys"]]
        answer = self.end.send("delete", NAMES[table], {"keys": array("<i8", keys)})
        self.tables[table].delete({"keys": keys}, answer)
        kind = self.tables[table].spec["items"]["kind"]
        self._hit(table, "delete", answer, f"items {kind}", f"rows {answer['deleted'] > 0}")

    def _reset(self, table: int, asked: dict[str, Any]) -> None:
        answer = self.end.send("reset", NAMES[table], None)
        self.tables[table].reset(asked, answer)
        self._hit(table, "reset", answer)

    def _drop(self, table: int, asked: dict[str, Any]) -> None:
        answer = self.end.send("drop", NAMES[table], None)
        assert answer == {}
        self.tables[table] = self._make(table, self.tables[table].issued)
        self._hit(table, "drop", answer)

    def _patch(self, table: int, asked: dict[str, Any]) -> None:
        twin = self.tables[table]
        before = len(twin.items())
        answer = self.end.send("patch", NAMES[table], asked)
        twin.patch(asked, answer)
        spent = len(twin.items()) < before
        facts = [f"{name} {value.get('kind', 'as it is') if isinstance(value, dict) else value}"
                 for name, value in asked.items()]  # fmt: skip
        self._hit(table, "patch", answer, f"lets items go {spent}", *facts)

    def _put(self, table: int, asked: dict[str, Any]) -> None:
        twin = self.tables[table]
        spec = dict(twin.made if asked["as"] == "made" else twin.spec)
        if not asked["with_columns"]:
            spec.pop("columns", None)
        if asked["as"] == "other":
            spec["capacity"] += 1
        answer = self.end.send("put", NAMES[table], spec)
        if asked["as"] == "other":
            assert answer.get("code") == "table_exists"
        else:
            assert answer.get("is_new") is False
        self._hit(table, "put", answer, asked["as"])

    def _scan(self, table: int, asked: dict[str, Any]) -> None:
        twin = self.tables[table]
        after = -1 if asked["after"] is None else self._key(twin, asked["after"])
        names = asked["columns"] if "columns" in twin.spec else None
        request = {**asked, "after": after, "columns": names}
        document = {name: value for name, value in request.items() if value is not None}
        answer = self.end.send("scan", NAMES[table], document)
        twin.scan(request, answer)
        self._hit(table, "scan", answer, asked["order"], f"more {answer['more']}")

    # -- keys -----------------------------------------------------------------------------------

    def _key(self, twin: TwinTable, place: tuple[str, float]) -> int:
        kind, where = place
        among = sorted(twin.rows) if kind == "there" else sorted(twin.issued - set(twin.rows))
        if kind == "far":
            return 2**63 - 1 if where < 0.5 else -(2**63)
        if kind == "never" or not among:
            return max(twin.issued, default=-1) + 1 + int(where * 30)
        return among[int(where * len(among))]

    def _resolved(self, twin: TwinTable, pairs: list[Any]) -> list[tuple[int, float]]:
        return [(self._key(twin, place), priority) for place, priority in pairs]


def wired(pairs: list[tuple[int, float]]) -> dict[str, Any]:
    return {
        "keys": array("<i8", [key for key, _ in pairs]),
        "priorities": array("<f8", [priority for _, priority in pairs]),
    }


def refusals(twins: list[TwinTable], parts: list[tuple[int, dict[str, Any]]]) -> set[str | None]:
    """The codes with which a mixed draw may be refused.

    What a part may meet depends on what the parts before it drew from the same table: there every
    outcome that draws have is allowed, if those were random and took items away.
    """
    possible: set[str | None] = set()
    for table, request in parts:
        possible |= draws.faults_of(twins[table], request)
    uncertain = set()
    for table, request in parts:
        twin = twins[table]
        outcomes = draws.outcomes(twin, request)
        if table in uncertain:
            outcomes |= {None, "rate_limited", "nothing_to_draw"}
        possible |= outcomes - {None}
        if None not in outcomes:
            break
        twin.apply(request["update"] or [])
        count = request["batch_size"] * request["batches"]
        twin.limiter.drawn += count
        if twin.spec["max_times_sampled"]:
            uncertain.add(table)
    return possible
