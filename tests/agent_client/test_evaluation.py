"""Greedy episodes and their document."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from agent_client.dqn.policies import VectorPolicy
from agent_client.environments import make_environment
from agent_client.evaluation import Evaluation, evaluate, evaluation_seeds
from agent_client.seeding import EpisodePurpose
from tests.agent_client.fakes import Corridor
from tests.agent_client.small_networks import last_layer, linear_network, vector_network


def policy_preferring(action: int) -> VectorPolicy:
    network = linear_network(0.0, 0.0)
    with torch.no_grad():
        last_layer(network).bias.copy_(torch.tensor([1.0 - action, float(action)]))
    return VectorPolicy(network)


def test_return_counts_the_rewards_until_termination() -> None:
    evaluation = evaluate(Corridor(goal=3, time_limit=5), policy_preferring(1), [0, 1])

    assert evaluation.returns == (-3.0, -3.0)


def test_return_counts_the_rewards_until_truncation() -> None:
    evaluation = evaluate(Corridor(goal=3, time_limit=5), policy_preferring(0), [0])

    assert evaluation.returns == (-5.0,)


def test_each_episode_is_reset_with_its_own_seed() -> None:
    environment = Corridor()

    evaluate(environment, policy_preferring(1), [11, 12, 13])

    assert environment.reset_seeds == [11, 12, 13]


def test_equal_seeds_bring_equal_returns_in_a_real_environment() -> None:
    torch.manual_seed(0)
    policy = VectorPolicy(vector_network(4, 2, (8,)))
    environment = make_environment("CartPole-v1", seed=0)
    seeds = evaluation_seeds(5, EpisodePurpose.EVALUATION, 5)

    first = evaluate(environment, policy, seeds)

    assert evaluate(environment, policy, seeds) == first


def test_purposes_share_no_seeds() -> None:
    seeds = [set(evaluation_seeds(0, purpose, 1_000)) for purpose in EpisodePurpose]

    assert len(set.union(*seeds)) == sum(len(group) for group in seeds)


def test_evaluation_without_episodes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one episode"):
        evaluate(Corridor(), policy_preferring(1), [])


def test_document_holds_what_the_command_line_promises(tmp_path: Path) -> None:
    evaluation = Evaluation((100.0, 200.0, 300.0))

    evaluation.write(tmp_path / "evaluation.json")

    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert document == {
        "episodes": 3,
        "mean_return": 200.0,
        "std_return": pytest.approx(np.sqrt(20_000 / 3)),
        "returns": [100.0, 200.0, 300.0],
    }
