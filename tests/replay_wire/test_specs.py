import msgpack
import pytest

from replay_wire.codec import decode
from replay_wire.errors import InvalidMessageError
from replay_wire.specs import COLUMN_NAME, TableSpec, check_resource_name

# docs/protocol.md, section 3: the values shown are the defaults.
DEFAULTS = {
    "items": {"kind": "row"},
    "sampler": {
        "kind": "prioritized",
        "alpha": 0.6,
        "beta": 0.4,
        "stratified": True,
        "replacement": True,
        "normalize": "batch",
    },
    "remover": {"kind": "fifo"},
    "rate_limiter": {"kind": "min_size", "min_size": 1},
    "max_times_sampled": 0,
    "seed": None,
}


def filled(**values: object) -> dict[str, object]:
    return decode(msgpack.packb({"capacity": 5, **values}), TableSpec).document()


def test_defaults_are_those_of_the_protocol():
    assert filled() == {"capacity": 5, **DEFAULTS}


def test_capacity_is_required():
    with pytest.raises(InvalidMessageError) as caught:
        decode(msgpack.packb({}), TableSpec)
    assert caught.value.field == "capacity"


@pytest.mark.parametrize("name", ["items", "sampler", "remover", "rate_limiter"])
def test_an_empty_choice_is_the_default_one(name):
    assert filled(**{name: {}}) == {"capacity": 5, **DEFAULTS}


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        (
            "items",
            {"kind": "transition"},
            {"kind": "transition", "n_step": 1, "discount": 0.99, "frame_stack": 1},
        ),
        (
            "items",
            {"kind": "sequence", "length": 8},
            {"kind": "sequence", "length": 8, "period": 8, "pad": True},
        ),
        (
            "sampler",
            {"kind": "uniform"},
            {
                "kind": "uniform",
                "beta": 0.4,
                "stratified": True,
                "replacement": True,
                "normalize": "batch",
            },
        ),
        *(("sampler", {"kind": k}, {"kind": k}) for k in ("fifo", "lifo", "min_heap", "max_heap")),
        *(
            ("remover", {"kind": k}, {"kind": k})
            for k in ("fifo", "lifo", "uniform", "min_heap", "max_heap")
        ),
        ("rate_limiter", {"kind": "queue", "size": 3}, {"kind": "queue", "size": 3}),
        (
            "rate_limiter",
            {
                "kind": "sample_to_insert_ratio",
                "samples_per_insert": 2,
                "min_size": 1,
                "error_buffer": 4,
            },
            {
                "kind": "sample_to_insert_ratio",
                "samples_per_insert": 2.0,
                "min_size": 1,
                "error_buffer": 4.0,
            },
        ),
    ],
)
def test_every_kind_of_the_protocol_has_its_keys_and_defaults(name, given, expected):
    assert filled(**{name: given})[name] == expected


@pytest.mark.parametrize(
    "values",
    [
        {"capacity": 0},
        {"capacity": -1},
        {"capacity": "5"},
        {"capacity": 5.0},
        {"capacity": None},
        {"capacity": 2**53},
        {"max_times_sampled": -1},
        {"seed": -1},
        {"seed": "1"},
        {"seed": 2**63},
        {"sampler": {"alpha": -0.1}},
        {"sampler": {"alpha": float("inf")}},
        {"sampler": {"beta": float("nan")}},
        {"sampler": {"stratified": 1}},
        {"sampler": {"normalize": "max"}},
        {"items": {"kind": "transition", "n_step": 0}},
        {"items": {"kind": "transition", "discount": 1.01}},
        {"items": {"kind": "transition", "discount": -0.01}},
        {"items": {"kind": "transition", "frame_stack": 0}},
        {"items": {"kind": "sequence", "length": 0}},
        {"items": {"kind": "sequence", "length": 1, "period": 0}},
        {"rate_limiter": {"min_size": -1}},
        {"rate_limiter": {"kind": "queue"}},
        {"rate_limiter": {"kind": "queue", "size": 0}},
        {"rate_limiter": {"kind": "sample_to_insert_ratio", "samples_per_insert": 1}},
        {"columns": {"x": {"dtype": ">f4", "shape": []}}},
        {"columns": {"x": {"dtype": "<f4", "shape": [-1]}}},
        {"columns": {"x": {"dtype": "<f4", "shape": [], "compression": "gzip"}}},
        {"columns": {"x": {"dtype": "<f4"}}},
    ],
)
def test_a_value_that_no_spec_has_is_refused(values):
    with pytest.raises(InvalidMessageError):
        filled(**values)


def test_columns_stay_in_their_order_and_show_compression_only_where_it_is():
    columns = {
        "z": {"dtype": "<f4", "shape": []},
        "a": {"dtype": "|u1", "shape": [0, 2], "compression": "lz4"},
    }

    assert filled(columns=columns)["columns"] == {
        "z": {"dtype": "<f4", "shape": ()},
        "a": {"dtype": "|u1", "shape": (0, 2), "compression": "lz4"},
    }
    assert list(filled(columns=columns)["columns"]) == ["z", "a"]  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["a", "0", "A.b_c-d", "a" * 64, "7" + "-" * 63])
def test_a_name_of_letters_digits_and_three_signs_will_do(name):
    check_resource_name(name, "table")


@pytest.mark.parametrize(
    "name", ["", "-a", ".a", "_a", "a" * 65, "a b", "a/b", "a\n", "ä", "a\0", "..", "%61"]
)
def test_another_name_is_refused(name):
    with pytest.raises(InvalidMessageError) as caught:
        check_resource_name(name, "table")
    assert caught.value.field == "table"


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("observation", True),
        ("observation/camera", True),
        ("_a1/_b", True),
        ("a" * 64 + "/" + "b" * 64, True),
        ("", False),
        ("1a", False),
        ("a/", False),
        ("/a", False),
        ("a//b", False),
        ("a" * 65, False),
        ("a.b", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_column_names_are_parts_with_slashes_between(name, good):
    assert (COLUMN_NAME.fullmatch(name) is not None) == good
