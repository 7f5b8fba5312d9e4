"""Checkpoints: everything of an agent that a run needs to go on, without pickle.

    best.safetensors, online.safetensors, ...    weights, by the names that the agent gives them
    optimizer.safetensors, ...                   Adam's moments and counts, alike
    progress.json                                steps, episodes, best so far
    random_states.json                           Python, NumPy, PyTorch, actor
    replay.json                                  of a deterministic run: which replay memory

A checkpoint is written beside the old one and put in its place by renaming, so a run that is
killed at any moment leaves one that is whole.
"""

import dataclasses
import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from agent_client.learning.algorithm import Agent
from agent_client.run_errors import CheckpointError
from agent_client.training_progress import TrainingProgress


@dataclass(frozen=True, slots=True)
class ReplayCheckpoint:
    """The replay memory that belongs to a checkpoint of a deterministic run.

    Attributes:
        name: of the checkpoint of the run's own server.
        table: of the run, on that server.
    """

    name: str
    table: str


def save_checkpoint(
    path: Path,
    agent: Agent,
    progress: TrainingProgress,
    replay: ReplayCheckpoint | None = None,
) -> None:
    """Write the state of ``agent`` and ``progress`` to the folder ``path``, replacing it whole.

    Args:
        path: the checkpoint's folder; its neighbours ``.new`` and ``.old`` are used meanwhile.
        agent: not modified.
        progress: where the run stands; not modified.
        replay: the replay memory that belongs to it, if that is kept.
    """
    new, old = _neighbour(path, "new"), _neighbour(path, "old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, module in agent.modules().items():
        save_file(module.state_dict(), new / f"{name}.safetensors")
    for name, optimizer in agent.optimizers().items():
        save_file(_optimizer_tensors(optimizer), new / f"{name}.safetensors")
    document = dataclasses.asdict(progress) | {"learner_steps": agent.learner.steps}
    _write_json(new / "progress.json", document)
    _write_json(new / "random_states.json", _random_states(agent.actor.generator))
    if replay is not None:
        _write_json(new / "replay.json", dataclasses.asdict(replay))
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(path: Path, agent: Agent) -> TrainingProgress:
    """Put ``agent`` and all random generators into the state of the checkpoint at ``path``.

    Args:
        path: the checkpoint's folder.
        agent: of the same architecture as the one that was saved; changed in place.

    Returns:
        Where the run stood.

    Raises:
        CheckpointError: there is none, it cannot be read, or it is of another architecture.
    """
    path = _whole(path)
    for name, module in agent.modules().items():
        _load_weights(path, name, module)
    try:
        for name, optimizer in agent.optimizers().items():
            _load_optimizer(optimizer, load_file(path / f"{name}.safetensors"))
        document = json.loads((path / "progress.json").read_text(encoding="utf-8"))
        agent.learner.steps = int(document.pop("learner_steps"))
        progress = TrainingProgress(**document)
        states = json.loads((path / "random_states.json").read_text(encoding="utf-8"))
        _set_random_states(states, agent.actor.generator)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(path, f"cannot be read: {error}") from error
    return progress


def replay_of(path: Path) -> ReplayCheckpoint | None:
    """Return the replay memory that belongs to the checkpoint at ``path``, if that is kept.

    Raises:
        CheckpointError: there is no checkpoint, or it cannot be read.
    """
    path = _whole(path)
    try:
        document = json.loads((path / "replay.json").read_text(encoding="utf-8"))
        return ReplayCheckpoint(**document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(path, f"cannot be read: {error}") from error


def load_weights(path: Path, name: str, network: nn.Module) -> None:
    """Copy weights of the checkpoint at ``path`` into ``network``.

    Args:
        path: the checkpoint's folder.
        name: which weights, by the name that the agent gives them.
        network: of the same architecture; changed in place.

    Raises:
        CheckpointError: there is none, it cannot be read, or it is of another architecture.
    """
    _load_weights(_whole(path), name, network)


def _neighbour(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _whole(path: Path) -> Path:
    """Return ``path``, or what stood there if a crash came between the two renames."""
    for candidate in (path, _neighbour(path, "old")):
        if (candidate / "progress.json").exists():
            return candidate
    raise CheckpointError(path, "does not exist")


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _load_weights(path: Path, name: str, network: nn.Module) -> None:
    try:
        network.load_state_dict(load_file(path / f"{name}.safetensors"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(path, f"cannot be read: {error}") from error
    except RuntimeError as error:
        raise CheckpointError(path, "holds a network of another architecture") from error


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as one flat map: "3.exp_avg" is of the fourth parameter."""
    return {
        f"{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _random_states(actor: np.random.Generator) -> dict[str, Any]:
    algorithm, words, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": [algorithm, np.asarray(words).tolist(), *rest],
        "torch": bytes(torch.get_rng_state().numpy()).hex(),
        "actor": actor.bit_generator.state,
    }


def _set_random_states(states: dict[str, Any], actor: np.random.Generator) -> None:
    version, words, gauss_next = states["python"]
    random.setstate((version, tuple(words), gauss_next))
    np.random.set_state(tuple(states["numpy"]))
    torch_state = np.frombuffer(bytes.fromhex(states["torch"]), np.uint8).copy()
    torch.set_rng_state(torch.from_numpy(torch_state))
    actor.bit_generator.state = states["actor"]
