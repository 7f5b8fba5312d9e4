"""The algorithms by their names.

Their hyper-parameters are at hand at once; the rest loads PyTorch, and is loaded when asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from agent_client.dqn.config import DQNConfig
from agent_client.learning.config import ReplayConfig

if TYPE_CHECKING:
    from agent_client.learning.algorithm import Algorithm

CONFIGS: Final[Mapping[str, type[ReplayConfig]]] = {
    config.algorithm: config for config in (DQNConfig,)
}
"""The hyper-parameters of each algorithm, by what ``--algorithm`` calls it."""


def load_algorithm(name: str) -> "Algorithm[Any]":
    """Return an algorithm.

    Args:
        name: a key of ``CONFIGS``.
    """
    from agent_client.dqn.algorithm import DQN

    algorithms: dict[str, Algorithm[Any]] = {"dqn": DQN()}
    return algorithms[name]
