"""What runs are made of, whether a run acts itself or learns from what others act.

Each function makes one part from the complete configuration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from agent_client.environments import (
    Environment,
    Environments,
    make_environment,
    make_environments,
)
from agent_client.errors import ReplayClientError
from agent_client.evaluation import Evaluation
from agent_client.learning.algorithm import Agent, Algorithm
from agent_client.loop_observers import LoopObserver, ObservedLoop
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import ServerLostError, SettingsError, UnsuitableEnvironmentError
from agent_client.runs.checkpoint import save_checkpoint
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import RunConfig
from agent_client.training_progress import TrainingPlan, TrainingProgress
from replay_wire.bearer import find_token


def connect(url: str, token_file: Path | None, tls_ca: Path | None) -> ReplayClient:
    """Return a client of a server.

    Raises:
        SettingsError: the URL is none, or a file cannot be used.
    """
    try:
        return ReplayClient(url, token=find_token(token_file), tls_ca=tls_ca)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def run_environment(run: RunConfig, seed: int, *, render_mode: str | None = None) -> Environment:
    """Return an environment of the run; raises UnsuitableEnvironmentError."""
    return make_environment(run.settings.env, seed, run.config.frame_stack, render_mode=render_mode)


def acting_environment(run: RunConfig) -> Environment | Environments:
    """Return where a run acts: one environment or several; raises UnsuitableEnvironmentError."""
    settings = run.settings
    if settings.environments == 1 and not settings.environment_processes:
        return run_environment(run, settings.seed)
    return make_environments(
        settings.env,
        settings.seed,
        settings.environments,
        run.config.frame_stack,
        in_processes=settings.environment_processes,
    )


def build_agent(
    algorithm: Algorithm[Any],
    run: RunConfig,
    environment: Environment,
    generator: np.random.Generator,
) -> Agent:
    """Return a fresh agent for an environment; raises UnsuitableEnvironmentError."""
    with said_of_the_environment(run):
        return algorithm.build(
            environment.observation_space, environment.action_space, run.config, generator
        )


@contextmanager
def said_of_the_environment(run: RunConfig) -> Iterator[None]:
    """Let an algorithm's refusal of spaces name the environment that they are of."""
    try:
        yield
    except ValueError as error:
        raise UnsuitableEnvironmentError(run.settings.env, str(error)) from error


def training_plan(run: RunConfig) -> TrainingPlan:
    """Return how long a run trains and how it chooses the best weights."""
    return TrainingPlan(
        steps=run.steps,
        seed=run.settings.seed,
        evaluation_period=run.evaluation_period,
        selection_episodes=run.preset.selection_episodes,
        confirmation_episodes=run.preset.confirmation_episodes,
        stop_return=run.stop_return,
    )


def reached(best_return: float | None, stop_return: float | None) -> bool:
    """Return whether the best mean return is one to stop at."""
    return best_return is not None and stop_return is not None and best_return >= stop_return


@contextmanager
def told_how_to_go_on(
    folder: RunFolder, progress: TrainingProgress, command: str
) -> Iterator[None]:
    """Let an error of the server's say how to take up the run, once there is one to take up."""
    before = progress.step
    try:
        yield
    except ReplayClientError as error:
        if progress.step == before:
            raise
        raise ServerLostError(folder.path, progress.step, str(error), command) from error


class Checkpoints(LoopObserver, Protocol):
    """Observes a loop and decides when to save."""

    def begin(self, agent: Agent, progress: TrainingProgress) -> None:
        """The loop is about to begin."""

    def end(self, agent: Agent, progress: TrainingProgress, *, is_over: bool) -> None:
        """The loop has ended, because the training ``is_over`` or was broken off."""


class CheckpointAtEvaluations:
    """Observes a loop and saves a checkpoint after every evaluation."""

    def __init__(self, folder: RunFolder) -> None:
        """Save to a run's folder."""
        self._path = folder.checkpoint

    def on_step(self, loop: ObservedLoop) -> None:
        """Nothing to save after single steps."""

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """Nothing to save after single episodes."""

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """Save."""
        save_checkpoint(self._path, loop.agent, loop.progress)

    def begin(self, agent: Agent, progress: TrainingProgress) -> None:
        """Nothing to save yet."""

    def end(self, agent: Agent, progress: TrainingProgress, *, is_over: bool) -> None:
        """Save, however it ended."""
        save_checkpoint(self._path, agent, progress)
