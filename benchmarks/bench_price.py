"""What does it cost a learner that its memory is a service, and not in its own process?

The same agent with the same seed is trained by the same loop, once on the server's own memory as an
object in this process (no bytes, no HTTP, no second process) and once through the service, in
turns: environment steps, draws, gradient steps and new priorities. What is told is updates a second
and their ratio; the service is to reach 0.9 of the memory in process.

    python -m benchmarks.bench_price [--quick]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from agent_client.algorithms import load_algorithm
from agent_client.batches import Batch
from agent_client.environments import Environment, frame_space
from agent_client.learning.replay_table import transition_table_spec
from agent_client.observations import drawn_columns
from agent_client.replay_client import ReplayClient
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.runs.parts import build_agent, run_environment, training_plan
from agent_client.runs.replay import RunReplay, open_replay
from agent_client.runs.settings import RunConfig, TrainSettings, resolve
from agent_client.seeding import seed_everything
from agent_client.tensors import TensorBatch
from agent_client.training_loop import TrainingLoop
from agent_client.writer.step_writer import StepWriter
from benchmarks.harness import Comparison, Contender, compare
from benchmarks.main import main
from benchmarks.peers.process import Peers
from replay_server.memory.arrays import aligned_zeros
from replay_server.memory.changes import Changes
from replay_server.memory.table import Table
from replay_server.table_factory import build_table
from replay_wire.specs import TableSpec

BAR = 0.9
UPDATES_A_TURN = 128


@dataclass(frozen=True)
class Workload:
    """An agent to train, as `agent-client train` would.

    Attributes:
        name: what it is called.
        env: its environment.
        hyperparameters: besides those of its preset.
    """

    name: str
    env: str
    hyperparameters: Mapping[str, Any]


WORKLOADS = (
    Workload("CartPole, DQN, 4 numbers, batches of 64", "CartPole-v1", {}),
    Workload("MinAtar Breakout, DQN, stacks of 4, batches of 32", "MinAtar/Breakout-v1", {}),
    Workload("Pendulum, SAC, 3 numbers, batches of 256", "Pendulum-v1", {"learning_starts": 1_000}),
)


class LocalReplay:
    """The server's table as writer's sink and source of batches, without any wire."""

    def __init__(self, table: Table, batch_size: int, columns: list[str], *, indexed: bool) -> None:
        """Write to a table and draw from it."""
        self.wait_s = 0.0  # a draw is the memory's own work here, and nothing is waited for
        self._table = table
        self._batch_size = batch_size
        self._columns = columns
        self._indexed = indexed
        self._beta: Callable[[], float] = lambda: 1.0
        self._rows: list[Mapping[str, Any]] = []
        self._update: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None

    def append(
        self, row: Mapping[str, Any], priority: float | None = None, stream: int = 0
    ) -> None:
        """Take a row; as many go in at once as `RowWriter` sends at once."""
        self._rows.append(row)
        if len(self._rows) == 64:
            self.flush()

    def wait_for_room(self, rows: int) -> None:
        """There is room."""

    def flush(self) -> None:
        """Store the rows that wait."""
        if self._rows:
            assert self._table.signature is not None
            columns = {
                name: np.array([row[name] for row in self._rows], column.dtype)
                for name, column in self._table.signature.columns.items()
            }
            self._table.insert(columns)
            self._rows.clear()

    def open(self, beta: Callable[[], float]) -> LocalReplay:
        """Return itself."""
        self._beta = beta
        return self

    def next_tensors(self) -> TensorBatch:
        """Draw now, with the priorities of the batch before."""
        draw = self._table.draw(self._batch_size, beta=self._beta(), update=self._update)
        rows = None
        if self._indexed:
            drawn = self._table.gathering_indexed(draw.slots, self._columns).run()
            columns, rows = drawn.columns, drawn.rows
        else:
            columns = self._table.gathering(draw.slots, self._columns).run()
        return TensorBatch.from_batch(
            Batch(
                keys=draw.keys,
                probabilities=draw.probabilities,
                weights=draw.weights,
                priorities=draw.priorities,
                times_sampled=draw.times_sampled,
                ages=draw.ages,
                columns=columns,
                size=draw.size,
                updated=draw.updated,
                stale=draw.stale,
                rows=rows,
            )
        )

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Keep them for the next draw."""
        self._update = keys, priorities


class UnjudgedLoop(TrainingLoop):
    """A training loop that goes on by turns, and whose agent nobody evaluates."""

    def turn(self) -> None:
        """Train for as many environment steps as make up a turn's updates."""
        config = self.config
        rounds = -(-UPDATES_A_TURN // config.updates_per_round)
        self.train_for(rounds * config.update_period)

    def train_for(self, steps: int) -> None:
        """Train for so many environment steps; what is open of an episode is abandoned after."""
        self.plan = replace(self.plan, steps=self.progress.step + steps)
        self.run()

    def _evaluate(self) -> None:
        """Leave it out."""


def measure(quick: bool, _: Peers) -> list[Comparison]:
    """Measure all workloads."""
    torch.set_num_threads(1)
    rounds = 5 if quick else 25
    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        return [_compare(workload, client, rounds) for workload in WORKLOADS]


def _compare(workload: Workload, client: ReplayClient, rounds: int) -> Comparison:
    settings = TrainSettings(env=workload.env, tracker="none", stop_return=float("inf"))
    run = resolve(settings, workload.hyperparameters)
    with _in_process(run) as local, _through(client, run) as service:
        for loop in (local, service):  # until it learns
            loop.train_for(run.config.learning_starts + 2 * run.config.update_period)
        before = [loop.agent.learner.steps for loop in (local, service)]
        timings = compare(
            [Contender("memory in process", local.turn), Contender("service", service.turn)],
            rounds,
        )
        updates = [
            (loop.agent.learner.steps - steps) / (rounds + 1)
            for loop, steps in zip((local, service), before, strict=True)
        ]
    for timing, units in zip(timings, updates, strict=True):
        timing.units = units
    rates = [timing.units / timing.median for timing in timings]
    return Comparison(
        f"training, {workload.name}",
        "updates/s",
        timings,
        bar=BAR * rates[0],
        note=f"service / memory in process: {rates[1] / rates[0]:.2f} (bar {BAR})",
    )


@contextmanager
def _in_process(run: RunConfig) -> Iterator[UnjudgedLoop]:
    environment = run_environment(run, run.settings.seed)
    spec = msgspec.convert(_spec_of(run, environment), TableSpec, strict=False)
    replay = LocalReplay(
        build_table(spec, 64, 64, aligned_zeros, Changes()),
        run.config.batch_size,
        drawn_columns(environment.observation_space),
        indexed=run.config.frame_stack > 1,
    )
    yield _loop_of(run, environment, RunReplay(StepWriter(replay), replay.open))


@contextmanager
def _through(client: ReplayClient, run: RunConfig) -> Iterator[UnjudgedLoop]:
    environment = run_environment(run, run.settings.seed)
    table = f"price-{run.algorithm}-{run.settings.env.replace('/', '-')}"
    client.create_table(table, _spec_of(run, environment))
    with ExitStack() as stack:
        yield _loop_of(run, environment, open_replay(client, table, None, run, environment, stack))
    client.delete_table(table)


def _loop_of(run: RunConfig, environment: Environment, replay: RunReplay) -> UnjudgedLoop:
    generator = seed_everything(run.settings.seed)
    return UnjudgedLoop(
        environment=environment,
        evaluation_environment=environment,
        agent=build_agent(load_algorithm(run.algorithm), run, environment, generator),
        config=run.config,
        plan=training_plan(run),
        writer=replay.writer,
        open_batches=replay.open_batches,
    )


def _spec_of(run: RunConfig, environment: Environment) -> dict[str, Any]:
    return transition_table_spec(
        run.config, frame_space(environment), environment.action_space, run.settings.seed
    )


if __name__ == "__main__":
    main(measure, __doc__)
