"""How the loop joins its parts, on a corridor of three steps and a memory in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation

from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.evaluation import Evaluation
from agent_client.learning.replay_table import transition_table_spec
from agent_client.seeding import seed_everything
from agent_client.training_loop import TrainingLoop
from agent_client.training_progress import StopReason, TrainingPlan, TrainingProgress
from tests.agent_client.fakes import Corridor, FakeBatchSource, FakeTable, FakeWriter

CONFIG = DQNConfig(
    hidden_units=(8,),
    batch_size=4,
    discount=0.9,
    learning_starts=20,
    update_period=5,
    updates_per_round=2,
    importance_exponent_start=0.4,
    importance_anneal_steps=100,
    epsilon_start=1.0,
    epsilon_final=1.0,
)
PLAN = TrainingPlan(
    steps=60,
    seed=1,
    evaluation_period=30,
    selection_episodes=2,
    confirmation_episodes=4,
    stop_return=None,
)


@dataclass
class Recorder:
    """Keeps what a loop tells its observers."""

    steps: list[int] = field(default_factory=list)
    episodes: list[tuple[float, int]] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)

    def on_step(self, loop: TrainingLoop) -> None:
        self.steps.append(loop.progress.step)

    def on_episode(self, loop: TrainingLoop, episode_return: float, length: int) -> None:
        self.episodes.append((episode_return, length))

    def on_evaluation(self, loop: TrainingLoop, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)


@dataclass
class Bench:
    """A loop and everything around it."""

    loop: TrainingLoop
    writer: FakeWriter
    recorder: Recorder
    environment: Corridor
    opened_at: list[int]
    betas: list[float]
    sources: list[FakeBatchSource]


def bench(
    config: DQNConfig = CONFIG, plan: TrainingPlan = PLAN, *, rows_before: int = 0, goal: int = 3
) -> Bench:
    agent = Agent.build((1,), 2, config, seed_everything(plan.seed))
    table = FakeTable(
        transition_table_spec(
            config, Corridor().observation_space, Corridor().action_space, plan.seed
        )
    )
    opened_at: list[int] = []
    betas: list[float] = []
    sources: list[FakeBatchSource] = []

    def open_batches(beta: Callable[[], float]) -> FakeBatchSource:
        def told() -> float:
            betas.append(beta())
            return betas[-1]

        opened_at.append(loop.progress.step)
        sources.append(FakeBatchSource(table, config.batch_size, told))
        return sources[-1]

    writer, recorder, environment = FakeWriter(table), Recorder(), Corridor(goal=goal)
    loop = TrainingLoop(
        environment=environment,
        evaluation_environment=Corridor(goal=goal),
        agent=agent,
        config=config,
        plan=plan,
        writer=writer,
        open_batches=open_batches,
        observers=(recorder,),
        rows_before=rows_before,
    )
    return Bench(loop, writer, recorder, environment, opened_at, betas, sources)


def test_discount_is_zero_after_termination_only() -> None:
    it = bench(goal=3)

    it.loop.run()
    it.writer.flush()

    for row in it.writer.appended:
        terminated = row["next_observation"][0] >= 3
        assert row["discount"] == (0.0 if terminated else 0.9)
    truncated = [length for _, length in it.recorder.episodes if length == 5]
    terminated_early = [length for _, length in it.recorder.episodes if length < 5]
    assert truncated
    assert terminated_early


def test_transition_holds_the_observation_before_and_after_the_action() -> None:
    it = bench()

    it.loop.run()
    it.writer.flush()

    assert len(it.writer.appended) == 60
    for row in it.writer.appended:
        assert row["next_observation"] - row["observation"] == row["action"]
        assert row["reward"] == -1.0


def test_the_writer_is_told_termination_from_truncation() -> None:
    it = bench(goal=3)

    it.loop.run()

    terminated = [length for _, length in it.recorder.episodes if length < 5]
    assert sum(ends[0] for ends in it.writer.ends) >= len(terminated) > 0
    assert sum(ends[1] for ends in it.writer.ends) > 0
    assert (True, True) not in it.writer.ends


def test_learning_waits_until_a_step_has_its_successors() -> None:
    it = bench(replace(CONFIG, learning_starts=1, n_step=7, update_period=1))

    it.loop.run()

    assert it.opened_at == [8]


def test_the_writer_gets_single_frames_of_stacks() -> None:
    it = bench(replace(CONFIG, frame_stack=2))
    it.loop.environment = FrameStackObservation(it.environment, 2)
    it.loop.evaluation_environment = FrameStackObservation(Corridor(), 2)
    it.loop.agent = Agent.build((2, 1), 2, it.loop.config, np.random.default_rng(0))
    it.loop.plan = replace(PLAN, steps=19)

    it.loop.run()
    it.writer.flush()

    assert all(row["observation"].shape == (1,) for row in it.writer.appended)
    for row in it.writer.appended:
        assert row["next_observation"] - row["observation"] == row["action"]


def test_learning_waits_until_enough_transitions_are_in_the_table() -> None:
    it = bench()

    it.loop.run()

    # Learner steps at 20, 25, ..., 60: nine rounds of two.
    assert it.opened_at == [20]
    assert it.loop.agent.learner.steps == 18


def test_transitions_of_an_earlier_run_count() -> None:
    it = bench(rows_before=18)

    it.loop.run()

    assert it.opened_at == [5]


def test_every_batch_gets_its_new_priorities() -> None:
    it = bench()

    it.loop.run()

    (source,) = it.sources
    assert len(source.updates) == 18
    assert all(len(keys) == len(priorities) == 4 for keys, priorities in source.updates)
    assert all(np.all(priorities >= CONFIG.epsilon_priority) for _, priorities in source.updates)


def test_without_priorities_none_are_sent() -> None:
    it = bench(replace(CONFIG, priority_exponent=0.0))

    it.loop.run()

    (source,) = it.sources
    assert it.loop.agent.learner.steps == 18
    assert source.updates == []


def test_rewards_are_clipped_where_they_are_learned_from_only() -> None:
    it = bench(replace(CONFIG, reward_limit=0.25))

    it.loop.run()
    it.writer.flush()

    assert {row["reward"] for row in it.writer.appended} == {-0.25}
    assert all(total == -length for total, length in it.recorder.episodes)
    assert all(min(found.returns) == -5.0 for found in it.recorder.evaluations)


def test_beta_rises_with_the_steps() -> None:
    it = bench()

    it.loop.run()

    assert it.betas[0] == pytest.approx(0.4 + 0.6 * 20 / 100)
    assert it.betas[-1] == pytest.approx(0.4 + 0.6 * 60 / 100)
    assert it.betas == sorted(it.betas)


def test_observers_see_steps_episodes_and_evaluations() -> None:
    it = bench()

    it.loop.run()

    assert it.recorder.steps == list(range(1, 61))
    assert all(total == -length for total, length in it.recorder.episodes)
    assert [len(evaluation.returns) for evaluation in it.recorder.evaluations] == [2, 2]


def test_each_training_episode_has_its_own_seed() -> None:
    it = bench()

    it.loop.run()

    assert len(set(it.environment.reset_seeds)) == len(it.environment.reset_seeds)


def test_training_ends_once_the_return_is_confirmed() -> None:
    it = bench(plan=replace(PLAN, stop_return=-5.0))

    reason = it.loop.run()

    assert reason is StopReason.SOLVED
    assert it.loop.progress.step == 30
    assert it.loop.progress.best_episodes == 4
    assert it.loop.progress.best_step == 30


def test_training_that_is_not_good_enough_runs_out_of_steps() -> None:
    it = bench(plan=replace(PLAN, stop_return=0.0))

    assert it.loop.run() is StopReason.OUT_OF_STEPS
    assert it.loop.progress.step == 60


def test_best_weights_are_kept_when_later_ones_are_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    it = bench()
    scores = iter([Evaluation((-1.0,)), Evaluation((-2.0,))])
    monkeypatch.setattr("agent_client.best_weights.evaluate", lambda *_: next(scores))

    it.loop.run()

    assert it.loop.progress.best_return == -1.0
    assert it.loop.progress.best_step == 30
    assert next(it.loop.agent.best_network.parameters()).tolist() != (
        next(it.loop.agent.network.parameters()).tolist()
    )


def test_request_to_stop_ends_after_the_step_under_way() -> None:
    it = bench()

    class StopsAtTen(Recorder):
        def on_step(self, loop: TrainingLoop) -> None:
            loop.stop_requested = loop.progress.step == 10

    it.loop.observers = (StopsAtTen(),)

    assert it.loop.run() is StopReason.INTERRUPTED
    assert it.loop.progress.step == 10


def test_time_spent_waiting_for_batches_is_counted_on_from_where_the_run_stood() -> None:
    it = bench()
    it.loop.progress = TrainingProgress(seconds_waiting=10.0)

    it.loop.run()

    assert it.loop.progress.seconds_waiting == 10.0 + 0.25 * it.loop.agent.learner.steps


def test_loop_that_goes_on_counts_from_where_it_stood() -> None:
    it = bench()
    it.loop.progress = TrainingProgress(step=50, episode=12, seconds=100.0)

    it.loop.run()

    assert it.recorder.steps == list(range(51, 61))
    assert it.loop.progress.episode > 12
    assert it.loop.progress.seconds > 100.0


def test_corridor_is_learned() -> None:
    config = replace(
        CONFIG, learning_rate=0.01, epsilon_decay_steps=300, epsilon_final=0.1, update_period=1
    )
    it = bench(config, replace(PLAN, steps=1_000, evaluation_period=100, stop_return=-3.0))

    assert it.loop.run() is StopReason.SOLVED


def test_what_is_told_has_how_fresh_the_draws_were() -> None:
    it = bench()

    it.loop.run()

    told = it.loop.figures
    assert 0.0 < told["sample_age"] < 60.0
    assert 0.0 < told["effective_sample_share"] <= 1.0
    assert 0.0 <= told["never_drawn_share"] < 1.0


def test_priorities_of_old_transitions_fade() -> None:
    fading = bench(replace(CONFIG, priority_half_life=1e-9))

    fading.loop.run()

    keys, priorities = fading.sources[0].updates[0]
    assert set(priorities[keys < keys.max()]) == {0.0}
