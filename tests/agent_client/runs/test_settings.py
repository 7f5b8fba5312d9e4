"""How what a person asks for becomes a complete configuration."""

from dataclasses import replace

import pytest

from agent_client.run_errors import SettingsError, UnsuitableEnvironmentError
from agent_client.runs.dqn_presets import CARTPOLE, GENERIC
from agent_client.runs.settings import (
    TrainSettings,
    preset_of,
    resolve,
    run_config_from,
)


def test_what_is_left_open_comes_from_the_preset_of_the_environment() -> None:
    run = resolve(TrainSettings(env="CartPole-v1"), {})

    assert run.preset is CARTPOLE
    assert run.steps == CARTPOLE.steps
    assert run.stop_return == CARTPOLE.stop_return
    assert run.config == CARTPOLE.config


def test_what_is_said_wins_over_the_preset() -> None:
    settings = TrainSettings(env="CartPole-v1", preset="generic", steps=7, stop_return=10.0)

    run = resolve(settings, {"batch_size": 8})

    assert run.preset is GENERIC
    assert (run.steps, run.stop_return, run.config.batch_size) == (7, 10.0, 8)


def test_written_configuration_reads_back_as_the_same_run() -> None:
    settings = TrainSettings(env="CartPole-v1", seed=4, stop_return=float("inf"))
    run = resolve(settings, {"hidden_units": (32, 16), "double_q": False})

    again = run_config_from(run.to_toml())

    assert (again.steps, again.stop_return, again.config) == (
        run.steps,
        run.stop_return,
        run.config,
    )
    assert (again.settings.seed, again.preset) == (4, run.preset)


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


def test_a_preset_of_another_algorithm_is_refused() -> None:
    with pytest.raises(SettingsError, match="'cartpole' is one of dqn, not of sac"):
        preset_of(TrainSettings(env="CartPole-v1", preset="cartpole", algorithm="sac"))


def test_a_run_is_written_down_with_its_algorithm() -> None:
    document = resolve(TrainSettings(env="CartPole-v1"), {}).to_toml()

    assert document["algorithm"] == "dqn"
    assert document["dqn"]["batch_size"] == CARTPOLE.config.batch_size


def test_folders_of_earlier_versions_are_read() -> None:
    document = {"env": "CartPole-v1", "algorithm": "dqn", "preset": "cartpole", "steps": 7}

    run = run_config_from({**document, "dqn": {"batch_size": 16, "double_q": False}})

    assert run.config == replace(CARTPOLE.config, batch_size=16, double_q=False)


def test_hyperparameters_of_another_algorithm_are_passed_over() -> None:
    document = {"env": "CartPole-v1", "sac": {"no_such": 1}, "dqn": {"batch_size": 16}}

    assert run_config_from(document).config.batch_size == 16


@pytest.mark.parametrize(
    ("env", "algorithm", "preset"),
    [
        pytest.param("Pendulum-v1", None, "pendulum", id="its_own_preset"),
        pytest.param("Acrobot-v1", None, "generic", id="discrete_actions"),
        pytest.param("MountainCarContinuous-v0", None, "generic-sac", id="continuous_actions"),
        pytest.param("CartPole-v1", "sac", "generic-sac", id="as_asked_for"),
    ],
)
def test_what_learns_is_what_suits_the_environment(
    env: str, algorithm: str | None, preset: str
) -> None:
    run = resolve(TrainSettings(env=env, algorithm=algorithm), {})

    assert run.preset.name == preset
    assert run.algorithm == run.preset.algorithm == run.to_toml()["algorithm"]


def test_environment_that_nothing_is_known_of_must_be_there_to_see_what_suits_it() -> None:
    with pytest.raises(UnsuitableEnvironmentError, match="NoSuchThing"):
        resolve(TrainSettings(env="NoSuchThing-v0"), {})


def test_environment_with_a_broken_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="'CartPole-v1\\?x'"):
        resolve(TrainSettings(env="CartPole-v1?x"), {})
