"""An actor from its settings to its end: ``agent-client act`` without its shell."""

import os
import secrets
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np
import torch
from rich.console import Console
from torch import nn

from agent_client.algorithms import CONFIGS, load_algorithm
from agent_client.distributed.acting_loop import ActingEnd, ActingLoop
from agent_client.distributed.displays import ActorDisplay
from agent_client.distributed.initial_priorities import PrioritizedSteps
from agent_client.distributed.ladder import ladder_epsilon, position_of_index, position_of_ticket
from agent_client.distributed.meeting_point import draw_ticket, episode_row, episodes_table
from agent_client.distributed.settings import ActSettings
from agent_client.distributed.waiting import JoinedRun, wait_for_run
from agent_client.distributed.weights import RunNews, decode_weights
from agent_client.distributed.weights_feed import WeightsFeed
from agent_client.dqn.networks import QNetwork
from agent_client.dqn.policies import greedy_policy
from agent_client.environments import Environment, frame_space, make_environment
from agent_client.errors import UnknownTableError, WriterClosedError, WriterFailedError
from agent_client.learning.config import ReplayConfig
from agent_client.learning.replay_table import transition_table_spec
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import ForeignWeightsError, SettingsError, UnsuitableEnvironmentError
from agent_client.runs.hyperparameters import check_hyperparameters
from agent_client.runs.interrupts import stop_on_signals
from agent_client.runs.parts import connect
from agent_client.runs.table import require_suitable
from agent_client.writer import RowWriter, StepWriter

_ROOM_WAIT_S: Final = 0.25
_LAST_ROWS_S: Final = 5.0
_BUFFERED_ROWS: Final = 128
"""Steps that an actor may be ahead of the rate limiter: they are old when it lets them in."""


@dataclass
class ActorRecord:
    """Who an actor is, and what it has done in all runs that it took part in.

    Attributes:
        run: name of the run.
        number: its index, or the number that it was given; None where it found no run.
        epsilon: its probability of a random action.
        steps: environment steps done.
        episodes: ended.
        seconds: spent acting; waiting for a run is not included.
        seconds_held_back: of these, spent waiting for the rate limiter.
        weights_loaded: versions of the weights that it acted with.
        unsent_rows: rows that the server did not take any more.
        end: why it ended.
        outcome: of the run, as its learner told it; "" where the run is not over.
        stop_requested: set by a signal.
    """

    run: str
    number: int | None = None
    epsilon: float = 0.0
    steps: int = 0
    episodes: int = 0
    seconds: float = 0.0
    seconds_held_back: float = 0.0
    weights_loaded: int = 0
    unsent_rows: int = 0
    end: ActingEnd = ActingEnd.RUN_IS_OVER
    outcome: str = ""
    stop_requested: bool = field(default=False, repr=False)

    def summary(self) -> str:
        """Return all of this in one sentence."""
        outcome = f" ({self.outcome})" if self.outcome else ""
        if self.number is None:
            return f"no part was taken in run {self.run!r}: {self.end.value}{outcome}"
        rate = self.steps / max(self.seconds - self.seconds_held_back, 1e-9)
        unsent = f", of which {self.unsent_rows} rows were not sent" if self.unsent_rows else ""
        return (
            f"actor {self.number} of run {self.run!r} ended, since {self.end.value}{outcome}: "
            f"{self.steps:,} steps in {self.episodes:,} episodes with epsilon "
            f"{self.epsilon:.4f}{unsent}; {rate:,.0f} steps/s, held back "
            f"{self.seconds_held_back:.1f} of {self.seconds:.1f} s"
        )


def act(settings: ActSettings, *, console: Console) -> ActorRecord:
    """Act until the run is over, the steps are done, or a signal comes.

    Args:
        settings: of the actor.
        console: where progress is shown.

    Raises:
        NoRunError: no run could be joined in time.
        UnsuitableEnvironmentError, UnsuitableTableError, ForeignWeightsError, SettingsError: the
            learner is at something else.
        ReplayClientError: the server refused, or stayed away for too long.
    """
    # Matrices this small are done before a second thread has woken up.
    torch.set_num_threads(1)
    record = ActorRecord(settings.run)
    with ExitStack() as stack:
        client = stack.enter_context(connect(settings.server, settings.token_file, settings.tls_ca))
        feed = stack.enter_context(WeightsFeed(client, record.run))
        display = stack.enter_context(ActorDisplay(console))
        stack.enter_context(stop_on_signals(record))
        part = _Part(settings, client, feed, display, record)
        while part.join():
            record.end = part.play()
            if record.end in _FINAL:
                break
    return record


_FINAL: Final = (ActingEnd.OUT_OF_STEPS, ActingEnd.RUN_IS_OVER, ActingEnd.STOPPED)


class _Part:
    """An actor's part in a run, and in the next where the table goes or the learner changes."""

    def __init__(
        self,
        settings: ActSettings,
        client: ReplayClient,
        feed: WeightsFeed,
        display: ActorDisplay,
        record: ActorRecord,
    ) -> None:
        self._settings = settings
        self._client = client
        self._feed = feed
        self._display = display
        self._record = record
        self._joined: JoinedRun | None = None
        seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self._seed = np.random.SeedSequence(seed)

    def join(self) -> bool:
        """Wait for a run; return whether there is one to take part in."""
        record = self._record
        found = wait_for_run(
            self._client,
            self._feed,
            record.run,
            known=self._joined,
            patience_s=self._settings.patience,
            is_stopped=lambda: record.stop_requested,
            say=self._display.say,
        )
        if found is None or found.news.is_over:
            record.end = ActingEnd.RUN_IS_OVER
            if record.stop_requested:
                record.end = ActingEnd.STOPPED
            record.outcome = "" if found is None else found.news.outcome
            return False
        self._joined = found
        return True

    def play(self) -> ActingEnd:
        """Act in the run that was joined until something ends it; return what."""
        joined, record = self._joined, self._record
        assert joined is not None
        config = _hyperparameters(record.run, joined.news)
        self._take_place()
        generator = np.random.default_rng(self._seed.spawn(1)[0])
        seed = int(generator.integers(2**31))
        environment = make_environment(self._settings.env, seed, config.frame_stack)
        self._require_same_table(environment, config, seed)
        network = self._network(environment, joined, config)
        limit = self._settings.steps
        rows = RowWriter(
            self._client,
            record.run,
            max_buffered_rows=_BUFFERED_ROWS,
            append_timeout_s=_ROOM_WAIT_S,
            give_up_after_s=self._settings.patience,
        )
        reports = RowWriter(
            self._client, episodes_table(record.run), give_up_after_s=self._settings.patience
        )
        loop = ActingLoop(
            environment=environment,
            values=greedy_policy(network).values,
            epsilon=record.epsilon,
            generator=generator,
            steps=PrioritizedSteps(
                StepWriter(rows),
                n_step=config.n_step,
                discount=config.discount,
                epsilon_priority=config.epsilon_priority,
                reward_limit=config.reward_limit,
            ),
            room=rows,
            refresh=lambda: self._refresh(network),
            seed=seed,
            frame_stack=config.frame_stack,
            limit=None if limit is None else limit - record.steps,
            observers=(_Reports(reports, record, self._display), self._display),
        )
        end = self._run(loop)
        for writer in (rows, reports):
            self._close(writer, _LAST_ROWS_S if end in _UNFINISHED else 0.0)
        return end

    def _run(self, loop: ActingLoop) -> ActingEnd:
        began_at, record = time.monotonic(), self._record
        try:
            return loop.run()
        except WriterFailedError as error:
            if not isinstance(error.__cause__, UnknownTableError):
                raise
            return ActingEnd.TABLE_IS_GONE
        finally:
            record.steps += loop.step
            record.episodes += loop.episode
            record.seconds += time.monotonic() - began_at
            record.seconds_held_back += loop.seconds_held_back

    def _take_place(self) -> None:
        """Take a place on the ladder; the one that was taken before, if any."""
        settings, record = self._settings, self._record
        if record.number is not None:
            return
        if settings.actor_index is not None and settings.actors is not None:
            record.number = settings.actor_index
            position = position_of_index(settings.actor_index, settings.actors)
        else:
            name = f"{socket.gethostname()[:64]}-{os.getpid()}"
            record.number = draw_ticket(self._client, record.run, name)
            position = position_of_ticket(record.number)
        record.epsilon = ladder_epsilon(position, settings.epsilon, settings.epsilon_exponent)
        self._seed = np.random.SeedSequence((self._seed.entropy, record.number))  # type: ignore[arg-type]

    def _require_same_table(
        self, environment: Environment, config: ReplayConfig, seed: int
    ) -> None:
        space = frame_space(environment)
        spec = transition_table_spec(config, space, environment.action_space, seed)
        run = self._record.run
        require_suitable(run, self._client.describe_table(run), spec)

    def _network(
        self, environment: Environment, joined: JoinedRun, config: ReplayConfig
    ) -> QNetwork:
        try:
            network = cast(
                "QNetwork",
                load_algorithm(joined.news.algorithm).make_network(
                    environment.observation_space, environment.action_space, config
                ),
            )
        except ValueError as error:
            raise UnsuitableEnvironmentError(self._settings.env, str(error)) from error
        self._load(network, joined)
        return network

    def _refresh(self, network: nn.Module) -> ActingEnd | None:
        """Load new weights where there are some; return why to end, or None."""
        if self._record.stop_requested:
            return ActingEnd.STOPPED
        stored = self._feed.take()
        if stored is None:
            return None
        before = self._joined
        self._joined = JoinedRun(*decode_weights(self._record.run, stored.content), stored.version)
        news = self._joined.news
        if news.is_over:
            self._record.outcome = news.outcome
            return ActingEnd.RUN_IS_OVER
        if before is None or not news.is_same_agent(before.news):
            return ActingEnd.ANOTHER_RUN
        self._load(network, self._joined)
        return None

    def _load(self, network: nn.Module, joined: JoinedRun) -> None:
        try:
            network.load_state_dict(joined.weights)
        except RuntimeError as error:
            raise ForeignWeightsError(
                self._record.run, f"they do not fit {self._settings.env}"
            ) from error
        self._record.weights_loaded += 1
        self._display.weights_version = joined.version

    def _close(self, writer: RowWriter, timeout_s: float) -> None:
        """Close a writer; rows that are left when a run has ended are of no use to anybody."""
        try:
            writer.close(timeout_s)
        except WriterClosedError as error:
            self._record.unsent_rows += error.unsent.count


_UNFINISHED: Final = (ActingEnd.OUT_OF_STEPS, ActingEnd.STOPPED, ActingEnd.ANOTHER_RUN)


class _Reports:
    """Observes an acting loop and tells the learner of each episode."""

    def __init__(self, writer: RowWriter, record: ActorRecord, display: ActorDisplay) -> None:
        self._writer = writer
        self._record = record
        self._display = display

    def on_step(self, loop: ActingLoop) -> None:
        """Single steps are not told."""

    def on_episode(self, loop: ActingLoop, episode_return: float, length: int) -> None:
        """Tell of an episode."""
        self._writer.append(
            episode_row(
                actor=self._record.number or 0,
                epsilon=loop.epsilon,
                total=episode_return,
                length=length,
                weights_version=self._display.weights_version,
            )
        )


def _hyperparameters(run: str, news: RunNews) -> ReplayConfig:
    """Return the learner's hyper-parameters.

    Raises:
        SettingsError: it is of an algorithm that `act` cannot act for.
        ForeignWeightsError: it is of another version of this program.
    """
    if news.algorithm != "dqn":
        raise SettingsError(f"act knows the algorithm 'dqn' only, not {news.algorithm!r}")
    try:
        values = check_hyperparameters(news.algorithm, news.hyperparameters)
        return CONFIGS[news.algorithm](**values)
    except (SettingsError, ValueError) as error:
        raise ForeignWeightsError(run, str(error)) from error
