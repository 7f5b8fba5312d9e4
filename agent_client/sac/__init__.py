"""Soft actor-critic that knows tensors and arrays, and nothing of servers.

Read ``policy``, ``critics``, ``losses``, ``actor`` and ``learner`` in that order; each is a page
and cites its paper:

- Haarnoja et al., Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement Learning with a
  Stochastic Actor, ICML 2018 (arXiv 1801.01290).
- Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018 (arXiv 1812.05905): the
  temperature that adjusts itself.
- Fujimoto et al., Addressing Function Approximation Error in Actor-Critic Methods, ICML 2018
  (arXiv 1802.09477): two critics, of which the lower one counts.

This file imports nothing, so that ``config`` can be read without loading PyTorch.
"""
