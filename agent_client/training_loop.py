"""The training loop: environment, actor, writer, prefetcher and learner in step.

One environment step, then, every ``update_period`` steps, a round of learner steps. The
network's round trips lie elsewhere: the writer sends transitions and the prefetcher draws
batches while this thread acts and learns. Now and then the greedy policy is evaluated, and
the best weights so far are kept.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from agent_client.draw_statistics import draw_figures, with_draw
from agent_client.environments import Environment
from agent_client.evaluation import Evaluation, evaluate, evaluation_seeds
from agent_client.learning.algorithm import Agent
from agent_client.learning.config import ReplayConfig
from agent_client.learning.freshness import faded
from agent_client.learning.rewards import limited
from agent_client.learning.schedules import LinearSchedule
from agent_client.learning.transitions import TransitionBatch
from agent_client.learning.weights import copy_weights
from agent_client.observations import Observation, newest_frame, whole
from agent_client.replay_access import BatchSource, DrawnBatch, EpisodeWriter
from agent_client.seeding import EpisodePurpose, episode_seed


class ObservedLoop(Protocol):
    """What observers may read of a loop, whether it acts itself or learns from what others act."""

    @property
    def agent(self) -> Agent:
        """What is trained."""

    @property
    def progress(self) -> "TrainingProgress":
        """Where the run stands."""

    @property
    def beta(self) -> float:
        """The importance exponent at the present step."""

    @property
    def replay_size(self) -> int:
        """Transitions in the table, as far as is known."""

    @property
    def exploration(self) -> Mapping[str, float]:
        """How much is explored, by the names of the algorithm's figures."""

    @property
    def figures(self) -> Mapping[str, float]:
        """What is told of exploration, of the newest gradient step, if any, and of draws."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What else people should see of it just now, each in a few words."""


class LoopObserver(Protocol):
    """Who is told what happens: metrics, trackers, the progress display, the checkpoint."""

    def on_step(self, loop: ObservedLoop) -> None:
        """One environment step, with the learner steps after it, is done."""

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """A training episode ended, ``length`` steps long."""

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """The greedy policy was evaluated; ``loop.progress`` tells whether it is the best."""


class StopReason(Enum):
    """Why a loop ended."""

    SOLVED = "solved"
    OUT_OF_STEPS = "out of steps"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long to train and how to choose the best weights.

    Attributes:
        steps: environment steps at most.
        seed: the run's.
        evaluation_period: environment steps between evaluations of the greedy policy.
        selection_episodes: episodes of such an evaluation.
        confirmation_episodes: further episodes, played when those reach ``stop_return``.
        stop_return: mean return at which training ends once it is confirmed; None trains on.
    """

    steps: int
    seed: int
    evaluation_period: int
    selection_episodes: int
    confirmation_episodes: int
    stop_return: float | None


@dataclass(slots=True)
class TrainingProgress:
    """Where a run stands; what a checkpoint keeps besides weights and random states.

    Attributes:
        step: environment steps done.
        episode: training episodes ended.
        seconds: wall-clock time spent in the loop.
        best_return: mean return of the best weights so far, None before the first evaluation.
        best_episodes: episodes over which that mean was taken.
        best_step: environment step of those weights.
        solved: whether ``stop_return`` was confirmed.
        learner_figures: what the newest gradient step told; empty before the first.
        draws: what is known of all draws, as ``draw_statistics.with_draw`` has it.
    """

    step: int = 0
    episode: int = 0
    seconds: float = 0.0
    best_return: float | None = None
    best_episodes: int = 0
    best_step: int = 0
    solved: bool = False
    learner_figures: dict[str, float] = field(default_factory=dict)
    draws: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Episode:
    observation: Observation
    total: float = 0.0
    length: int = 0


@dataclass
class TrainingLoop:
    """Trains an agent; holds what its observers may read.

    Attributes:
        environment: where the agent acts while training; with a frame stack above 1 its
            observations are stacks, [k, ...], the newest frame last.
        evaluation_environment: another instance of the same, for greedy episodes.
        agent: changed by training.
        config: hyper-parameters.
        plan: how long, and when to stop.
        writer: takes each step, with single frames.
        open_batches: called once, when ``learning_starts`` steps are in the table, with
            a function that tells the importance exponent beta of the moment (it is called
            from another thread); returns what batches come from.
        observers: told what happens, in this order.
        rows_before: transitions that the table held before this loop.
        progress: where the run stands; given when a run is taken up again.
        stop_requested: set it from a signal handler to end the loop after the step under way.
        replay_size: transitions in the table, as far as is known here.
    """

    environment: Environment
    evaluation_environment: Environment
    agent: Agent
    config: ReplayConfig
    plan: TrainingPlan
    writer: EpisodeWriter
    open_batches: Callable[[Callable[[], float]], BatchSource]
    observers: tuple[LoopObserver, ...] = ()
    rows_before: int = 0
    progress: TrainingProgress = field(default_factory=TrainingProgress)
    stop_requested: bool = False
    replay_size: int = field(init=False)

    def __post_init__(self) -> None:
        """Set up what follows from the arguments."""
        config = self.config
        self.replay_size = self.rows_before
        self._rows = self.rows_before
        # A step is no transition before its n-th successor is there.
        self._learns_from = max(config.learning_starts, config.n_step + 1)
        self._batches: BatchSource | None = None
        self._beta = LinearSchedule(
            config.importance_exponent_start,
            config.importance_exponent_final,
            config.importance_anneal_steps,
        )

    @property
    def beta(self) -> float:
        """The importance exponent at the present step."""
        return self._beta.value(self.progress.step)

    @property
    def exploration(self) -> Mapping[str, float]:
        """How much the agent explores at the present step, by the names of its figures."""
        return self.agent.exploration(self.progress.step)

    @property
    def figures(self) -> Mapping[str, float]:
        """What is told of exploration, of the newest gradient step, if any, and of draws."""
        progress = self.progress
        drawn = draw_figures(progress.draws, max(progress.step, self._rows))
        return {**self.exploration, **progress.learner_figures, **drawn}

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing else: whoever acts itself waits for nobody."""
        return ()

    def run(self) -> StopReason:
        """Train until the plan is fulfilled or somebody sets ``stop_requested``.

        Errors of the writer and the batch source pass through.
        """
        progress = self.progress
        started = time.monotonic() - progress.seconds
        episode = self._begin_episode()
        while not progress.solved and progress.step < self.plan.steps:
            if self.stop_requested:
                return StopReason.INTERRUPTED
            episode = self._take_step(episode)
            if self._rows >= self._learns_from and self._is_due(self.config.update_period):
                for _ in range(self.config.updates_per_round):
                    self._learn()
            progress.seconds = time.monotonic() - started
            if self._is_due(self.plan.evaluation_period) or progress.step == self.plan.steps:
                self._evaluate()
                progress.seconds = time.monotonic() - started
            for observer in self.observers:
                observer.on_step(self)
        return StopReason.SOLVED if progress.solved else StopReason.OUT_OF_STEPS

    def _is_due(self, period: int) -> bool:
        return self.progress.step % period == 0

    def _begin_episode(self) -> _Episode:
        seed = episode_seed(self.plan.seed, EpisodePurpose.TRAINING, self.progress.episode)
        observation, _ = self.environment.reset(seed=seed)
        self.writer.begin(self._newest_frame(observation))
        return _Episode(observation)

    def _newest_frame(self, observation: Observation) -> Observation:
        return newest_frame(observation) if self.config.frame_stack > 1 else observation

    def _take_step(self, episode: _Episode) -> _Episode:
        """Act once, hand the step to the writer, and return the episode to go on with."""
        action = self.agent.actor.act(episode.observation, self.progress.step)
        next_observation, reward, terminated, truncated, _ = self.environment.step(action)
        frame = self._newest_frame(next_observation)
        told = limited(float(reward), self.config.reward_limit)
        self.writer.append(action, frame, told, terminated, truncated)
        self._rows += 1
        self.replay_size = min(self._rows, self.config.replay_capacity)
        self.progress.step += 1
        episode.observation = next_observation
        episode.total += float(reward)
        episode.length += 1
        if not (terminated or truncated):
            return episode
        self.progress.episode += 1
        for observer in self.observers:
            observer.on_episode(self, episode.total, episode.length)
        return self._begin_episode()

    def _learn(self) -> None:
        if self._batches is None:
            self.writer.flush()
            self._batches = self.open_batches(lambda: self.beta)
        batch = self._batches.next_tensors().stacked()
        self.progress.draws = with_draw(self.progress.draws, batch)
        transitions = transitions_of(batch)
        done = self.agent.learner.step(transitions, self.progress.step)
        self.progress.learner_figures = dict(done.figures())
        if self.config.is_prioritized:
            half_life = self.config.priority_half_life
            priorities = faded(done.priorities, batch.ages.numpy(), half_life)
            self._batches.update_priorities(batch.keys.numpy(), priorities)

    def _evaluate(self) -> None:
        evaluation = judge(self.agent, self.evaluation_environment, self.plan, self.progress)
        for observer in self.observers:
            observer.on_evaluation(self, evaluation)


def transitions_of(batch: DrawnBatch) -> TransitionBatch:
    """Return what a learner takes of a batch in the stacked layout."""
    columns = batch.columns
    return TransitionBatch(
        observation=whole(columns, "observation"),
        action=columns["action"],
        reward=columns["reward"],
        discount=columns["discount"],
        next_observation=whole(columns, "next_observation"),
        weights=batch.weights,
    )


def judge(
    agent: Agent, environment: Environment, plan: TrainingPlan, progress: TrainingProgress
) -> Evaluation:
    """Evaluate the greedy policy; keep its weights if no others did as well.

    Few episodes choose the candidates; one that could end the training must repeat it
    over many more, on seeds of their own, and is then judged by those.

    Args:
        agent: its best weights may be replaced.
        environment: to play in.
        plan: how many episodes, and what ends the training.
        progress: is told the best, and whether the training is over.
    """

    def play(purpose: EpisodePurpose, episodes: int) -> Evaluation:
        seeds = evaluation_seeds(plan.seed, purpose, episodes)
        return evaluate(environment, agent.greedy_policy(), seeds)

    evaluation = play(EpisodePurpose.SELECTION, plan.selection_episodes)
    if plan.stop_return is not None and evaluation.mean_return >= plan.stop_return:
        evaluation = play(EpisodePurpose.CONFIRMATION, plan.confirmation_episodes)
        progress.solved = evaluation.mean_return >= plan.stop_return
    if progress.best_return is None or evaluation.mean_return >= progress.best_return:
        copy_weights(agent.network, agent.best_network)
        progress.best_return = evaluation.mean_return
        progress.best_episodes = len(evaluation.returns)
        progress.best_step = progress.step
    return evaluation
