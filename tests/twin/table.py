"""The obvious slow twin of one table: a dict of rows, written from docs/protocol.md alone.

Every verb takes a request and the server's answer, and checks the one against the other. What the
server may choose (keys of a table that is not first in, first out, the rows that a uniform remover
takes, the items of a draw) is taken from the answer after a check that it was possible.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tests.twin import draws
from tests.twin.limiters import Limiter
from tests.twin.rows import Row, Windows
from tests.twin.specs import Spec, complete, is_infeasible, is_of_rows, patched

Answer = dict[str, Any]
"""What came: `code` of a refusal, or the reply's members."""

MOST_MASS = 1e300
MOST_AGES = 65536


def mass_of(priority: float, alpha: float) -> float:
    if priority == 0:
        return 0.0
    try:
        return float(priority**alpha)
    except OverflowError:
        return math.inf


def quantile(ascending: list[int], fraction: float) -> float | None:
    """By linear interpolation; None of nothing."""
    if not ascending:
        return None
    place = fraction * (len(ascending) - 1)
    low, high = ascending[math.floor(place)], ascending[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


class TwinTable:
    """A table as the protocol describes it.

    Attributes:
        spec: complete, with `columns` once they are known.
        rows: by key, in the order of insertion.
        issued: every key ever issued under the table's name.
    """

    def __init__(self, spec: Spec, issued: set[int], most_writers: int) -> None:
        self.made = complete(spec)
        self.spec = dict(self.made)
        self.most_writers = most_writers
        self.rows: dict[int, Row] = {}
        self.issued = issued
        self.first_key: int | None = None  # of this table; known after its first insert
        self.writers: dict[str, tuple[int, list[int]]] = {}
        self.open_ends: dict[Any, int] = {}
        self.limiter = Limiter(self.spec["rate_limiter"])
        self.max_priority = 1.0
        self.inserted = self.sampled = self.updated = self.stale = self.deleted = 0
        self.ages: list[int] = []
        self.is_wrapped = False

    def copy(self) -> TwinTable:
        """Another one in the same state."""
        copy = object.__new__(TwinTable)
        vars(copy).update(vars(self))
        copy.rows = {key: replace(row) for key, row in self.rows.items()}
        copy.issued, copy.ages = set(self.issued), list(self.ages)
        copy.writers, copy.open_ends = dict(self.writers), dict(self.open_ends)
        copy.limiter, copy.spec = self.limiter.copy(), dict(self.spec)
        return copy

    # -- what there is --------------------------------------------------------------------------

    @property
    def windows(self) -> Windows:
        return Windows(self.spec["items"], self.spec.get("columns"))

    @property
    def is_fifo(self) -> bool:
        return bool(self.spec["remover"]["kind"] == "fifo")

    @property
    def alpha(self) -> float:
        return float(self.spec["sampler"].get("alpha", 1.0))

    def items(self) -> list[Row]:
        """Rows at which an item starts, in the order of insertion."""
        windows = self.windows
        return [
            row
            for row in self.rows.values()
            if not row.spent and windows.window(self.rows, row) is not None
        ]

    def mass(self, row: Row) -> float:
        """Of an item, for a draw."""
        if self.spec["sampler"]["kind"] != "prioritized":
            return 1.0
        return mass_of(row.priority, self.alpha)

    def is_bad(self, priority: float, alpha: float | None = None) -> bool:
        if not (math.isfinite(priority) and priority >= 0):
            return True
        exponent = self.alpha if alpha is None else alpha
        return mass_of(priority, exponent) > MOST_MASS / self.spec["capacity"]

    # -- insert ---------------------------------------------------------------------------------

    def insert(self, request: dict[str, Any], answer: Answer, present: set[int]) -> None:
        """Check an insert; `present` holds the keys that the table has after it."""
        writer = request["writer"]
        last, keys = self.writers.get(writer[0], (-1, [])) if writer else (-1, [])
        if writer and writer[1] == last:
            self._hear(writer, keys)
            assert answer["keys"].tolist() == keys
            assert answer["duplicate"] is True
            return
        if writer and writer[1] < last:
            assert (answer.get("code"), answer.get("last")) == ("stale_sequence", last)
            return
        refusal = request["fault"] or self._refusal_of_insert(request)
        if refusal:
            assert answer.get("code") == refusal
            return
        assert "code" not in answer, answer
        got = answer["keys"].tolist()
        assert answer["duplicate"] is False
        assert len(got) == len(request["rows"])
        self._check_new_keys(got)
        if got and "columns" not in self.spec:
            self.spec["columns"] = request["columns"]
        self._add(request, got)
        self.limiter.inserted += len(got)
        if self.spec["remover"]["kind"] == "uniform":
            self._take_removed(got, present)
        if writer:
            self._hear(writer, got)

    def _refusal_of_insert(self, request: dict[str, Any]) -> str | None:
        rows = len(request["rows"])
        if rows > self.spec["capacity"]:
            return "invalid_request"
        given = request["priorities"]
        if any(self.is_bad(p) for p in given or ()):
            return "bad_priority"

        def leaves() -> int:
            after = self.copy()
            first = max(self.issued, default=-1) + 1
            after._add(request, list(range(first, first + rows)))
            if self.spec["remover"]["kind"] == "uniform":
                return min(len(after.rows), self.spec["capacity"])
            return len(after.items())

        return self.limiter.says_to_insert(len(self.items()), rows, leaves)

    def _hear(self, writer: tuple[str, int], keys: list[int]) -> None:
        self.writers.pop(writer[0], None)
        self.writers[writer[0]] = (writer[1], keys)
        self.writers = dict(list(self.writers.items())[-self.most_writers :])

    def _check_new_keys(self, keys: list[int]) -> None:
        assert len(set(keys)) == len(keys)
        assert not self.issued & set(keys)
        assert all(0 <= key < 2**53 for key in keys)
        if keys and self.first_key is None:
            self.first_key = keys[0]
            assert min(keys) > max(self.issued, default=-1)
        elif keys and self.is_fifo:
            assert keys[0] == max(self.issued) + 1
        if self.is_fifo:
            assert keys == list(range(keys[0], keys[0] + len(keys))) if keys else True

    def _add(self, request: dict[str, Any], keys: list[int]) -> None:
        """Let rows come in one after another, and others go."""
        default = self.max_priority
        writer = request["writer"][0] if request["writer"] else None
        for place, (key, row) in enumerate(zip(keys, request["rows"], strict=True)):
            priority = default if request["priorities"] is None else request["priorities"][place]
            self._make_room(key)
            self.issued.add(key)
            new = Row(key, self.inserted, row["values"], priority)
            if not is_of_rows(self.spec):
                self._link(new, (writer, row["stream"]))
            self.rows[key] = new
            self.inserted += 1
            self.max_priority = max(self.max_priority, priority)

    def _make_room(self, key: int) -> None:
        kind, capacity = self.spec["remover"]["kind"], self.spec["capacity"]
        if kind == "fifo":
            if self.rows.pop(key - capacity, None) is not None:
                self.is_wrapped = True
        elif kind != "uniform" and len(self.rows) == capacity:
            sign = {"min_heap": 1, "max_heap": -1}.get(kind)
            if kind == "lifo":
                goes = max(self.rows.values(), key=lambda row: row.ordinal)
            else:
                assert sign is not None
                goes = min(self.rows.values(), key=lambda row: (sign * row.priority, row.ordinal))
            del self.rows[goes.key]
            self.is_wrapped = True

    def _take_removed(self, new: list[int], present: set[int]) -> None:
        """Let the rows go that a uniform remover took, if it may have taken them."""
        gone = self.rows.keys() - present
        assert len(gone) == max(len(self.rows) - self.spec["capacity"], 0)
        for place, key in enumerate(new):  # one goes only when another comes in after it
            later = len(new) - 1 - place
            assert len(gone & set(new[place:])) <= later
            assert key not in gone or later
        self.is_wrapped = self.is_wrapped or bool(gone)
        for key in gone:
            del self.rows[key]

    def _link(self, new: Row, stream: Any) -> None:
        previous = None if new.is_first else self.rows.get(self.open_ends.get(stream, -1))
        if previous is not None:
            new.before, new.position = previous.key, previous.position + 1
        self.open_ends[stream] = -1 if new.is_last else new.key

    # -- the rest -------------------------------------------------------------------------------

    def update(self, request: dict[str, Any], answer: Answer) -> None:
        if any(self.is_bad(priority) for _, priority in request["pairs"]):
            assert answer.get("code") == "bad_priority"
            return
        updated = self.apply(request["pairs"])
        assert answer == {"updated": updated, "stale": len(request["pairs"]) - updated}

    def apply(self, pairs: list[tuple[int, float]]) -> int:
        """Set priorities and return how many of the keys were there."""
        there = [(key, priority) for key, priority in pairs if key in self.rows]
        for key, priority in dict(there).items():  # of one key given twice the last wins
            self.rows[key].priority = priority
            self.max_priority = max(self.max_priority, priority)
        self.updated += len(there)
        self.stale += len(pairs) - len(there)
        return len(there)

    def delete(self, request: dict[str, Any], answer: Answer) -> None:
        there = self.rows.keys() & set(request["keys"])
        for key in there:
            del self.rows[key]
        self.deleted += len(there)
        assert answer == {"deleted": len(there), "stale": len(request["keys"]) - len(there)}

    def reset(self, request: dict[str, Any], answer: Answer) -> None:
        assert not request
        assert answer == {}
        self.rows.clear()
        self.open_ends.clear()
        self.limiter = Limiter(self.spec["rate_limiter"])
        self.max_priority = 1.0

    def patch(self, request: dict[str, Any], answer: Answer) -> None:
        new = patched(self.spec, request)
        alpha = new["sampler"].get("alpha", 1.0)
        if is_infeasible(new):
            assert answer.get("code") == "invalid_request"
            return
        if self.is_bad(self.max_priority, alpha):  # as high as any that is stored
            assert answer.get("code") == "bad_priority"
            return
        assert "code" not in answer, answer
        if "rate_limiter" in request:
            self.limiter = Limiter(new["rate_limiter"])
        self.spec = new
        limit = new["max_times_sampled"]
        for row in self.items():
            if limit and row.times_sampled >= limit:
                self.spend(row)

    def spend(self, row: Row) -> None:
        """Let an item go that was drawn as often as it may be; its row too in tables of rows."""
        row.spent = True
        if is_of_rows(self.spec):
            del self.rows[row.key]

    def sample(self, request: dict[str, Any], answer: Answer) -> None:
        draws.check(self, request, answer)

    # -- what can be read -----------------------------------------------------------------------

    def check_document(self, document: dict[str, Any]) -> None:
        """Compare the table's document."""
        items = self.items()
        assert document["spec"] == self.spec
        stats = document["stats"]
        expected = {
            "size": len(items),
            "rows": len(self.rows),
            "inserted_total": self.inserted,
            "sampled_total": self.sampled,
            "updated_total": self.updated,
            "stale_total": self.stale,
            "deleted_total": self.deleted,
            "max_priority": self.max_priority,
            "samples_per_insert": self.sampled / self.inserted if self.inserted else 0.0,
        }
        assert {name: stats[name] for name in expected} == expected
        total = math.fsum(mass_of(row.priority, self.alpha) for row in items)
        assert math.isclose(stats["priority_sum"], total, rel_tol=1e-9)
        for name, told in stats["sample_age"].items():
            expected_age = quantile(sorted(self.ages[-MOST_AGES:]), float(name))
            assert told == expected_age or math.isclose(told, expected_age, rel_tol=1e-9)

    def scan(self, request: dict[str, Any], answer: Answer) -> None:
        rows = sorted(
            (row for row in self.rows.values() if row.key > request["after"]),
            key=lambda row: (-row.priority if request["order"] == "priority" else 0, row.key),
        )
        limit = request["limit"]
        assert answer["keys"].tolist() == [row.key for row in rows[:limit]]
        assert answer["priorities"].tolist() == [row.priority for row in rows[:limit]]
        assert answer["more"] is (len(rows) > limit)
        names = request["columns"]
        known = list(self.spec.get("columns", {}))
        assert sorted(answer["columns"]) == sorted(known if names is None else names)
        for name, column in answer["columns"].items():
            stored = [row.values[name] for row in rows[:limit]]
            draws.check_column(column, stored, self.spec["columns"][name]["dtype"])
