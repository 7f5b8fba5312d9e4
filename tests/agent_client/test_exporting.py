"""Exported policies act as the run's own, and a file that does not is never left behind."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file, save_file

from agent_client import exporting
from agent_client.__main__ import main
from agent_client.dqn.exportable import ExportableChoice, GreedyChoice
from agent_client.exporting import visited_observations
from agent_client.runs.folder import RunFolder
from agent_client.runs.saved_policy import load_policy
from agent_client.runs.settings import run_config_from
from agent_client.sac.exportable import ExportableMean
from agent_client.sac.policy import SquashedGaussianPolicy
from tests.agent_client.saved_runs import saved_run

CASES = [
    pytest.param("CartPole-v1", {"layer_norm": True}, id="vector"),
    pytest.param("CartPole-v1", {"frame_stack": 3}, id="stacked_vectors"),
    pytest.param("Replay/CameraCartPole-v0", {"frame_stack": 2}, id="parts"),
    pytest.param("MinAtar/Breakout-v1", {"frame_stack": 2}, id="images"),
]


@pytest.mark.parametrize(("environment_id", "hyperparameters"), CASES)
@pytest.mark.parametrize("format_name", ["torchscript", "onnx"])
def test_the_file_acts_as_the_policy_of_the_run(
    environment_id: str, hyperparameters: dict[str, Any], format_name: str, tmp_path: Path
) -> None:
    folder, observations, expected = run_that_acts_variously(
        tmp_path, environment_id, hyperparameters
    )
    out = tmp_path / "policy"
    arguments = ["export", str(folder.path), "--format", format_name, str(out)]

    assert main([*arguments, "--observations", "200"]) == 0

    actual = [_action(out, format_name, observation) for observation in observations]
    assert np.array_equal(actual, expected)


@pytest.mark.parametrize("format_name", ["torchscript", "onnx"])
def test_continuous_actions_are_the_mean_ones_in_the_units_of_the_environment(
    format_name: str, tmp_path: Path
) -> None:
    folder = saved_run(tmp_path / "run", "Pendulum-v1")
    saved = load_policy(run_config_from(folder.read_config()), folder, 1)
    observations = visited_observations(saved.environment, saved.policy, 50, seed=7)
    expected = [saved.policy.action(observation) for observation in observations]
    out = tmp_path / "policy"

    assert main(["export", str(folder.path), "--format", format_name, str(out)]) == 0

    actual = [_action(out, format_name, observation) for observation in observations]
    assert np.allclose(actual, expected, rtol=0, atol=2e-4)  # of actions from -2 to 2
    assert np.std(expected) > 2e-2


def run_that_acts_variously(
    path: Path, environment_id: str, hyperparameters: dict[str, Any]
) -> tuple[RunFolder, list[Any], list[int]]:
    """Return a run, observations that the export does not compare at, and its actions there.

    A fresh network mostly acts the same everywhere, which would prove nothing: its last biases are
    moved until no action is the best on the average.
    """
    folder = saved_run(path / "run", environment_id, **hyperparameters)
    saved = load_policy(run_config_from(folder.read_config()), folder, 1)
    observations = visited_observations(saved.environment, saved.policy, 50, seed=7)
    weights = folder.checkpoint / "best.safetensors"
    tensors = load_file(weights)
    bias = [name for name in tensors if name.endswith("bias")][-1]
    assert isinstance(saved.exportable.module, GreedyChoice)
    network = saved.exportable.module.network
    with torch.inference_mode():
        values = network(exporting._tensors(exporting._batch(observations)))
    tensors[bias] -= values.mean(dim=0)
    save_file(tensors, weights)
    saved = load_policy(run_config_from(folder.read_config()), folder, 1)
    actions = [saved.policy.action(observation) for observation in observations]
    assert len(set(actions)) > 1
    return folder, observations, actions


def _action(path: Path, format_name: str, observation: Any) -> Any:
    """Return the action by the library alone, without our loader."""
    parts = observation if isinstance(observation, dict) else {"observation": observation}
    batch = {name: part[None] for name, part in parts.items()}
    if format_name == "onnx":
        return onnxruntime.InferenceSession(path).run(["action"], batch)[0][0]
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        module = torch.jit.load(path)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in batch.items()}
    with torch.inference_mode():
        return module(tensors if isinstance(observation, dict) else tensors["observation"])[
            0
        ].numpy()


def test_inputs_have_the_names_and_the_dtypes_of_the_parts(tmp_path: Path) -> None:
    folder = saved_run(tmp_path / "run", "Replay/CameraCartPole-v0")
    out = tmp_path / "policy.onnx"
    main(["export", str(folder.path), "--format", "onnx", str(out), "--observations", "10"])

    session = onnxruntime.InferenceSession(out)

    inputs = {each.name: (each.type, each.shape[1:]) for each in session.get_inputs()}
    assert inputs == {
        "camera": ("tensor(uint8)", [12, 40, 1]),
        "joints": ("tensor(float)", [2]),
    }
    assert [each.name for each in session.get_outputs()] == ["action"]
    about = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert about["environment"] == "Replay/CameraCartPole-v0"


@pytest.mark.parametrize("format_name", ["torchscript", "onnx"])
def test_a_file_that_acts_otherwise_is_exit_code_1_and_not_left(
    format_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    out = tmp_path / "policy"
    out.write_text("an older one")
    honest = exporting.FORMATS[format_name]

    def writes_another(module: torch.nn.Module, *arguments: Any) -> None:
        with torch.no_grad():
            last = list(module.parameters())[-1]
            last += torch.tensor([0.0, 0.05])
            honest(module, *arguments)
            last -= torch.tensor([0.0, 0.05])

    monkeypatch.setattr(exporting, "FORMATS", {format_name: writes_another})

    code = main(["export", str(folder.path), "--format", format_name, str(out)])

    assert code == 1
    assert "of 1000 observations; nothing was written" in capsys.readouterr().err
    assert out.read_text() == "an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["policy", "run"]


def test_actions_of_nearly_equal_value_are_the_same_and_others_are_not() -> None:
    values = torch.tensor([[1.0, 1.0 + 1e-6, 0.9], [0.0, 5.0, 5.1]])

    class Fixed(torch.nn.Module):
        def forward(self, observation: torch.Tensor) -> torch.Tensor:
            return values

    policy = ExportableChoice(Fixed())
    observations = torch.zeros(2, 1)

    def same(expected: list[int], actual: list[int]) -> list[bool]:
        return policy.are_same(observations, np.array(expected), np.array(actual)).tolist()

    assert same([1, 2], [0, 2]) == [True, True]
    assert same([1, 2], [2, 1]) == [False, False]
    assert same([1, 2], [-1, 3]) == [False, False]


def test_numbers_may_be_off_by_rounding_and_no_more() -> None:
    space = spaces.Box(np.float32(-2.0), np.float32(2.0), (2,))
    policy = ExportableMean(SquashedGaussianPolicy(1, space, (4,)))
    expected = np.zeros((3, 2))
    actual = np.array([[0.0, 1e-4], [0.0, 1e-2], [np.nan, 0.0]])

    assert policy.are_same(torch.zeros(3, 1), expected, actual).tolist() == [True, False, False]
    assert not policy.are_same(torch.zeros(3, 1), expected, actual[:, :1]).any()


def test_without_onnx_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    code = main(["export", str(folder.path), "--format", "onnx", str(tmp_path / "policy.onnx")])

    assert code == 1
    assert capsys.readouterr().err == (
        "agent-client: ONNX needs packages that are not installed: "
        "pip install 'replay-server[export]'\n"
    )


def test_a_folder_that_can_not_be_written_to_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    out = tmp_path / "missing" / "policy.pt"

    code = main(["export", str(folder.path), "--format", "torchscript", str(out)])

    assert code == 2
    assert "its folder does not exist" in capsys.readouterr().err


def test_visited_observations_are_of_several_episodes_and_repeat_by_seed(tmp_path: Path) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    saved = load_policy(run_config_from(folder.read_config()), folder, 0)

    one = np.stack(visited_observations(saved.environment, saved.policy, 100, seed=3))
    again = np.stack(visited_observations(saved.environment, saved.policy, 100, seed=3))
    other = np.stack(visited_observations(saved.environment, saved.policy, 100, seed=4))

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) == 100
