"""What a change makes of a spec, and which specs are equal."""

from __future__ import annotations

from typing import Any

import pytest

from replay_server.errors import TableExistsError
from replay_server.spec_changes import changed_spec, check_equal
from replay_wire.complaints import convert
from replay_wire.errors import WireFormatError
from replay_wire.messages import TableChange
from replay_wire.specs import TableSpec

PRIORITIZED = {"kind": "prioritized", "alpha": 0.6, "beta": 0.4, "normalize": "batch"}
COLUMN = {"a": {"dtype": "<f4", "shape": []}}


def spec(**values: Any) -> TableSpec:
    return convert({"capacity": 8, **values}, TableSpec)


def change(**values: Any) -> TableChange:
    return convert(values, TableChange)


def test_a_map_of_the_same_kind_is_merged_key_by_key():
    before = spec(sampler=PRIORITIZED)
    after = changed_spec(before, change(sampler={"alpha": 0.0}))
    assert after == spec(sampler={**PRIORITIZED, "alpha": 0.0})


def test_a_map_of_another_kind_replaces_the_whole():
    after = changed_spec(spec(sampler=PRIORITIZED), change(sampler={"kind": "fifo"}))
    assert after == spec(sampler={"kind": "fifo"})


def test_a_queue_implies_the_others():
    queue = {"kind": "queue", "size": 4}
    after = changed_spec(spec(sampler=PRIORITIZED), change(rate_limiter=queue))
    assert after == spec(rate_limiter=queue)
    assert after.max_times_sampled == 1


def test_what_is_not_named_stays():
    before = spec(sampler=PRIORITIZED, max_times_sampled=3, columns=COLUMN)
    after = changed_spec(before, change(max_times_sampled=5))
    assert after == spec(sampler=PRIORITIZED, max_times_sampled=5, columns=COLUMN)


def test_what_makes_no_spec_is_refused():
    with pytest.raises(WireFormatError):
        changed_spec(spec(), change(sampler={"kind": "nothing"}))


def test_the_spec_as_made_and_as_it_stands_are_equal_to_it():
    made, now = spec(), spec(max_times_sampled=5, columns=COLUMN)
    check_equal("t", made, made, now)
    check_equal("t", now, made, now)
    check_equal("t", spec(max_times_sampled=5), made, now)
    check_equal("t", spec(columns=COLUMN), made, now)


def test_another_spec_is_refused_with_what_differs():
    made = spec()
    with pytest.raises(TableExistsError, match="capacity is 8, not 9"):
        check_equal("t", spec(capacity=9), made, made)
    with pytest.raises(TableExistsError, match="columns"):
        check_equal("t", spec(columns=COLUMN), made, spec(columns={"b": COLUMN["a"]}))
