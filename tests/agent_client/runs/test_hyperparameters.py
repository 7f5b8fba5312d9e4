"""Hyper-parameters out of texts and files."""

import dataclasses
from typing import Any

import pytest

from agent_client.algorithms import CONFIGS
from agent_client.run_errors import SettingsError
from agent_client.runs.hyperparameters import (
    check_hyperparameters,
    describe_hyperparameters,
    parse_assignments,
)


def test_assignments_take_the_type_of_the_hyperparameter() -> None:
    parsed = parse_assignments(
        "dqn", ["learning_rate=1e-3", "batch_size=32", "double_q=false", "hidden_units=64,32"]
    )

    assert parsed == {
        "learning_rate": 0.001,
        "batch_size": 32,
        "double_q": False,
        "hidden_units": (64, 32),
    }


def test_last_assignment_wins() -> None:
    assert parse_assignments("dqn", ["batch_size=1", "batch_size=2"]) == {"batch_size": 2}


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        pytest.param("learning_rate", "NAME=VALUE", id="no_value"),
        pytest.param("lerning_rate=1", "did you mean 'learning_rate'", id="typo"),
        pytest.param("zzz=1", "there are batch_size, ", id="nothing_like_it"),
        pytest.param("batch_size=1.5", "a whole number", id="fraction"),
        pytest.param("double_q=maybe", "true or false", id="no_boolean"),
        pytest.param("hidden_units=a,b", "whole numbers", id="no_numbers"),
    ],
)
def test_bad_assignments_are_refused_with_help(assignment: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_assignments("dqn", [assignment])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("batch_size", 1.0, id="float_for_int"),
        pytest.param("batch_size", True, id="bool_for_int"),
        pytest.param("learning_rate", "0.1", id="text_for_float"),
        pytest.param("learning_rate", True, id="bool_for_float"),
        pytest.param("double_q", 1, id="int_for_bool"),
        pytest.param("hidden_units", 64, id="int_for_list"),
        pytest.param("hidden_units", [64, "x"], id="mixed_list"),
    ],
)
def test_values_of_a_file_must_have_the_right_type(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=name):
        check_hyperparameters("dqn", {name: value})


def test_whole_numbers_do_for_numbers() -> None:
    assert check_hyperparameters("dqn", {"huber_delta": 2}) == {"huber_delta": 2.0}


@pytest.mark.parametrize("algorithm", CONFIGS)
def test_list_of_hyperparameters_has_a_line_for_each(algorithm: str) -> None:
    lines = describe_hyperparameters(algorithm).splitlines()

    assert any(line.startswith("batch_size ") for line in lines)
    assert len(lines) == len(dataclasses.fields(CONFIGS[algorithm]))
