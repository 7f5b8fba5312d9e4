"""What SAC takes and what it refuses."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from agent_client.sac.algorithm import SAC
from agent_client.sac.config import SACConfig

CONFIG = SACConfig(hidden_units=(4,))
VECTOR = spaces.Box(-1.0, 1.0, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (8, 8, 3), np.uint8)
ACTION = spaces.Box(-1.0, 1.0, (2,), np.float32)


@pytest.mark.parametrize(
    ("observation", "size"),
    [
        pytest.param(VECTOR, 3, id="vector"),
        pytest.param(spaces.Box(-1.0, 1.0, (4, 3), np.float32), 12, id="stack_of_vectors"),
        pytest.param(spaces.Dict({"arm": VECTOR, "goal": ACTION}), 5, id="parts"),
    ],
)
def test_vectors_are_taken(observation: spaces.Space[Any], size: int) -> None:
    agent = SAC().build(observation, ACTION, CONFIG, np.random.default_rng(0))

    assert agent.network.layers[0].in_features == size
    assert SAC().make_network(observation, ACTION, CONFIG).layers[0].in_features == size


@pytest.mark.parametrize(
    ("observation", "action", "said"),
    [
        pytest.param(VECTOR, spaces.Discrete(3), "--algorithm dqn", id="discrete_actions"),
        pytest.param(
            VECTOR, spaces.Box(-np.inf, np.inf, (2,), np.float32), "finite", id="unbounded_actions"
        ),
        pytest.param(IMAGE, ACTION, "images", id="images"),
        pytest.param(spaces.Dict({"arm": VECTOR, "eye": IMAGE}), ACTION, "images", id="eye"),
    ],
)
def test_what_does_not_suit_is_refused(
    observation: spaces.Space[Any], action: spaces.Space[Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        SAC().build(observation, action, CONFIG, np.random.default_rng(0))
    with pytest.raises(ValueError, match=said):
        SAC().make_network(observation, action, CONFIG)
