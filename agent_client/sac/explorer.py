"""What acts for a learner elsewhere: the stochastic policy, which needs nothing else to explore."""

from collections.abc import Mapping
from typing import Final

from agent_client.learning.algorithm import Choice
from agent_client.observations import Observation
from agent_client.sac.actor import Actor


class PolicyExplorer:
    """Draws actions from the policy; at first uniformly, as ``Actor`` does in a run by itself.

    What actors get of a learner is the policy: they know no values.
    """

    tells_values = False
    exploration: Final[Mapping[str, float]] = {}

    def __init__(self, actor: Actor) -> None:
        """Act as an actor does."""
        self._actor = actor

    def choose(self, observation: Observation, run_step: int) -> Choice:
        """Return what to do."""
        return Choice(self._actor.act(observation, run_step))
