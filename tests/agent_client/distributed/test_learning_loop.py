"""The learning loop on a memory in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from agent_client.distributed.actors_log import EndedEpisode
from agent_client.distributed.learning_loop import LearningLoop
from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.draw_statistics import DRAW_FIGURES
from agent_client.errors import BatchTimeoutError, RateLimitedError, ServerUnreachableError
from agent_client.evaluation import Evaluation
from agent_client.learning.replay_table import transition_table_spec
from agent_client.loop_observers import ObservedLoop
from agent_client.training_progress import StopReason, TrainingPlan
from replay_wire.messages import Problem
from tests.agent_client.fakes import Corridor, FakeBatchSource, FakeTable, FakeTensorBatch

CONFIG = DQNConfig(
    hidden_units=(8,),
    batch_size=4,
    learning_starts=5,
    update_period=10,
    updates_per_round=5,
    importance_anneal_steps=100,
)
PLAN = TrainingPlan(
    steps=60,
    seed=1,
    evaluation_period=20,
    selection_episodes=2,
    confirmation_episodes=4,
    stop_return=None,
)


@dataclass
class FakeActors:
    """Inserts two steps each time that it is asked, which is after each gradient step."""

    steps: int = 0
    replay_size: int = 40
    actors_at_work: int = 2
    actors_held_back: int = 0
    ended: list[EndedEpisode] = field(default_factory=list)
    is_away: bool = False

    def ask(self) -> list[EndedEpisode]:
        if self.is_away:
            raise ServerUnreachableError("url", "away", may_have_happened=False)
        self.steps += 2
        ended, self.ended = self.ended, []
        return ended


@dataclass
class Bench:
    """A loop and everything around it."""

    loop: LearningLoop
    table: FakeTable
    source: FakeBatchSource
    actors: FakeActors
    published_at: list[int]
    betas: list[float]


def filled_table() -> FakeTable:
    corridor = Corridor()
    spec = transition_table_spec(CONFIG, corridor.observation_space, corridor.action_space, 1)
    table = FakeTable(spec)
    table.insert(
        [
            {
                "observation": [place],
                "action": place % 2,
                "reward": -1.0,
                "discount": 0.9,
                "next_observation": [place + 1],
            }
            for place in range(40)
        ]
    )
    return table


def bench(plan: TrainingPlan = PLAN, publish_period: int = 4, patience_s: float = 60.0) -> Bench:
    table, actors = filled_table(), FakeActors()
    published_at: list[int] = []
    betas: list[float] = []
    sources: list[FakeBatchSource] = []

    def open_batches(beta: Callable[[], float]) -> FakeBatchSource:
        def told() -> float:
            betas.append(beta())
            return betas[-1]

        sources.append(FakeBatchSource(table, CONFIG.batch_size, told))
        return sources[-1]

    loop = LearningLoop(
        evaluation_environment=Corridor(),
        agent=Agent.build((1,), 2, CONFIG, np.random.default_rng(0)),
        config=CONFIG,
        plan=plan,
        open_batches=open_batches,
        actors=actors,
        publish=lambda loop: published_at.append(loop.agent.learner.steps),
        publish_period=publish_period,
        patience_s=patience_s,
        ask_interval_s=0.0,
    )
    return Bench(loop, table, sources[0], actors, published_at, betas)


@dataclass
class Heard:
    """Keeps what a loop tells its observers."""

    episodes: list[tuple[float, int, float]] = field(default_factory=list)
    evaluated_at: list[int] = field(default_factory=list)
    stop_at: int | None = None
    loop: LearningLoop | None = None

    def on_step(self, loop: ObservedLoop) -> None:
        if self.loop is not None and loop.agent.learner.steps == self.stop_at:
            self.loop.stop_requested = True

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        self.episodes.append((episode_return, length, loop.exploration["epsilon"]))

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        self.evaluated_at.append(loop.agent.learner.steps)


def refusal() -> RateLimitedError:
    return RateLimitedError(Problem("about:blank", "", 429, "12 more inserts", "rate_limited"))


def test_it_learns_until_the_actors_have_done_all_steps() -> None:
    it = bench()

    assert it.loop.run() is StopReason.OUT_OF_STEPS

    assert it.loop.progress.step == 60
    assert it.loop.agent.learner.steps == 30
    assert it.loop.replay_size == 40


def test_new_priorities_go_back_for_the_batch_that_they_are_of() -> None:
    it = bench(replace(PLAN, steps=2))
    drawn = it.source._ready[0]

    it.loop.run()

    keys, priorities = it.source.updates[0]
    assert keys.tolist() == drawn.keys.tolist()
    assert len(priorities) == CONFIG.batch_size
    assert set(it.loop.figures) == {*DRAW_FIGURES, "epsilon", "loss", "mean_value", "gradient_norm"}


def test_weights_are_published_at_once_and_then_every_period() -> None:
    it = bench(publish_period=8)

    it.loop.run()

    assert it.published_at == [0, 8, 16, 24]


def test_evaluations_come_as_often_per_step_as_when_one_process_does_all() -> None:
    it, heard = bench(), Heard()
    it.loop.observers = (heard,)

    it.loop.run()

    assert heard.evaluated_at == [10, 20, 30, 30]  # 20 steps, at 5 updates in 10 steps; the end


def test_a_return_that_is_good_enough_and_confirmed_ends_it() -> None:
    it = bench(replace(PLAN, stop_return=-1_000.0))

    assert it.loop.run() is StopReason.SOLVED

    assert it.loop.agent.learner.steps == 10
    assert it.loop.progress.best_episodes == PLAN.confirmation_episodes


def test_actors_episodes_are_told_with_their_epsilon() -> None:
    it, heard = bench(), Heard()
    it.actors.ended = [EndedEpisode(0, 0.5, -3.0, 3, 1), EndedEpisode(1, 0.25, -5.0, 5, 1)]
    it.loop.observers = (heard,)

    it.loop.run()

    assert heard.episodes == [(-3.0, 3, 0.5), (-5.0, 5, 0.25)]
    assert it.loop.progress.episode == 2


def test_beta_rises_with_the_actors_steps() -> None:
    it = bench()

    it.loop.run()

    start, rise = CONFIG.importance_exponent_start, 0.6 / 100
    assert it.betas[:2] == [start, start]
    assert it.betas[-1] == pytest.approx(start + rise * 58)


def test_a_request_to_stop_ends_it_after_the_step_under_way() -> None:
    it = bench()
    it.loop.observers = (Heard(stop_at=7, loop=it.loop),)

    assert it.loop.run() is StopReason.INTERRUPTED

    assert it.loop.agent.learner.steps == 7


class Failing:
    """A batch source that fails some times before each batch."""

    def __init__(self, source: FakeBatchSource, cause: Exception, times: int) -> None:
        self.wait_s = 0.0
        self._source = source
        self._cause = cause
        self._times = times
        self._failed = 0

    def next_tensors(self) -> FakeTensorBatch:
        if self._failed < self._times:
            self._failed += 1
            self.wait_s += 1.0
            raise BatchTimeoutError(0.0, "none") from self._cause
        self._failed = 0
        return self._source.next_tensors()

    def update_priorities(self, *update: object) -> None:
        """Keep nothing."""


def test_actors_that_are_not_there_are_waited_for_however_long() -> None:
    it = bench(patience_s=-1.0)
    it.loop._batches = Failing(it.source, refusal(), times=3)

    assert it.loop.run() is StopReason.OUT_OF_STEPS

    turns = PLAN.steps / 2
    assert it.loop.progress.seconds_waiting == turns - it.loop.agent.learner.steps > 20.0


def test_batches_come_from_one_source_however_often_actors_are_asked() -> None:
    it = bench()

    it.loop.run()

    assert it.loop._batches is it.source
    assert len(it.source.updates) == it.loop.agent.learner.steps
    assert it.loop.progress.seconds_waiting == 0.25 * it.loop.agent.learner.steps


def test_people_see_that_it_waits_for_actors_and_how_many_there_are() -> None:
    it = bench()
    it.loop._batches = Failing(it.source, refusal(), times=1)
    told = []

    class Asks(Heard):
        def on_step(self, loop: ObservedLoop) -> None:
            told.append(loop.notes)

    it.loop.observers = (Asks(),)
    it.loop.run()

    assert told[:2] == [("2 actors", "waiting for steps"), ("2 actors",)]


def test_people_see_that_actors_wait_for_it() -> None:
    it = bench()
    it.actors.actors_at_work, it.actors.actors_held_back = 1, 1

    assert it.loop.notes == ("1 actor", "1 held back")


def test_a_server_that_stays_away_too_long_ends_it() -> None:
    it = bench(patience_s=-1.0)
    away = ServerUnreachableError("url", "away", may_have_happened=False)
    it.loop._batches = Failing(it.source, away, times=1)

    with pytest.raises(BatchTimeoutError):
        it.loop.run()


def test_a_server_that_comes_back_is_waited_for() -> None:
    it = bench(patience_s=60.0)
    it.actors.is_away = True
    away = ServerUnreachableError("url", "away", may_have_happened=False)
    it.loop._batches = Failing(it.source, away, times=2)

    class Returns(Heard):
        def on_step(self, loop: ObservedLoop) -> None:
            it.actors.is_away = loop.agent.learner.steps < 3

    it.loop.observers = (Returns(),)

    assert it.loop.run() is StopReason.OUT_OF_STEPS
