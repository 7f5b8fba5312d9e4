"""Deep Q-learning that knows tensors and arrays, and nothing of servers.

Read ``networks``, ``losses``, ``actor`` and ``learner`` in that order; each is a page and
cites its paper:

- Mnih et al., Human-level control through deep reinforcement learning, Nature 518, 2015.
- van Hasselt et al., Deep Reinforcement Learning with Double Q-learning, AAAI 2016.
- Schaul et al., Prioritized Experience Replay, ICLR 2016.
- Lillicrap et al., Continuous control with deep reinforcement learning, ICLR 2016
  (the Polyak average of the target network).
"""

from agent_client.dqn.actor import Actor
from agent_client.dqn.config import DQNConfig
from agent_client.dqn.learner import Learner, LearnerStep, TransitionBatch
from agent_client.dqn.networks import GreedyPolicy, QNetwork
from agent_client.dqn.replay_table import transition_columns, transition_table_spec
from agent_client.dqn.schedules import LinearSchedule

__all__ = [
    "Actor",
    "DQNConfig",
    "GreedyPolicy",
    "Learner",
    "LearnerStep",
    "LinearSchedule",
    "QNetwork",
    "TransitionBatch",
    "transition_columns",
    "transition_table_spec",
]
