"""A training run from its configuration to its files: ``agent-client train`` without its shell.

Opens what is needed (server, client, table, writer, prefetcher, metrics), lets the training
loop do its work, and afterwards evaluates the best weights and draws the learning curve.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass

import torch
from rich.console import Console

from agent_client.algorithms import load_algorithm
from agent_client.draw_statistics import DRAW_FIGURES
from agent_client.environments import Environment, frame_space
from agent_client.evaluation import Evaluation, evaluate, evaluation_seeds
from agent_client.learning.algorithm import Agent
from agent_client.learning.replay_table import fresh_table_spec, transition_table_spec
from agent_client.loop_observers import LoopObserver
from agent_client.replay_client import ReplayClient
from agent_client.reporting.learning_curve import draw_learning_curve
from agent_client.reporting.metrics import MetricsLog, read_metrics
from agent_client.reporting.progress import ProgressDisplay
from agent_client.reporting.trackers import open_tracker
from agent_client.runs.checkpoint import ReplayCheckpoint, load_checkpoint, replay_of
from agent_client.runs.folder import RunFolder, Weights
from agent_client.runs.interrupts import stop_on_signals
from agent_client.runs.parts import (
    CheckpointAtEvaluations,
    Checkpoints,
    acting_environment,
    build_agent,
    connect,
    reached,
    run_environment,
    told_how_to_go_on,
    training_plan,
)
from agent_client.runs.replay import open_replay, run_server
from agent_client.runs.saved_policy import load_policy
from agent_client.runs.settings import RunConfig
from agent_client.runs.table import RunTable, fresh_table_name, open_run_table, own_table_name
from agent_client.runs.whole_checkpoints import WholeCheckpoints
from agent_client.seeding import EpisodePurpose, seed_everything
from agent_client.training_loop import TrainingLoop
from agent_client.training_progress import StopReason, TrainingProgress


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run.

    Attributes:
        stopped: why training ended.
        progress: where it ended.
        learner_steps: gradient steps done.
        seconds: wall-clock time of everything, server and evaluation included.
        evaluation: greedy episodes with the best weights; None if it was interrupted.
    """

    stopped: StopReason
    progress: TrainingProgress
    learner_steps: int
    seconds: float
    evaluation: Evaluation | None


def train(
    run: RunConfig,
    folder: RunFolder,
    *,
    resume: bool,
    console: Console,
    observers: tuple[LoopObserver, ...] = (),
) -> RunResult:
    """Carry out a run.

    Args:
        run: the complete configuration.
        folder: where its files go; unused unless ``resume``.
        resume: go on from the folder's checkpoint.
        console: where progress is shown.
        observers: told what happens, after the run's own.

    Raises:
        UnsuitableEnvironmentError: the environment cannot be used.
        RunFolderError: the folder is in use, or cannot be written.
        CheckpointError: there is nothing to resume from.
        EmbeddedServerError, ReplayClientError, UnsuitableTableError: about the server, at first.
        ServerLostError: it stayed away longer than the settings' patience, or refused.
        TrackerUnavailableError: the tracker's library is missing.
    """
    started = time.monotonic()
    if not resume:
        folder.require_unused()
    # Matrices this small are done before a second thread has woken up.
    torch.set_num_threads(1)
    settings = run.settings
    generator = seed_everything(settings.seed)
    environment = run_environment(run, settings.seed)
    algorithm = load_algorithm(run.algorithm)
    agent = build_agent(algorithm, run, environment, generator)
    progress, kept = TrainingProgress(), None
    if resume:
        progress = load_checkpoint(folder.checkpoint, agent)
        progress.solved = progress.solved and reached(progress.best_return, run.stop_return)
        kept = None if settings.server else replay_of(folder.checkpoint)

    with told_how_to_go_on(folder, progress, "train"), ExitStack() as stack:
        url = stack.enter_context(run_server(run, folder, kept))
        client = stack.enter_context(connect(url, settings.token_file, settings.tls_ca))
        table = stack.enter_context(_open_table(client, run, environment, kept))
        folder.create(run.to_toml())
        tracker = open_tracker(settings.tracker, folder.tracker, run.to_toml())
        metrics = MetricsLog(
            folder.metrics,
            tracker,
            (*algorithm.figures, *DRAW_FIGURES),
            resume_step=progress.step if resume else None,
        )
        display = ProgressDisplay(console, run.steps)
        fresh = stack.enter_context(_open_fresh_table(client, run, environment, table))
        replay = open_replay(client, table.name, fresh, run, environment, stack)
        checkpoints: Checkpoints = (
            WholeCheckpoints(folder, client, table.name, replay.ordered)
            if replay.ordered is not None and settings.server is None
            else CheckpointAtEvaluations(folder)
        )
        loop = TrainingLoop(
            environment=stack.enter_context(closing(acting_environment(run))),
            evaluation_environment=environment,
            agent=agent,
            config=run.config,
            plan=training_plan(run),
            writer=replay.writer,
            open_batches=replay.open_batches,
            observers=(
                stack.enter_context(metrics),
                stack.enter_context(display),
                checkpoints,
                *observers,
            ),
            # What a restored table holds are the run's own steps.
            rows_before=table.size if kept is None else progress.step,
            progress=progress,
        )
        stack.enter_context(stop_on_signals(loop))
        stopped = _run(loop, checkpoints)

    return finish(run, folder, stopped, agent, progress, started)


def _run(loop: TrainingLoop, checkpoints: Checkpoints) -> StopReason:
    """Run a loop; however it ends, there is a checkpoint to go on from."""
    is_over = False
    checkpoints.begin(loop.agent, loop.progress)
    try:
        stopped = loop.run()
        is_over = stopped is not StopReason.INTERRUPTED
    finally:
        checkpoints.end(loop.agent, loop.progress, is_over=is_over)
    return stopped


def finish(
    run: RunConfig,
    folder: RunFolder,
    stopped: StopReason,
    agent: Agent,
    progress: TrainingProgress,
    started: float,
) -> RunResult:
    """Evaluate the best weights of a run that has ended and draw its learning curve.

    Args:
        run: the complete configuration.
        folder: where its files are and go.
        stopped: why it ended; one that was interrupted is not over, and gets neither.
        agent: as it ended.
        progress: where it ended.
        started: when it began, as ``time.monotonic`` told it.
    """
    settings = run.settings
    evaluation = None
    if stopped is not StopReason.INTERRUPTED:
        evaluation = evaluate_run(run, folder, settings.evaluation_episodes, settings.seed)
        draw_learning_curve(
            read_metrics(folder.metrics),
            folder.learning_curve,
            title=f"{run.algorithm.upper()} on {settings.env}, seed {settings.seed}",
            solved_return=run.preset.solved_return,
        )
    return RunResult(
        stopped=stopped,
        progress=progress,
        learner_steps=agent.learner.steps,
        seconds=time.monotonic() - started,
        evaluation=evaluation,
    )


def evaluate_run(
    run: RunConfig, folder: RunFolder, episodes: int, seed: int, weights: Weights = "best"
) -> Evaluation:
    """Play greedy episodes with a run's weights and write its ``evaluation.json``.

    Args:
        run: configuration of the run.
        folder: of the run.
        episodes: how many; at least one.
        seed: of the episodes; equal seeds bring equal returns.
        weights: which of them; those of other than the best ones have a file of their own.

    Raises:
        UnsuitableEnvironmentError: the environment cannot be used.
        CheckpointError: the folder holds no weights, or they do not fit.
    """
    saved = load_policy(run, folder, seed, weights=weights)
    seeds = evaluation_seeds(seed, EpisodePurpose.EVALUATION, episodes)
    evaluation = evaluate(saved.environment, saved.policy, seeds)
    evaluation.write(folder.evaluation_of(weights))
    return evaluation


def _open_table(
    client: ReplayClient,
    run: RunConfig,
    environment: Environment,
    kept: ReplayCheckpoint | None,
) -> AbstractContextManager[RunTable]:
    settings = run.settings
    return open_run_table(
        client,
        transition_table_spec(
            run.config, frame_space(environment), environment.action_space, settings.seed
        ),
        name=settings.table if kept is None else kept.table,
        own_name=own_table_name(settings.env, run.algorithm, settings.seed),
        keep=settings.keep_table,
    )


@contextmanager
def _open_fresh_table(
    client: ReplayClient, run: RunConfig, environment: Environment, table: RunTable
) -> Iterator[str | None]:
    """Give the table of the newest steps beside that of all; None where the run wants none."""
    settings = run.settings
    if not run.config.fresh_share:
        yield None
        return
    name = fresh_table_name(table.name)
    spec = fresh_table_spec(
        run.config, frame_space(environment), environment.action_space, settings.seed
    )
    named = name if settings.table else None
    with open_run_table(client, spec, name=named, own_name=name, keep=settings.keep_table):
        yield name
