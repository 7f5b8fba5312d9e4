"""A learner from its configuration to its files: ``agent-client learn`` without its shell."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

import torch
from rich.console import Console

from agent_client.algorithms import load_algorithm
from agent_client.distributed.actors_log import ActorsLog
from agent_client.distributed.learning_loop import LearningLoop
from agent_client.distributed.meeting_point import (
    ACTORS_SPEC,
    EPISODES_SPEC,
    LONGEST_RUN_NAME,
    actors_table,
    episodes_table,
    run_name,
)
from agent_client.distributed.weights import RunNews, encode_weights
from agent_client.distributed.weights_publisher import WeightsPublisher
from agent_client.draw_statistics import DRAW_FIGURES
from agent_client.environments import Environment, frame_space
from agent_client.learning.config import ReplayConfig
from agent_client.learning.replay_table import transition_table_spec
from agent_client.observations import drawn_columns
from agent_client.prefetcher import Prefetcher
from agent_client.replay_access import BatchSource
from agent_client.replay_client import ReplayClient
from agent_client.reporting.metrics import MetricsLog
from agent_client.reporting.progress import ProgressDisplay
from agent_client.reporting.trackers import open_tracker
from agent_client.run_errors import SettingsError
from agent_client.runs.checkpoint import load_checkpoint, save_checkpoint
from agent_client.runs.folder import RunFolder
from agent_client.runs.interrupts import stop_on_signals
from agent_client.runs.parts import (
    CheckpointAtEvaluations,
    build_agent,
    connect,
    reached,
    run_environment,
    told_how_to_go_on,
    training_plan,
)
from agent_client.runs.settings import LearnSettings, RunConfig
from agent_client.runs.table import drop_table, make_or_take
from agent_client.runs.training_run import RunResult, finish
from agent_client.seeding import seed_everything
from agent_client.training_progress import StopReason, TrainingProgress

SLACK_ROWS: Final = 512
"""How far, in rows, actors may run ahead of the learner's draws or fall behind them."""
_DRAW_WAIT_S: Final = 1.0
_BATCHES_AHEAD: Final = 4


def learn(run: RunConfig, folder: RunFolder, *, resume: bool, console: Console) -> RunResult:
    """Learn from what actors insert until the run is solved, out of steps or interrupted.

    The table is left when the run is interrupted or fails, so that it can be resumed.

    Args:
        run: the complete configuration, its settings those of a learner.
        folder: where its files go; unused unless ``resume``.
        resume: go on from the folder's checkpoint.
        console: where progress is shown.

    Raises:
        As ``runs.training_run.train``.
    """
    started = time.monotonic()
    settings = run.settings
    if not isinstance(settings, LearnSettings) or settings.server is None:
        raise SettingsError("learn needs --server: the one that the actors insert to")
    if run.config.fresh_share:
        raise SettingsError("learn has no fresh_share: actors write to one table")
    if 0 < run.config.max_times_sampled <= samples_per_insert(run.config, settings):
        raise SettingsError("max_times_sampled must be above samples_per_insert")
    if not resume:
        folder.require_unused()
    # Matrices this small are done before a second thread has woken up.
    torch.set_num_threads(1)
    generator = seed_everything(settings.seed)
    environment = run_environment(run, settings.seed)
    algorithm = load_algorithm(run.algorithm)
    agent = build_agent(algorithm, run, environment, generator)
    progress = TrainingProgress()
    if resume:
        progress = load_checkpoint(folder.checkpoint, agent)
        progress.solved = progress.solved and reached(progress.best_return, run.stop_return)
    name = settings.table or run_name(settings.env, run.algorithm)

    with (
        told_how_to_go_on(folder, progress, "learn"),
        connect(settings.server, settings.token_file, settings.tls_ca) as client,
    ):
        _make_tables(client, name, learner_table_spec(run, environment))
        folder.create(run.to_toml())
        with ExitStack() as stack:
            metrics = MetricsLog(
                folder.metrics,
                open_tracker(settings.tracker, folder.tracker, run.to_toml()),
                (*algorithm.figures, *DRAW_FIGURES),
                resume_step=progress.step if resume else None,
            )
            publisher = stack.enter_context(WeightsPublisher(client, name))
            loop = LearningLoop(
                evaluation_environment=environment,
                agent=agent,
                config=run.config,
                plan=training_plan(run),
                open_batches=_batches_of(client, name, run, environment, stack),
                actors=ActorsLog(client, name, steps_before=progress.step),
                publish=_publishing(publisher, run),
                publish_period=settings.publish_period,
                patience_s=settings.patience,
                observers=(
                    stack.enter_context(metrics),
                    stack.enter_context(ProgressDisplay(console, run.steps)),
                    CheckpointAtEvaluations(folder),
                ),
                progress=progress,
            )
            stack.enter_context(stop_on_signals(loop))
            try:
                stopped = loop.run()
            finally:
                save_checkpoint(folder.checkpoint, agent, progress)
            if stopped is not StopReason.INTERRUPTED:
                _say_that_it_is_over(publisher, run, loop, stopped)
        if stopped is not StopReason.INTERRUPTED and not (settings.table or settings.keep_table):
            for table in (name, episodes_table(name), actors_table(name)):
                drop_table(client, table)
    return finish(run, folder, stopped, agent, progress, started)


def _batches_of(
    client: ReplayClient, table: str, run: RunConfig, environment: Environment, stack: ExitStack
) -> Callable[[Callable[[], float]], BatchSource]:
    """Return what opens the prefetcher, to be closed with ``stack``."""

    def open_batches(beta: Callable[[], float]) -> BatchSource:
        return stack.enter_context(
            Prefetcher(
                client,
                table,
                run.config.batch_size,
                depth=_BATCHES_AHEAD,
                beta=beta,
                columns=drawn_columns(environment.observation_space),
                # Stacked frames repeat each other; single ones are not worth the indices.
                layout="indexed" if run.config.frame_stack > 1 else "stacked",
                timeout_s=_DRAW_WAIT_S,
            )
        )

    return open_batches


def learner_table_spec(run: RunConfig, environment: Environment) -> dict[str, Any]:
    """Return the spec of the table: the agent's, with a limiter that holds samples per insert."""
    config, settings = run.config, run.settings
    spec = transition_table_spec(
        config, frame_space(environment), environment.action_space, settings.seed
    )
    ratio = samples_per_insert(config, settings)
    return {
        **spec,
        "rate_limiter": {
            "kind": "sample_to_insert_ratio",
            "samples_per_insert": ratio,
            "min_size": spec["rate_limiter"]["min_size"],
            "error_buffer": max(ratio * SLACK_ROWS, 2.0 * _BATCHES_AHEAD * config.batch_size, 1.0),
        },
    }


def samples_per_insert(config: ReplayConfig, settings: Any) -> float:
    """Return how often a step is drawn on average: as asked for, or as `train` would draw."""
    asked: float | None = settings.samples_per_insert
    if asked is not None:
        return asked
    return config.draws_per_step


def _make_tables(client: ReplayClient, name: str, spec: Mapping[str, Any]) -> None:
    """Make the tables of a run, or take those that stand; that of the steps last.

    Raises:
        SettingsError: the name is too long.
        UnsuitableTableError: the table of the steps stands already, with other columns or items.
    """
    if len(name) > LONGEST_RUN_NAME:
        raise SettingsError(f"a run's table has a name of at most {LONGEST_RUN_NAME} characters")
    for table, small in ((actors_table(name), ACTORS_SPEC), (episodes_table(name), EPISODES_SPEC)):
        client.ensure_table(table, small)
    make_or_take(client, name, spec)


def _publishing(publisher: WeightsPublisher, run: RunConfig) -> Callable[[LearningLoop], None]:
    def publish(loop: LearningLoop) -> None:
        publisher.publish(encode_weights(_news(run, loop), loop.agent.network.state_dict()))

    return publish


def _say_that_it_is_over(
    publisher: WeightsPublisher, run: RunConfig, loop: LearningLoop, stopped: StopReason
) -> None:
    news = dataclasses.replace(
        _news(run, loop), is_over=True, outcome=f"{stopped.value} at step {loop.progress.step:,}"
    )
    publisher.publish(encode_weights(news, loop.agent.best_network.state_dict()))
    publisher.flush()


def _news(run: RunConfig, loop: LearningLoop) -> RunNews:
    return RunNews(
        algorithm=run.algorithm,
        hyperparameters=dataclasses.asdict(run.config),
        steps=loop.progress.step,
        learner_steps=loop.agent.learner.steps,
    )
