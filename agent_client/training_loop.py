"""The training loop: environment, actor, writer, prefetcher and learner in step.

One step of each environment, then, every ``update_period`` steps, a round of learner steps. The
network's round trips lie elsewhere: the writer sends transitions and the prefetcher draws
batches while this thread acts and learns. Now and then the greedy policy is evaluated, and
the best weights so far are kept.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent_client.acting import Acting, acting_in
from agent_client.best_weights import judge
from agent_client.draw_statistics import draw_figures, with_draw
from agent_client.environments import Environment, Environments
from agent_client.learning.algorithm import Agent
from agent_client.learning.config import ReplayConfig
from agent_client.learning.freshness import faded
from agent_client.learning.schedules import LinearSchedule
from agent_client.loop_observers import LoopObserver
from agent_client.replay_access import BatchSource, EpisodeWriter, transitions_of
from agent_client.training_progress import StopReason, TrainingPlan, TrainingProgress


@dataclass
class TrainingLoop:
    """Trains an agent; holds what its observers may read.

    Attributes:
        environment: where the agent acts while training; with a frame stack above 1 its
            observations are stacks, [k, ...], the newest frame last. Or several of the kind that
            take their steps together: then whole rounds of these count.
        evaluation_environment: another instance of the same, for greedy episodes.
        agent: changed by training.
        config: hyper-parameters.
        plan: how long, and when to stop.
        writer: takes each step, with single frames; of as many environments as there are.
        open_batches: called once, when ``learning_starts`` steps are in the table, with
            a function that tells the importance exponent beta of the moment (it is called
            from another thread); returns what batches come from.
        observers: told what happens, in this order.
        rows_before: transitions that the table held before this loop.
        progress: where the run stands; given when a run is taken up again.
        stop_requested: set it from a signal handler to end the loop after the step under way.
        replay_size: transitions in the table, as far as is known here.
    """

    environment: Environment | Environments
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
        self._waited_before = 0.0
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
        acting = acting_in(
            self.environment,
            self.writer,
            seed=self.plan.seed,
            frame_stack=self.config.frame_stack,
            reward_limit=self.config.reward_limit,
        )
        acting.begin(progress.episode)
        while not progress.solved and progress.step < self.plan.steps:
            if self.stop_requested:
                return StopReason.INTERRUPTED
            self._act(acting)
            if self._rows >= self._learns_from:
                rounds = self._times_due(self.config.update_period, acting.environments)
                for _ in range(rounds * self.config.updates_per_round):
                    self._learn()
            progress.seconds = time.monotonic() - started
            is_due = self._times_due(self.plan.evaluation_period, acting.environments) > 0
            if is_due or progress.step >= self.plan.steps:
                self._evaluate()
                progress.seconds = time.monotonic() - started
            for observer in self.observers:
                observer.on_step(self)
        return StopReason.SOLVED if progress.solved else StopReason.OUT_OF_STEPS

    def _times_due(self, period: int, newest_steps: int) -> int:
        """Return how often a period has ended within the newest steps."""
        step = self.progress.step
        return step // period - (step - newest_steps) // period

    def _act(self, acting: Acting) -> None:
        """Act once in each environment, and tell of the episodes that ended there."""
        progress = self.progress
        scores = acting.step(self.agent.actor, progress.step)
        progress.step += acting.environments
        self._rows += acting.environments
        self.replay_size = min(self._rows, self.config.replay_capacity)
        for episode_return, length in scores:
            progress.episode += 1
            for observer in self.observers:
                observer.on_episode(self, episode_return, length)

    def _learn(self) -> None:
        if self._batches is None:
            self.writer.flush()
            self._batches = self.open_batches(lambda: self.beta)
            self._waited_before = self.progress.seconds_waiting
        batch = self._batches.next_tensors().stacked()
        self.progress.seconds_waiting = self._waited_before + self._batches.wait_s
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
