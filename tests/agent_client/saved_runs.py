"""Folders of runs that never ran: a configuration and fresh weights, made in no time."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from agent_client.algorithms import load_algorithm
from agent_client.runs.checkpoint import save_checkpoint
from agent_client.runs.folder import RunFolder
from agent_client.runs.parts import build_agent, run_environment
from agent_client.runs.settings import TrainSettings, resolve
from agent_client.training_progress import TrainingProgress


def saved_run(
    path: Path, environment_id: str, *, seed: int = 0, **hyperparameters: Any
) -> RunFolder:
    """Leave a run at ``path`` as if it had been interrupted at its first step."""
    hyperparameters = {"hidden_units": (16,)} | hyperparameters
    run = resolve(TrainSettings(env=environment_id, seed=seed, tracker="none"), hyperparameters)
    environment = run_environment(run, seed)
    torch.manual_seed(seed)
    agent = build_agent(
        load_algorithm(run.algorithm), run, environment, np.random.default_rng(seed)
    )
    folder = RunFolder(path)
    folder.create(run.to_toml())
    save_checkpoint(folder.checkpoint, agent, TrainingProgress())
    return folder
