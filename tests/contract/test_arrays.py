"""Section 2: ARRAY, in both forms."""

import msgpack
import numpy as np
import pytest

from tests.contract.peer import JSON, TablePeer, array, nested, values_of

DTYPES = ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"]
EXTREMES = {
    **{d: [np.iinfo(d).min, 1, np.iinfo(d).max] for d in DTYPES if d[1] in "iu"},
    **{d: [-1.5, 0.25, float(np.finfo(d).max)] for d in DTYPES if d[1] == "f"},
    "|b1": [True, False, True],
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_come_back_bit_for_bit(table: TablePeer, dtype: str):
    sent = array(dtype, EXTREMES[dtype])
    table.make()
    table.post("insert", {"columns": {"v": sent}})

    got = table.scan().document["columns"]["v"]

    assert {name: got[name] for name in sent} == sent


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_go_both_ways_in_json(table: TablePeer, dtype: str):
    sent = nested(dtype, [[value] for value in EXTREMES[dtype]])
    table.make()
    inserted = table.peer.json("POST", f"{table.path}/insert", {"columns": {"v": sent}})

    packed = table.scan().column("v")
    read = table.peer.json("POST", f"{table.path}/scan", {}).document["columns"]["v"]

    assert inserted.document["keys"] == {"dtype": "<i8", "shape": [3], "data": [0, 1, 2]}
    assert packed.tobytes() == np.asarray(EXTREMES[dtype], dtype).tobytes()
    assert read == sent


def test_bools_are_true_and_false_in_json(table: TablePeer):
    table.make()
    wired = nested("|b1", [True, False])
    table.peer.json("POST", f"{table.path}/insert", {"columns": {"v": wired}})

    body = table.peer.json("POST", f"{table.path}/scan", {}).body

    assert b"[true,false]" in body.replace(b" ", b"")


def test_data_is_in_c_order(table: TablePeer):
    table.make()
    rows = [[1, 2, 3], [4, 5, 6]]
    table.post("insert", {"columns": {"v": array("<i2", rows)}})

    wired = table.scan().document["columns"]["v"]

    assert (wired["shape"], wired["data"]) == ([2, 3], bytes((1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0)))


@pytest.mark.parametrize(
    "text",
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1e39", b"null"],
    ids=lambda text: text.decode(),
)
def test_json_requests_hold_no_infinities(table: TablePeer, text: bytes):
    table.make()
    body = b'{"columns": {"v": {"dtype": "<f4", "shape": [1], "data": [' + text + b"]}}}"

    answer = table.peer.send("POST", f"{table.path}/insert", body, content_type=JSON)

    assert answer.code in ("malformed", "invalid_request")
    assert table.stats()["inserted_total"] == 0


def test_nan_and_infinities_are_null_in_json_answers(table: TablePeer):
    table.make()
    table.post("insert", {"columns": {"v": array("<f4", [np.nan, np.inf, -np.inf, 1.5])}})

    answer = table.peer.json("POST", f"{table.path}/scan", {})

    assert answer.document["columns"]["v"]["data"] == [None, None, None, 1.5]


def test_pad_is_accepted_and_ignored(table: TablePeer):
    table.make()
    numbers = {**array("<i8", [7, 8]), "pad": bytes(33)}

    assert table.post("insert", {"columns": {"x": numbers}}).status == 200
    assert [x for x, _ in table.contents().values()] == [7, 8]


def test_data_of_answers_lies_on_64_byte_boundaries(table: TablePeer):
    table.make()
    table.fill(range(10))

    body = table.sample(10).body
    document = msgpack.unpackb(body)

    for wired in (document["keys"], document["weights"], document["columns"]["x"]):
        assert body.index(wired["data"]) % 64 == 0


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        pytest.param({"dtype": ">f4"}, "columns.x.dtype", id="big_endian"),
        pytest.param({"dtype": "<c8"}, "columns.x.dtype", id="complex"),
        pytest.param({"dtype": "|O"}, "columns.x.dtype", id="object"),
        pytest.param({"dtype": 4}, "columns.x.dtype", id="dtype_is_a_number"),
        pytest.param({"shape": [3]}, "columns.x.data", id="too_few_bytes"),
        pytest.param({"shape": [1]}, "columns.x.data", id="too_many_bytes"),
        pytest.param({"shape": [-2]}, "columns.x.shape[0]", id="negative"),
        pytest.param({"shape": 2}, "columns.x.shape", id="shape_is_a_number"),
        pytest.param({"shape": [2**62, 4]}, "columns.x.shape", id="huge"),
        pytest.param({"shape": [1] * 40 + [2]}, "columns.x.shape", id="many_axes"),
        pytest.param({"data": "text"}, "columns.x.data", id="data_is_text"),
        pytest.param({"data": None}, "columns.x.data", id="no_data"),
        pytest.param({"extra": 1}, "columns.x.extra", id="unknown_key"),
    ],
)
def test_an_array_that_is_none_is_refused_by_name(table: TablePeer, fault: dict, field: str):
    table.make()
    wired = {**array("<f4", [1, 2]), **fault}

    answer = table.post("insert", {"columns": {"x": wired}})

    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.document["field"] == field


def test_a_bool_is_0_or_1(table: TablePeer):
    table.make()
    wired = {"dtype": "|b1", "shape": [2], "data": b"\x01\x02"}

    answer = table.post("insert", {"columns": {"x": wired}})

    assert (answer.status, answer.document["field"]) == (422, "columns.x.data")


@pytest.mark.parametrize("shape", [[0, 2**62], [2**62, 0], [0, 2**63]])
def test_an_empty_array_with_axes_beyond_memory_is_refused(table: TablePeer, shape: list[int]):
    table.make()

    answer = table.post("insert", {"columns": {"x": array("<f8", [], shape)}})

    assert (answer.status, answer.code) == (422, "invalid_request")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"data": [[1, 2], [3]]}, id="ragged"),
        pytest.param({"data": [1, 2, 3, 4]}, id="not_nested"),
        pytest.param({"data": [[1, 2], [3, 2**63]]}, id="out_of_range"),
        pytest.param({"data": [[1, 2], [3, 4.5]]}, id="a_fraction_among_integers"),
        pytest.param({"data": [[1, 2], [3, "4"]]}, id="a_string"),
        pytest.param({"data": [[1, 2], [3, True]]}, id="a_bool_among_integers"),
        pytest.param({"dtype": "|b1"}, id="integers_for_bools"),
    ],
)
def test_a_json_array_that_its_dtype_can_not_hold_is_refused(table: TablePeer, fault: dict):
    table.make()
    wired = {**nested("<i8", [[1, 2], [3, 4]]), **fault}

    answer = table.peer.json("POST", f"{table.path}/insert", {"columns": {"x": wired}})

    assert (answer.status, answer.document["field"]) == (422, "columns.x.data")


def test_any_messagepack_library_reads_an_answer(table: TablePeer):
    table.make()
    for first in range(0, 2000, 100):
        table.fill(
            range(first, first + 100)
        )  # the column is a buffer of its own, not part of a packer's

    answer = table.scan()

    assert int(answer.headers["content-length"]) == len(answer.body)
    assert values_of(msgpack.unpackb(answer.body)["columns"]["x"]).tolist() == list(
        range(1900, 2000)
    )
