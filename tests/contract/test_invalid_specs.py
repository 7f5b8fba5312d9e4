"""Section 3: specs that are refused, and names of columns."""

from typing import Any

import pytest

from tests.contract.peer import TablePeer, array

INVALID_SPECS: list[tuple[str, Any, str]] = [
    ("capacity_0", {"capacity": 0}, "capacity"),
    ("capacity_negative", {"capacity": -1}, "capacity"),
    ("capacity_as_text", {"capacity": "5"}, "capacity"),
    ("capacity_fraction", {"capacity": 1.5}, "capacity"),
    ("capacity_bool", {"capacity": True}, "capacity"),
    ("capacity_null", {"capacity": None}, "capacity"),
    ("alpha_negative", {"sampler": {"alpha": -0.1}}, "sampler.alpha"),
    ("alpha_as_text", {"sampler": {"alpha": "0.6"}}, "sampler.alpha"),
    ("beta_negative", {"sampler": {"beta": -0.1}}, "sampler.beta"),
    ("uniform_has_no_alpha", {"sampler": {"kind": "uniform", "alpha": 1}}, "sampler.alpha"),
    ("normalize", {"sampler": {"normalize": "max"}}, "sampler.normalize"),
    ("stratified", {"sampler": {"stratified": 1}}, "sampler.stratified"),
    ("sampler_kind", {"sampler": {"kind": "best"}}, "sampler.kind"),
    ("sampler_text", {"sampler": "uniform"}, "sampler"),
    ("min_size_negative", {"rate_limiter": {"min_size": -1}}, "rate_limiter.min_size"),
    ("min_size_infeasible", {"rate_limiter": {"min_size": 101}}, "rate_limiter.min_size"),
    ("max_times_sampled", {"max_times_sampled": -1}, "max_times_sampled"),
    ("seed_negative", {"seed": -1}, "seed"),
    ("seed_as_text", {"seed": "1"}, "seed"),
    ("no_columns", {"columns": {}}, "columns"),
    ("dtype", {"columns": {"x": {"dtype": "float32", "shape": []}}}, "columns.x.dtype"),
    ("big_endian", {"columns": {"x": {"dtype": ">f4", "shape": []}}}, "columns.x.dtype"),
    ("shape", {"columns": {"x": {"dtype": "<f4", "shape": [-1]}}}, "columns.x.shape[0]"),
    ("no_shape", {"columns": {"x": {"dtype": "<f4"}}}, "columns.x.shape"),
    ("axes", {"columns": {"x": {"dtype": "<f4", "shape": [1] * 32}}}, "columns.x.shape"),
    ("huge_axis", {"columns": {"x": {"dtype": "<f4", "shape": [2**53]}}}, "columns.x.shape[0]"),
]


@pytest.mark.parametrize(
    ("spec", "field"), [pytest.param(s, f, id=name) for name, s, f in INVALID_SPECS]
)
def test_an_infeasible_spec_is_refused_at_once(table: TablePeer, spec: dict, field: str):
    answer = table.put(**spec)

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == field
    assert table.peer.get(table.path).status == 404


def test_capacity_is_required(table: TablePeer):
    answer = table.peer.msgpack("PUT", table.path, {})

    assert (answer.status, answer.document["field"]) == (422, "capacity")


BAD_COLUMN_NAMES = [
    "", "1a", "a b", "a-b", "a.b", "/a", "a/", "a//b", "a/1", "ä", "a" * 65, "a/" + "b" * 65, "a\n",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_COLUMN_NAMES)
def test_bad_names_of_columns_are_refused_in_specs_and_first_inserts(table: TablePeer, name: str):
    in_spec = table.put(columns={name: {"dtype": "<i8", "shape": []}})
    table.make()
    in_insert = table.post("insert", {"columns": {name: array("<i8", [1])}})

    for answer in (in_spec, in_insert):
        assert (answer.status, answer.code) == (422, "invalid_request")
        assert answer.document["field"].startswith("columns.")


@pytest.mark.parametrize(
    "names", [("a", "a/b"), ("a/b", "a/b/c"), ("a/b/c", "a")], ids=lambda names: "+".join(names)
)
def test_a_column_does_not_lie_inside_another(table: TablePeer, names: tuple[str, str]):
    in_spec = table.put(columns={name: {"dtype": "<i8", "shape": []} for name in names})
    table.make()
    in_insert = table.post("insert", {"columns": {name: array("<i8", [1]) for name in names}})

    assert (in_spec.code, in_insert.code) == ("invalid_request", "invalid_request")
    assert (
        table.post("insert", {"columns": {"a": array("<i8", [1]), "ab": array("<i8", [1])}}).status
        == 200
    )
