"""Pins `complaints` on msgspec's wording: a release that words things anew shows here."""

from typing import Any

import msgpack
import msgspec
import pytest

from replay_wire.codec import decode
from replay_wire.errors import InvalidMessageError, MalformedBodyError, WireFormatError
from replay_wire.json_codec import decode_json
from replay_wire.messages import DeleteRequest, InsertRequest, SampleRequest, ScanRequest
from replay_wire.specs import TableSpec

ARRAY = {"dtype": "<f4", "shape": [1], "data": b"1234"}


def complaint(document: Any, message_type: type[Any]) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        decode(msgpack.packb(document), message_type)
    return caught.value


@pytest.mark.parametrize(
    ("message_type", "document", "field"),
    [
        (SampleRequest, {}, "batch_size"),
        (SampleRequest, {"batch_size": "3"}, "batch_size"),
        (SampleRequest, {"batch_size": 0}, "batch_size"),
        (SampleRequest, {"batch_size": True}, "batch_size"),
        (SampleRequest, {"batch_size": 1.5}, "batch_size"),
        (SampleRequest, {"batch_size": 2**53}, "batch_size"),
        (SampleRequest, {"batch_size": 1, "layout": "stapled"}, "layout"),
        (SampleRequest, {"batch_size": 1, "normalize": 3}, "normalize"),
        (SampleRequest, {"batch_size": 1, "columns": ["a", 3]}, "columns[1]"),
        (SampleRequest, {"batch_size": 1, "columns": "a"}, "columns"),
        (SampleRequest, {"batch_size": 1, "update": {"keys": ARRAY}}, "update.priorities"),
        (SampleRequest, {"batch_size": 1, "update": {"keys": 1}}, "update.keys"),
        (SampleRequest, {"batch_size": 1, "timeout": -1}, "timeout"),
        (SampleRequest, {"batch_size": 1, "timeout": float("nan")}, "timeout"),
        (SampleRequest, {"batch_size": 1, "timeout": float("inf")}, "timeout"),
        (SampleRequest, {"batch_size": 1, "beta": float("nan")}, "beta"),
        (SampleRequest, {"batch_size": 1, "beta": "0.4"}, "beta"),
        (ScanRequest, {"order": "age"}, "order"),
        (ScanRequest, {"after": 2**63}, "after"),
        (DeleteRequest, {"keys": ARRAY | {"shape": [-1]}}, "keys.shape[0]"),
        (DeleteRequest, {"keys": ARRAY | {"shape": [1, 2**63]}}, "keys.shape[1]"),
        (DeleteRequest, {"keys": ARRAY | {"shape": 1}}, "keys.shape"),
        (DeleteRequest, {"keys": ARRAY | {"dtype": 4}}, "keys.dtype"),
        (DeleteRequest, {"keys": ARRAY | {"pad": "0"}}, "keys.pad"),
        (InsertRequest, {"columns": []}, "columns"),
        (InsertRequest, {"columns": {"x": ARRAY, "y": {}}}, "columns.y.dtype"),
        (InsertRequest, {"columns": {"x": ARRAY, "y": 3}}, "columns.y"),
        (InsertRequest, {"columns": {"x": ARRAY, "y": ARRAY | {"data": "AA=="}}}, "columns.y.data"),
        (InsertRequest, {"columns": {}, "writer": {"id": "a"}}, "writer.sequence"),
        (InsertRequest, {"columns": {}, "writer": {"id": "a" * 257, "sequence": 1}}, "writer.id"),
        (InsertRequest, {"columns": {}, "writer": {"id": "a", "sequence": -1}}, "writer.sequence"),
        (TableSpec, {}, "capacity"),
        (TableSpec, {"capacity": 1, "sampler": "uniform"}, "sampler"),
        (TableSpec, {"capacity": 1, "sampler": {"alpha": "1"}}, "sampler.alpha"),
        (TableSpec, {"capacity": 1, "sampler": {"alpha": float("nan")}}, "sampler.alpha"),
        (TableSpec, {"capacity": 1, "sampler": {"kind": "best"}}, "sampler.kind"),
        (TableSpec, {"capacity": 1, "sampler": {"kind": None}}, "sampler.kind"),
        (TableSpec, {"capacity": 1, "items": {"kind": "sequence"}}, "items.length"),
        (
            TableSpec,
            {"capacity": 1, "columns": {"ok": {"dtype": "<f4", "shape": []}, "x": {"dtype": "f"}}},
            "columns.x.dtype",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(message_type, document, field):
    error = complaint(document, message_type)

    assert error.field == field
    assert "`$" not in error.reason


@pytest.mark.parametrize(
    ("message_type", "document", "field"),
    [
        (SampleRequest, {"batch_size": 1, "bach_size": 1}, "bach_size"),
        (InsertRequest, {"columns": {"x": ARRAY | {"strides": [4]}}}, "columns.x.strides"),
        (InsertRequest, {"columns": {}, "writer": {"id": "", "sequence": 0, "n": 1}}, "writer.n"),
        (TableSpec, {"capacity": 1, "colums": {}}, "colums"),
        (TableSpec, {"capacity": 1, "sampler": {"kind": "uniform", "alpha": 1}}, "sampler.alpha"),
        (TableSpec, {"capacity": 1, "sampler": {"epsilon": 1}}, "sampler.epsilon"),
        (TableSpec, {"capacity": 1, "items": {"n_step": 1}}, "items.n_step"),
        (TableSpec, {"capacity": 1, "remover": {"kind": "fifo", "x": 1}}, "remover.x"),
    ],
)
def test_an_unknown_key_is_refused_by_name(message_type, document, field):
    error = complaint(document, message_type)

    assert error.field == field
    assert "unknown" in error.reason


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"batch_size": "3"}, "Expected `int`, got `str`"),
        ({"batch_size": 0}, "Expected `int` >= 1, got 0"),
        ({"batch_size": 1, "beta": -0.5}, "Expected `float` >= 0.0, got -0.5"),
        ({}, "the map missing required field `batch_size`"),
        ({"batch_size": 1, "x": 1}, "the map contains unknown field `x`"),
    ],
)
def test_the_reason_says_what_was_expected_and_what_came(document, reason):
    assert complaint(document, SampleRequest).reason == reason


def test_json_is_complained_about_in_the_same_words():
    with pytest.raises(InvalidMessageError) as caught:
        decode_json(b'{"batch_size": 0}', SampleRequest)

    assert str(caught.value) == "batch_size: Expected `int` >= 1, got 0"


def test_a_key_that_is_no_string_is_refused():
    with pytest.raises(WireFormatError):
        decode(msgpack.packb({1: 2}), SampleRequest)
    with pytest.raises(WireFormatError):
        decode(msgpack.packb({(1, 2): 2}), TableSpec)


@pytest.mark.parametrize(
    "name", ["", "`", "x` - at `$.y", "[...]", "a.b[0]", "$", "\n", "x" * 10**6, "\0", "{}", "%s"]
)
def test_an_odd_name_is_told_or_cut_but_breaks_nothing(name):
    for document in (
        {"batch_size": 1, name: 1},
        {"columns": {name: 1}},
        {"columns": {name: ARRAY | {"shape": [-1]}}},
        {"columns": {name: ARRAY | {name: 1}}},
    ):
        message_type = InsertRequest if "columns" in document else SampleRequest
        assert len(str(complaint(document, message_type))) < 600


def test_a_long_or_deep_value_is_not_told_in_full():
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    columns = {"a.x": {"dtype": "<f4", "shape": [-1]}, "a": {"x": {"shape": deep}}}

    misled = complaint({"capacity": 1, "columns": columns}, TableSpec)
    long = complaint({"columns": {}, "writer": {"id": "a" * 10**6, "sequence": 1}}, InsertRequest)

    assert len(str(misled)) < 600
    assert len(str(long)) < 600


def test_only_msgspec_knows_how_it_words_things():
    """A fault in a body of the wrong type is a fault of the body, not of its fields."""
    with pytest.raises(MalformedBodyError):
        decode(msgspec.msgpack.encode([1]), SampleRequest)
