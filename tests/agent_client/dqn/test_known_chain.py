"""What the switches change, on a chain whose returns can be worked out, through a real server."""

import itertools

import pytest
import torch
from gymnasium import spaces

from agent_client import ReplayClient, RowWriter, StepWriter
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner
from agent_client.learning.replay_table import transition_table_spec
from agent_client.learning.transitions import TransitionBatch
from agent_client.tensors import TensorBatch
from tests.agent_client.small_networks import vector_network

REWARDS = (1.0, 2.0, 4.0, 8.0, 16.0)
GAMMA = 0.5
STATES = len(REWARDS) + 1  # the last one is the end
TABLE = "chain"


def draw(url: str, config: DQNConfig, count: int) -> TransitionBatch:
    """Walk along the chain ten times and return transitions as the server makes them."""
    space = spaces.Box(0.0, 1.0, (STATES,))
    eye = torch.eye(STATES).numpy()
    with ReplayClient(url) as client:
        client.create_table(TABLE, transition_table_spec(config, space, spaces.Discrete(1), 0))
        with RowWriter(client, TABLE) as rows:
            steps = StepWriter(rows)
            for _ in range(10):
                steps.begin(eye[0])
                for state, reward in enumerate(REWARDS):
                    steps.append(0, eye[state + 1], reward, state == len(REWARDS) - 1, False)
        batch = TensorBatch.from_batch(client.sample(TABLE, count))
        client.delete_table(TABLE)
    columns = {
        name: batch.columns[name]
        for name in ("observation", "action", "reward", "discount", "next_observation")
    }
    return TransitionBatch(**columns, weights=batch.weights)


def returns(steps: int) -> list[float]:
    """Sum so many discounted rewards from each state."""
    return [
        sum(GAMMA**k * reward for k, reward in enumerate(REWARDS[state : state + steps]))
        for state in range(len(REWARDS))
    ]


@pytest.mark.parametrize("n_step", [1, 3, 9])
def test_a_transition_counts_the_rewards_of_n_steps(server_url: str, n_step: int) -> None:
    # The target network says 0 of everything and stays so: what is learned is the reward of n
    # steps, fewer at the end.
    config = DQNConfig(
        n_step=n_step, discount=GAMMA, learning_starts=50, target_update_period=100_000,
        learning_rate=0.3, learning_rate_final=0.01, learning_rate_decay_steps=500,
    )  # fmt: skip
    learner = Learner(vector_network(STATES, 1), config)
    for parameter in learner.target_network.parameters():
        parameter.zero_()
    batch = draw(server_url, config, 64)

    for step in range(600):
        learner.step(batch, step)

    with torch.no_grad():
        values = learner.network(torch.eye(STATES))[:-1, 0]
    assert values.tolist() == pytest.approx(returns(n_step), abs=0.05)


@pytest.mark.parametrize(
    ("categorical", "dueling", "noisy"), list(itertools.product((False, True), repeat=3)), ids=str
)
def test_all_switches_find_the_same_values(
    server_url: str, categorical: bool, dueling: bool, noisy: bool
) -> None:
    config = DQNConfig(
        n_step=3, discount=GAMMA, learning_starts=50, target_update_period=20, noise_scale=0.1,
        learning_rate=0.3, learning_rate_final=0.01, learning_rate_decay_steps=500,
    )  # fmt: skip
    torch.manual_seed(0)
    network = vector_network(
        STATES, 1, categorical=categorical, dueling=dueling, noisy=noisy, noise_scale=0.1,
        atoms=33, value_min=0.0, value_max=16.0,
    )  # fmt: skip
    learner = Learner(network, config)
    batch = draw(server_url, config, 64)

    for step in range(600):
        learner.step(batch, step)

    with torch.no_grad():
        values = network(torch.eye(STATES))[:-1, 0]
    assert values.tolist() == pytest.approx(returns(len(REWARDS)), abs=0.4)


@pytest.mark.parametrize("prioritized", [True, False])
def test_priorities_decide_what_is_drawn_where_they_should(
    server_url: str, prioritized: bool
) -> None:
    config = DQNConfig(learning_starts=50, priority_exponent=float(prioritized))
    space = spaces.Box(0.0, 1.0, (1,))
    with ReplayClient(server_url) as client:
        client.create_table(TABLE, transition_table_spec(config, space, spaces.Discrete(1), 0))
        with RowWriter(client, TABLE) as rows:
            steps = StepWriter(rows)
            steps.begin([0.0])
            for step in range(60):
                steps.append(0, [0.0], float(step), False, False)
        keys = client.sample(TABLE, 512).keys
        client.update_priorities(TABLE, sorted(set(keys.tolist())), [0.0] * len(set(keys.tolist())))
        first = int(keys[0])
        client.update_priorities(TABLE, [first], [1.0])
        drawn = set(client.sample(TABLE, 512).keys.tolist())
        client.delete_table(TABLE)

    assert (drawn == {first}) == prioritized
