"""A SAC agent that was saved goes on as if nothing had happened."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agent_client.learning.transitions import TransitionBatch
from agent_client.run_errors import CheckpointError
from agent_client.runs.checkpoint import load_checkpoint, load_weights, save_checkpoint
from agent_client.sac.agent import Agent
from agent_client.sac.algorithm import SAC
from agent_client.sac.config import SACConfig
from agent_client.seeding import seed_everything
from agent_client.training_progress import TrainingProgress

CONFIG = SACConfig(hidden_units=(8,), temperature_learning_rate=0.01)
BOX = spaces.Box(-2.0, 2.0, (2,), np.float32)
OBSERVATION = np.array([0.1, -0.2, 0.3], np.float32)


def agent_of(seed: int, config: SACConfig = CONFIG) -> Agent:
    return Agent.build(3, BOX, config, seed_everything(seed))


def train_a_little(agent: Agent, steps: int) -> None:
    """Learn; batches and the policy's noise both come from torch's global generator."""
    for _ in range(steps):
        batch = TransitionBatch(
            observation=torch.randn(4, 3),
            action=torch.rand(4, 2) * 4 - 2,
            reward=torch.ones(4),
            discount=torch.full((4,), 0.9),
            next_observation=torch.randn(4, 3),
            weights=torch.ones(4),
        )
        agent.learner.step(batch, 0)


def test_agent_goes_on_as_if_it_had_never_been_saved(tmp_path: Path) -> None:
    original = agent_of(seed=0)
    train_a_little(original, 5)
    save_checkpoint(tmp_path / "checkpoint", original, TrainingProgress(step=5))
    train_a_little(original, 5)
    acted = original.actor.act(OBSERVATION, 10_000)

    restored = agent_of(seed=99)
    load_checkpoint(tmp_path / "checkpoint", restored)
    train_a_little(restored, 5)

    for name, module in original.modules().items():
        for key, tensor in module.state_dict().items():
            assert torch.equal(tensor, restored.modules()[name].state_dict()[key]), (name, key)
    assert restored.learner.steps == 10
    assert restored.learner.temperature.value == original.learner.temperature.value != 1.0
    assert restored.actor.act(OBSERVATION, 10_000).tolist() == acted.tolist()


def test_best_weights_load_alone_and_know_the_bounds(tmp_path: Path) -> None:
    agent = agent_of(seed=0)
    with torch.no_grad():
        agent.best_network.layers[-1].bias.fill_(100.0)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress())
    elsewhere = spaces.Box(-1.0, 1.0, (2,), np.float32)
    network = SAC().make_network(spaces.Box(-1.0, 1.0, (3,), np.float32), elsewhere, CONFIG)

    load_weights(tmp_path / "checkpoint", "best", network)

    assert SAC().greedy_policy(network).action(OBSERVATION).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("name", ["critics", "temperature", "critic_optimizer"])
def test_damaged_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path / "checkpoint", agent_of(seed=0), TrainingProgress())
    (tmp_path / "checkpoint" / f"{name}.safetensors").write_bytes(b"{")

    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "checkpoint", agent_of(seed=0))
