"""Deep Q-learning that knows tensors and arrays, and nothing of servers.

Read ``networks``, ``heads``, ``losses``, ``actor`` and ``learner`` in that order; each is a page
and cites its paper. What makes it Rainbow is a switch each in ``config``:

- Mnih et al., Human-level control through deep reinforcement learning, Nature 518, 2015.
- van Hasselt et al., Deep Reinforcement Learning with Double Q-learning, AAAI 2016.
- Schaul et al., Prioritized Experience Replay, ICLR 2016.
- Lillicrap et al., Continuous control with deep reinforcement learning, ICLR 2016
  (the Polyak average of the target network).
- Wang et al., Dueling Network Architectures for Deep Reinforcement Learning, ICML 2016: ``heads``.
- Bellemare et al., A Distributional Perspective on Reinforcement Learning, ICML 2017:
  ``categorical_return``; Dabney et al., AAAI 2018: ``quantile_return``.
- Fortunato et al., Noisy Networks for Exploration, ICLR 2018: ``noisy_linear``.
- Hessel et al., Rainbow: Combining Improvements in Deep Reinforcement Learning, AAAI 2018:
  ``DQNConfig.rainbow``.

This file imports nothing, so that ``config`` can be read without loading PyTorch.
"""
