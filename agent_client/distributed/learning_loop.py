"""The learning loop: draw, learn, send priorities back, publish weights, judge them now and then.

How much is learned per step is not decided here but by the table's rate limiter: where actors are
slow, draws wait for them, and where they are fast, they wait for draws.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from agent_client.best_weights import judge
from agent_client.distributed.actors_log import EndedEpisode
from agent_client.draw_statistics import draw_figures, with_draw
from agent_client.environments import Environment
from agent_client.errors import (
    BatchTimeoutError,
    RateLimitedError,
    ServerUnavailableError,
    ServerUnreachableError,
)
from agent_client.learning.algorithm import Agent
from agent_client.learning.config import ReplayConfig
from agent_client.learning.freshness import faded
from agent_client.learning.schedules import LinearSchedule
from agent_client.loop_observers import LoopObserver
from agent_client.replay_access import BatchSource, transitions_of
from agent_client.training_progress import StopReason, TrainingPlan, TrainingProgress

ASK_INTERVAL_S: Final = 0.5


class Actors(Protocol):
    """What the loop wants of ``actors_log.ActorsLog``."""

    @property
    def steps(self) -> int:
        """Rows inserted by the run's actors."""

    @property
    def replay_size(self) -> int:
        """Items in the table."""

    @property
    def actors_at_work(self) -> int:
        """Actors that insert, or wait to, or of which an episode has been heard lately."""

    @property
    def actors_held_back(self) -> int:
        """Those of them that wait for the learner."""

    def ask(self) -> list[EndedEpisode]:
        """Bring the numbers up to date; return the episodes ended since."""


@dataclass
class LearningLoop:
    """Trains an agent on what others act; holds what its observers may read.

    Attributes:
        evaluation_environment: for greedy episodes; they are played between gradient steps.
        agent: changed by training; its actor is not used.
        config: hyper-parameters.
        plan: how long, and when to stop; its evaluation period counts steps of the actors, and
            stands for as many gradient steps as the limiter lets there be in the meantime.
        open_batches: called once, with a function that tells the importance exponent beta of the
            moment; returns what batches come from, whose waits are short, so that a signal need
            not wait for actors.
        actors: tells what they did.
        publish: called with the loop to have the weights published.
        publish_period: gradient steps in between.
        patience_s: how long the server may be away.
        observers: told what happens, in this order.
        ask_interval_s: seconds between questions to ``actors``.
        progress: where the run stands; given when a run is taken up again.
        stop_requested: set it from a signal handler to end the loop after the step under way.
        epsilon: of the actor whose episode was heard of last.
        replay_size: items in the table when it was last asked.
        is_waiting: whether the last draw found too few new steps in the table.
    """

    evaluation_environment: Environment
    agent: Agent
    config: ReplayConfig
    plan: TrainingPlan
    open_batches: Callable[[Callable[[], float]], BatchSource]
    actors: Actors
    publish: Callable[["LearningLoop"], None]
    publish_period: int
    patience_s: float
    observers: tuple[LoopObserver, ...] = ()
    ask_interval_s: float = ASK_INTERVAL_S
    progress: TrainingProgress = field(default_factory=TrainingProgress)
    stop_requested: bool = False
    epsilon: float = field(default=0.0, init=False)
    replay_size: int = field(default=0, init=False)
    is_waiting: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Set up what follows from the arguments."""
        config = self.config
        self._beta = LinearSchedule(
            config.importance_exponent_start,
            config.importance_exponent_final,
            config.importance_anneal_steps,
        )
        updates_per_step = config.updates_per_round / config.update_period
        self._evaluation_updates = max(1, round(self.plan.evaluation_period * updates_per_step))
        self._batches = self.open_batches(lambda: self.beta)
        self._waited_before = self.progress.seconds_waiting
        self._asked_at = -self.ask_interval_s
        self._served_at = 0.0

    @property
    def beta(self) -> float:
        """The importance exponent at the present step."""
        return self._beta.value(self.progress.step)

    @property
    def exploration(self) -> Mapping[str, float]:
        """How much is explored; by epsilon, that of the actor whose episode was heard of last."""
        own = self.agent.exploration(self.progress.step)
        return {**own, "epsilon": self.epsilon} if "epsilon" in own else own

    @property
    def figures(self) -> Mapping[str, float]:
        """What is told of exploration, of the newest gradient step, if any, and of draws."""
        progress = self.progress
        drawn = draw_figures(progress.draws, progress.step)
        return {**self.exploration, **progress.learner_figures, **drawn}

    @property
    def notes(self) -> tuple[str, ...]:
        """How many actors there are, and who waits: it for them, or some of them for it."""
        count, held_back = self.actors.actors_at_work, self.actors.actors_held_back
        actors = "1 actor" if count == 1 else f"{count} actors"
        if self.is_waiting:
            return actors, "waiting for steps"
        return (actors, f"{held_back} held back") if held_back else (actors,)

    def run(self) -> StopReason:
        """Learn until the plan is fulfilled or somebody sets ``stop_requested``.

        Errors of the batch source and the publisher pass through.
        """
        progress, learner = self.progress, self.agent.learner
        started = time.monotonic() - progress.seconds
        self._served_at = time.monotonic()
        self.publish(self)
        while not progress.solved and progress.step < self.plan.steps:
            if self.stop_requested:
                return StopReason.INTERRUPTED
            if self._learn():
                if learner.steps % self.publish_period == 0:
                    self.publish(self)
                if learner.steps % self._evaluation_updates == 0:
                    self._evaluate()
            progress.seconds = time.monotonic() - started
            self._ask_now_and_then()
            for observer in self.observers:
                observer.on_step(self)
        if not progress.solved:
            self._evaluate()
        return StopReason.SOLVED if progress.solved else StopReason.OUT_OF_STEPS

    def _learn(self) -> bool:
        """Take one gradient step; return whether there was a batch for it.

        Raises:
            BatchTimeoutError: for as long as the server may be away there was none.
        """
        try:
            batch = self._batches.next_tensors().stacked()
        except BatchTimeoutError as error:
            self.is_waiting = isinstance(error.__cause__, RateLimitedError)
            if self.is_waiting:
                self._served_at = time.monotonic()
            elif time.monotonic() - self._served_at > self.patience_s:
                raise
            return False
        finally:
            self.progress.seconds_waiting = self._waited_before + self._batches.wait_s
        self._served_at, self.is_waiting = time.monotonic(), False
        self.progress.draws = with_draw(self.progress.draws, batch)
        step = self.agent.learner.step(transitions_of(batch), self.progress.step)
        if self.config.is_prioritized:
            half_life = self.config.priority_half_life
            priorities = faded(step.priorities, batch.ages.numpy(), half_life)
            self._batches.update_priorities(batch.keys.numpy(), priorities)
        self.progress.learner_figures = dict(step.figures())
        return True

    def _ask_now_and_then(self) -> None:
        if time.monotonic() - self._asked_at < self.ask_interval_s:
            return
        self._asked_at = time.monotonic()
        try:
            episodes = self.actors.ask()
        except (ServerUnreachableError, ServerUnavailableError):
            return  # whoever draws batches is who loses patience
        self.progress.step = max(self.progress.step, self.actors.steps)
        self.replay_size = self.actors.replay_size
        for episode in episodes:
            self.progress.episode += 1
            self.epsilon = episode.epsilon
            for observer in self.observers:
                observer.on_episode(self, episode.episode_return, episode.episode_length)

    def _evaluate(self) -> None:
        evaluation = judge(self.agent, self.evaluation_environment, self.plan, self.progress)
        for observer in self.observers:
            observer.on_evaluation(self, evaluation)
