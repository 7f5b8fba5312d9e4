"""A policy that a run has left: its best weights or its last, in an environment to act in."""

from dataclasses import dataclass

import torch

from agent_client.algorithms import load_algorithm
from agent_client.environments import Environment
from agent_client.learning.algorithm import Exportable, Policy
from agent_client.runs.checkpoint import load_weights
from agent_client.runs.folder import RunFolder, Weights
from agent_client.runs.parts import run_environment, said_of_the_environment
from agent_client.runs.settings import RunConfig


@dataclass(frozen=True, slots=True)
class SavedPolicy:
    """A policy and where it acts.

    Attributes:
        environment: of the run, in no episode.
        policy: the greedy one of the weights.
        exportable: the same as a module of tensors.
    """

    environment: Environment
    policy: Policy
    exportable: Exportable


def load_policy(
    run: RunConfig,
    folder: RunFolder,
    seed: int,
    *,
    weights: Weights = "best",
    render_mode: str | None = None,
) -> SavedPolicy:
    """Return the policy of some of a run's weights.

    Args:
        run: configuration of the run.
        folder: of the run.
        seed: of the environment's action space.
        weights: which of them.
        render_mode: as ``make_environment``.

    Raises:
        UnsuitableEnvironmentError: the environment cannot be used.
        CheckpointError: the folder holds no weights, or they do not fit.
    """
    torch.set_num_threads(1)  # as when it was trained
    environment = run_environment(run, seed, render_mode=render_mode)
    algorithm = load_algorithm(run.algorithm)
    with said_of_the_environment(run):
        network = algorithm.make_network(
            environment.observation_space, environment.action_space, run.config
        )
    name = algorithm.network_name if weights == "last" else weights
    load_weights(folder.checkpoint, name, network)
    return SavedPolicy(environment, algorithm.greedy_policy(network), algorithm.exportable(network))
