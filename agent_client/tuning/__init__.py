"""Hyper-parameters found by trying them: ``agent-client tune``.

A study is a folder. Read ``search_space`` for what is tried, ``trial`` for one training run of it,
``study`` for the folder, and ``workers`` for several at once. Optuna chooses and remembers; this
file imports nothing, so that a missing Optuna is one sentence and no traceback.
"""
