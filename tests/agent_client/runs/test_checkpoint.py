"""An agent that was saved goes on as if nothing had happened."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.network_choice import make_network
from agent_client.learning.transitions import TransitionBatch
from agent_client.run_errors import CheckpointError
from agent_client.runs.checkpoint import load_checkpoint, load_weights, save_checkpoint
from agent_client.seeding import seed_everything
from agent_client.training_progress import TrainingProgress

CONFIG = DQNConfig(hidden_units=(8,), target_update_period=3)
OBSERVATION = np.array([0.1, -0.2], np.float32)


def agent_of(seed: int, config: DQNConfig = CONFIG) -> Agent:
    return Agent.build((2,), 2, config, seed_everything(seed))


def train_a_little(agent: Agent, steps: int) -> None:
    generator = torch.Generator().manual_seed(agent.learner.steps)
    for _ in range(steps):
        batch = TransitionBatch(
            observation=torch.randn(4, 2, generator=generator),
            action=torch.tensor([0, 1, 0, 1]),
            reward=torch.ones(4),
            discount=torch.full((4,), 0.9),
            next_observation=torch.randn(4, 2, generator=generator),
            weights=torch.ones(4),
        )
        agent.learner.step(batch, 0)


def test_agent_goes_on_as_if_it_had_never_been_saved(tmp_path: Path) -> None:
    original = agent_of(seed=0)
    train_a_little(original, 5)
    save_checkpoint(tmp_path / "checkpoint", original, TrainingProgress(step=5))
    restored = agent_of(seed=99)

    load_checkpoint(tmp_path / "checkpoint", restored)
    train_a_little(original, 5)
    train_a_little(restored, 5)

    for one, other in (
        (original.network, restored.network),
        (original.learner.target_network, restored.learner.target_network),
        (original.best_network, restored.best_network),
    ):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    assert restored.learner.steps == 10


def test_random_generators_go_on_where_they_stood(tmp_path: Path) -> None:
    agent = agent_of(seed=0)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress())

    def draw(one: Agent) -> list[float]:
        generator = one.actor.generator
        return [
            random.random(),
            float(np.random.random()),
            torch.rand(1).item(),
            generator.random(),
        ]

    expected = draw(agent)
    restored = agent_of(seed=99)
    load_checkpoint(tmp_path / "checkpoint", restored)

    assert draw(restored) == expected


def test_policy_of_a_restored_agent_uses_the_restored_weights(tmp_path: Path) -> None:
    original, restored = agent_of(seed=0), agent_of(seed=99)
    with torch.no_grad():
        list(original.network.parameters())[-1].copy_(torch.tensor([0.0, 100.0]))
        list(restored.network.parameters())[-1].copy_(torch.tensor([100.0, 0.0]))
    save_checkpoint(tmp_path / "checkpoint", original, TrainingProgress())

    load_checkpoint(tmp_path / "checkpoint", restored)

    assert restored.actor._policy.action(OBSERVATION) == 1


def test_progress_reads_back(tmp_path: Path) -> None:
    progress = TrainingProgress(
        step=10, episode=2, seconds=1.5, best_return=7.0, best_episodes=3, best_step=8, solved=True
    )
    save_checkpoint(tmp_path / "checkpoint", agent_of(seed=0), progress)

    assert load_checkpoint(tmp_path / "checkpoint", agent_of(seed=0)) == progress


def test_newer_checkpoint_replaces_the_older_one_whole(tmp_path: Path) -> None:
    agent = agent_of(seed=0)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress(step=1))
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress(step=2))

    assert load_checkpoint(tmp_path / "checkpoint", agent).step == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_kill_between_the_renames_leaves_the_older_checkpoint(tmp_path: Path) -> None:
    agent = agent_of(seed=0)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress(step=1))
    shutil.move(tmp_path / "checkpoint", tmp_path / "checkpoint.old")

    assert load_checkpoint(tmp_path / "checkpoint", agent).step == 1


def test_half_written_checkpoint_is_not_taken_for_one(tmp_path: Path) -> None:
    agent = agent_of(seed=0)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress(step=1))
    (tmp_path / "checkpoint.new").mkdir()
    (tmp_path / "checkpoint.new" / "online.safetensors").write_bytes(b"half")

    assert load_checkpoint(tmp_path / "checkpoint", agent).step == 1
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress(step=2))
    assert load_checkpoint(tmp_path / "checkpoint", agent).step == 2


def test_best_weights_load_alone(tmp_path: Path) -> None:
    agent = agent_of(seed=0)
    with torch.no_grad():
        next(agent.best_network.parameters()).fill_(0.25)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress())
    network = make_network((2,), 2, CONFIG)

    load_weights(tmp_path / "checkpoint", "best", network)

    assert set(next(network.parameters()).flatten().tolist()) == {0.25}


def test_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "checkpoint", agent_of(seed=0))


def test_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint", agent_of(seed=0), TrainingProgress())
    wider = agent_of(seed=0, config=DQNConfig(hidden_units=(16,)))

    with pytest.raises(CheckpointError, match="another architecture"):
        load_checkpoint(tmp_path / "checkpoint", wider)


@pytest.mark.parametrize(
    "name", ["online.safetensors", "optimizer.safetensors", "random_states.json"]
)
def test_damaged_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    agent = agent_of(seed=0)
    save_checkpoint(tmp_path / "checkpoint", agent, TrainingProgress())
    (tmp_path / "checkpoint" / name).write_bytes(b"{")

    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "checkpoint", agent)


def test_checkpoint_holds_no_pickle(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint", agent_of(seed=0), TrainingProgress())

    for path in (tmp_path / "checkpoint").iterdir():
        assert path.suffix in {".safetensors", ".json"}
        if path.suffix == ".json":
            json.loads(path.read_text())
