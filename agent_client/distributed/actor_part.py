"""An actor's part in a run: it joins, takes its place, and acts until something ends that."""

import os
import secrets
import socket
import time
from typing import Final

import numpy as np
from torch import nn

from agent_client.algorithms import CONFIGS, load_algorithm
from agent_client.distributed.acting_loop import ActingEnd, ActingLoop
from agent_client.distributed.acting_place import ActingPlace, StreamRows, steps_of
from agent_client.distributed.actor_record import ActorRecord
from agent_client.distributed.displays import ActorDisplay
from agent_client.distributed.episode_reports import EpisodeReports
from agent_client.distributed.ladder import ladder_epsilon, position_of_index, position_of_ticket
from agent_client.distributed.meeting_point import draw_ticket, episodes_table
from agent_client.distributed.settings import ActSettings
from agent_client.distributed.waiting import JoinedRun, wait_for_run
from agent_client.distributed.weights import RunNews, decode_weights
from agent_client.distributed.weights_feed import WeightsFeed
from agent_client.environments import Environment, frame_space, make_environment
from agent_client.errors import UnknownTableError, WriterClosedError, WriterFailedError
from agent_client.learning.config import ReplayConfig
from agent_client.learning.replay_table import transition_table_spec
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import ForeignWeightsError, SettingsError, UnsuitableEnvironmentError
from agent_client.runs.hyperparameters import check_hyperparameters
from agent_client.runs.table import require_suitable
from agent_client.writer import RowWriter, StepWriter

_ROOM_WAIT_S: Final = 0.25
_LAST_ROWS_S: Final = 5.0
_BUFFERED_ROWS: Final = 128
"""Steps of an environment that may be ahead of the limiter: they are old when it lets them in."""
_UNFINISHED: Final = (ActingEnd.OUT_OF_STEPS, ActingEnd.STOPPED, ActingEnd.ANOTHER_RUN)


class ActorPart:
    """An actor's part in a run, and in the next where the table goes or the learner changes."""

    def __init__(
        self,
        settings: ActSettings,
        client: ReplayClient,
        feed: WeightsFeed,
        display: ActorDisplay,
        record: ActorRecord,
    ) -> None:
        """Take no part yet.

        Args:
            settings: of the actor.
            client: kept, not closed.
            feed: of the run's weights; alike.
            display: told what is waited for, and which weights there are.
            record: changed by what is done.
        """
        self._settings = settings
        self._client = client
        self._feed = feed
        self._display = display
        self._record = record
        self._joined: JoinedRun | None = None
        self._position = 0.0
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
        config = _hyperparameters(self._settings, record.run, joined.news)
        self._take_place()
        generator = np.random.default_rng(self._seed.spawn(1)[0])
        environments = self._environments(config, generator)
        network = self._network(environments[0], joined, config)
        explorer = load_algorithm(config.algorithm).explorer(
            network, environments[0].action_space, config, generator, self._epsilon
        )
        record.exploration = explorer.exploration
        limit = self._settings.steps
        rows = RowWriter(
            self._client,
            record.run,
            max_buffered_rows=_BUFFERED_ROWS * len(environments),
            append_timeout_s=_ROOM_WAIT_S,
            give_up_after_s=self._settings.patience,
        )
        reports = RowWriter(
            self._client, episodes_table(record.run), give_up_after_s=self._settings.patience
        )
        loop = ActingLoop(
            places=[
                ActingPlace(
                    environment,
                    steps_of(explorer, StepWriter(StreamRows(rows, number)), config),
                    seed=int(generator.integers(2**31)),
                    frame_stack=config.frame_stack,
                )
                for number, environment in enumerate(environments)
            ],
            explorer=explorer,
            run_step=self._run_step,
            room=rows,
            refresh=lambda: self._refresh(network),
            limit=None if limit is None else limit - record.steps,
            observers=(EpisodeReports(reports, record, self._display), self._display),
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
            self._position = position_of_index(settings.actor_index, settings.actors)
        else:
            name = f"{socket.gethostname()[:64]}-{os.getpid()}"
            record.number = draw_ticket(self._client, record.run, name)
            self._position = position_of_ticket(record.number)
        self._seed = np.random.SeedSequence((self._seed.entropy, record.number))  # type: ignore[arg-type]

    @property
    def _epsilon(self) -> float:
        settings = self._settings
        return ladder_epsilon(self._position, settings.epsilon, settings.epsilon_exponent)

    def _run_step(self) -> int:
        return 0 if self._joined is None else self._joined.news.steps

    def _environments(
        self, config: ReplayConfig, generator: np.random.Generator
    ) -> list[Environment]:
        """Return the environments to act in, once it is known that their steps fit the table."""
        settings, run = self._settings, self._record.run
        seed = int(generator.integers(2**31))
        environments = [
            make_environment(settings.env, seed + number, config.frame_stack)
            for number in range(settings.environments)
        ]
        one = environments[0]
        spec = transition_table_spec(config, frame_space(one), one.action_space, seed)
        require_suitable(run, self._client.describe_table(run), spec)
        return environments

    def _network(
        self, environment: Environment, joined: JoinedRun, config: ReplayConfig
    ) -> nn.Module:
        try:
            network = load_algorithm(config.algorithm).make_network(
                environment.observation_space, environment.action_space, config
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


def _hyperparameters(settings: ActSettings, run: str, news: RunNews) -> ReplayConfig:
    """Return the learner's hyper-parameters.

    Raises:
        SettingsError: it learns by another algorithm than was asked for.
        ForeignWeightsError: it is of another version of this program.
    """
    if settings.algorithm not in (None, news.algorithm):
        raise SettingsError(
            f"the learner of run {run!r} learns by {news.algorithm}, not by {settings.algorithm}"
        )
    if news.algorithm not in CONFIGS:
        raise ForeignWeightsError(run, f"they are of the unknown algorithm {news.algorithm!r}")
    try:
        values = check_hyperparameters(news.algorithm, news.hyperparameters)
        return CONFIGS[news.algorithm](**values)
    except (SettingsError, ValueError) as error:
        raise ForeignWeightsError(run, str(error)) from error
