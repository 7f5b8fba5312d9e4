"""Deep Q-learning that knows tensors and arrays, and nothing of servers.

Read ``networks``, ``losses``, ``actor`` and ``learner`` in that order; each is a page and
cites its paper:

- Mnih et al., Human-level control through deep reinforcement learning, Nature 518, 2015.
- van Hasselt et al., Deep Reinforcement Learning with Double Q-learning, AAAI 2016.
- Schaul et al., Prioritized Experience Replay, ICLR 2016.
- Lillicrap et al., Continuous control with deep reinforcement learning, ICLR 2016
  (the Polyak average of the target network).

This file imports nothing, so that ``config`` can be read without loading PyTorch.
"""
