"""Ape-X: many processes that act, one that learns, and a replay server between them.

Horgan et al., Distributed Prioritized Experience Replay, ICLR 2018 (arXiv 1803.00933). Nobody here
talks to anybody but the server:

- `acting_loop` acts, explores by its rung of the `ladder`, and gives each step its own
  `initial_priorities`; `weights_feed` brings it new weights.
- `learning_loop` draws, learns, sends priorities back, publishes weights, and judges them.
- `meeting_point` says under which names they find each other.

`act` and `learn` put these together for `agent-client act` and `agent-client learn`.

This file imports nothing, so that the settings can be read without loading PyTorch.
"""
