"""How what a person asks for becomes a complete configuration."""

from typing import Any

import pytest

from agent_client.run_errors import SettingsError
from agent_client.runs.presets import CARTPOLE, GENERIC
from agent_client.runs.settings import (
    TrainSettings,
    check_hyperparameters,
    describe_hyperparameters,
    parse_assignments,
    resolve,
    run_config_from,
)


def test_what_is_left_open_comes_from_the_preset_of_the_environment() -> None:
    run = resolve(TrainSettings(env="CartPole-v1"), {})

    assert run.preset is CARTPOLE
    assert run.steps == CARTPOLE.steps
    assert run.stop_return == CARTPOLE.stop_return
    assert run.dqn == CARTPOLE.dqn


def test_what_is_said_wins_over_the_preset() -> None:
    settings = TrainSettings(env="CartPole-v1", preset="generic", steps=7, stop_return=10.0)

    run = resolve(settings, {"batch_size": 8})

    assert run.preset is GENERIC
    assert (run.steps, run.stop_return, run.dqn.batch_size) == (7, 10.0, 8)


def test_written_configuration_reads_back_as_the_same_run() -> None:
    settings = TrainSettings(env="CartPole-v1", seed=4, stop_return=float("inf"))
    run = resolve(settings, {"hidden_units": (32, 16), "double_q": False})

    again = run_config_from(run.to_toml())

    assert (again.steps, again.stop_return, again.dqn) == (run.steps, run.stop_return, run.dqn)
    assert (again.settings.seed, again.preset) == (4, run.preset)


def test_assignments_take_the_type_of_the_hyperparameter() -> None:
    parsed = parse_assignments(
        ["learning_rate=1e-3", "batch_size=32", "double_q=false", "hidden_units=64,32"]
    )

    assert parsed == {
        "learning_rate": 0.001,
        "batch_size": 32,
        "double_q": False,
        "hidden_units": (64, 32),
    }


def test_last_assignment_wins() -> None:
    assert parse_assignments(["batch_size=1", "batch_size=2"]) == {"batch_size": 2}


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        pytest.param("learning_rate", "NAME=VALUE", id="no_value"),
        pytest.param("lerning_rate=1", "did you mean 'learning_rate'", id="typo"),
        pytest.param("zzz=1", "there are hidden_units, ", id="nothing_like_it"),
        pytest.param("batch_size=1.5", "a whole number", id="fraction"),
        pytest.param("double_q=maybe", "true or false", id="no_boolean"),
        pytest.param("hidden_units=a,b", "whole numbers", id="no_numbers"),
    ],
)
def test_bad_assignments_are_refused_with_help(assignment: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_assignments([assignment])


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
        check_hyperparameters({name: value})


def test_whole_numbers_do_for_numbers() -> None:
    assert check_hyperparameters({"huber_delta": 2}) == {"huber_delta": 2.0}


@pytest.mark.parametrize(
    "bad", [{"steps": 0}, {"evaluation_episodes": 0}, {"seed": -1}, {"seed": 2**32}], ids=str
)
def test_numbers_out_of_range_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=next(iter(bad))):
        TrainSettings(env="CartPole-v1", **bad)  # type: ignore[arg-type]


def test_hyperparameters_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(SettingsError, match="learning_starts"):
        resolve(TrainSettings(env="CartPole-v1"), {"replay_capacity": 10})


def test_unknown_settings_of_a_run_folder_are_refused() -> None:
    with pytest.raises(SettingsError, match="'stpes'"):
        run_config_from({"env": "CartPole-v1", "stpes": 3})


def test_list_of_hyperparameters_has_a_line_for_each() -> None:
    lines = describe_hyperparameters().splitlines()

    assert any(line.startswith("learning_rate ") for line in lines)
    assert len(lines) == len(resolve(TrainSettings(env="x"), {}).to_toml()["dqn"])
