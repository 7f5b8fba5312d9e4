"""The algorithms by their names, and which of them suits an environment.

Their hyper-parameters are at hand at once; the rest loads PyTorch, and is loaded when asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agent_client.dqn.config import DQNConfig
from agent_client.learning.config import ReplayConfig
from agent_client.sac.config import SACConfig

if TYPE_CHECKING:
    from agent_client.learning.algorithm import Algorithm

CONFIGS: Final[Mapping[str, type[ReplayConfig]]] = {
    config.algorithm: config for config in (DQNConfig, SACConfig)
}
"""The hyper-parameters of each algorithm, by what ``--algorithm`` calls it."""


def load_algorithm(name: str) -> "Algorithm[Any]":
    """Return an algorithm.

    Args:
        name: a key of ``CONFIGS``.
    """
    from agent_client.dqn.algorithm import DQN
    from agent_client.sac.algorithm import SAC

    algorithms: dict[str, Algorithm[Any]] = {"dqn": DQN(), "sac": SAC()}
    return algorithms[name]


def algorithm_for(environment_id: str) -> str:
    """Return the name of the algorithm that suits an environment's actions; makes one to look.

    Raises:
        UnsuitableEnvironmentError: there is no such environment, or none suits it.
    """
    from gymnasium import spaces

    from agent_client.environments import make_environment

    environment = make_environment(environment_id, seed=0)
    is_continuous = isinstance(environment.action_space, spaces.Box)
    environment.close()
    return (SACConfig if is_continuous else DQNConfig).algorithm
