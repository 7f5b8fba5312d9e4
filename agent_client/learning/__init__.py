"""What the algorithms share: a learner's skeleton, and no more of it than they have in common.

Read ``algorithm`` first: what a run wants of an algorithm. ``config`` has the hyper-parameters of
replay, which they all have, and how one is declared; ``schedules``, ``weights``, ``transitions``
and ``replay_table`` are the parts that more than one of them uses.

This file imports nothing, so that ``config`` can be read without loading PyTorch.
"""
