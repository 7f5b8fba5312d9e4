"""Do shares that follow the learning progress beat equal ones? Four CartPoles, five seeds each.

    python examples/adaptive_tasks.py --out runs/adaptive-tasks

One network learns CartPole as it is, with a pole five times as long, under three times the
gravity, and with a push of a twentieth; four numbers beside the state tell which. All are acted in
alike, and each has a table. What differs is how many items of a batch come from which: as many of
each, or by `LearningProgress`. Scores are greedy returns of at most 200. Runs that are in the
folder already are not done again.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import gymnasium
import numpy as np
import torch
from freshness import interval
from gymnasium import spaces
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agent_client import ReplayClient, RowWriter, StepWriter, TaskMix
from agent_client.acting import acting_in
from agent_client.dqn.agent import Agent
from agent_client.dqn.config import DQNConfig
from agent_client.evaluation import evaluate
from agent_client.learning.replay_table import transition_table_spec
from agent_client.learning_progress import LearningProgress
from agent_client.observations import drawn_columns
from agent_client.replay_access import transitions_of
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.task_batches import TaskBatches

TASKS: Mapping[str, Mapping[str, float]] = {
    "as it is": {},
    "long pole": {"length": 2.5, "polemass_length": 0.25},
    "heavy": {"gravity": 29.4},
    "weak push": {"force_mag": 0.5},
}
LIMIT = 200
STEPS = 6_000
EVALUATION_PERIOD = 500
EVALUATION_EPISODES = 5
CONFIG = DQNConfig(
    batch_size=64,
    hidden_units=(128, 128),
    layer_norm=True,
    learning_rate_final=3e-4,
    learning_rate_decay_steps=STEPS,
    target_update_period=1,
    target_update_rate=0.03,
    learning_starts=500,
    epsilon_final=0.04,
    epsilon_decay_steps=STEPS // 2,
    importance_anneal_steps=STEPS,
)
Result = dict[str, list[list[float]]]


def make_task(name: str) -> gymnasium.Env[np.ndarray, int]:
    """Return a task; its observations are CartPole's and which task it is."""
    environment: gymnasium.Env[np.ndarray, int] = gymnasium.make(
        "CartPole-v1", max_episode_steps=LIMIT
    )
    for attribute, value in TASKS[name].items():
        setattr(environment.unwrapped, attribute, value)
    which = np.eye(len(TASKS), dtype=np.float32)[list(TASKS).index(name)]
    space = spaces.Box(-np.inf, np.inf, (4 + len(TASKS),), np.float32)
    return gymnasium.wrappers.TransformObservation(
        environment, lambda seen: np.concatenate((seen, which)), space
    )


def learn(agent: Agent, batches: TaskBatches, step: int) -> None:
    """Take one gradient step on a batch of all tasks, and send back what it was worth."""
    batch = batches.next_tensors()
    done = agent.learner.step(transitions_of(batch), step)
    batches.update_priorities(batch.keys.numpy(), done.priorities)


def scores(agent: Agent) -> dict[str, float]:
    """Return the mean return of greedy episodes of each task."""
    seeds = range(1_000_000, 1_000_000 + EVALUATION_EPISODES)
    policy = agent.greedy_policy()
    return {name: evaluate(make_task(name), policy, seeds).mean_return for name in TASKS}


def run(client: ReplayClient, seed: int, steps: int, *, adaptive: bool) -> Result:
    """Train for so many steps of each task; return scores and shares at each evaluation."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    agent = Agent.build((4 + len(TASKS),), 2, CONFIG, np.random.default_rng(seed))
    tables = {name: f"task-{number}" for number, name in enumerate(TASKS)}
    for number, (name, table) in enumerate(tables.items()):
        task = make_task(name)
        spec = transition_table_spec(
            CONFIG, task.observation_space, task.action_space, 100 * seed + number
        )
        client.create_table(table, spec)
    writers = [RowWriter(client, table) for table in tables.values()]
    acting = [
        acting_in(make_task(name), StepWriter(writer), seed=100 * seed + number)
        for number, (name, writer) in enumerate(zip(TASKS, writers, strict=True))
    ]
    for task_acting in acting:
        task_acting.begin(0)
    columns = drawn_columns(make_task("as it is").observation_space)
    mix = TaskMix(client, dict.fromkeys(tables.values(), 1.0), CONFIG.batch_size, columns=columns)
    batches = TaskBatches(mix)
    progress = LearningProgress(TASKS)
    result: Result = {"scores": [], "shares": []}
    for step in range(1, steps + 1):
        for task_acting in acting:
            task_acting.step(agent.actor, step)
        if step == CONFIG.learning_starts:
            for writer in writers:
                writer.flush()
        if step > CONFIG.learning_starts and step % 2 == 0:
            learn(agent, batches, step)
        if step % EVALUATION_PERIOD == 0:
            found = scores(agent)
            result["scores"].append(list(found.values()))
            result["shares"].append(list(mix.shares.values()))
            if adaptive:
                shares = progress.shares_after(found)
                mix.shares = {tables[name]: share for name, share in shares.items()}
    mix.flush()
    for writer, table in zip(writers, tables.values(), strict=True):
        writer.close()
        client.delete_table(table)
    return result


def draw(results: Mapping[str, list[Result]], path: Path) -> None:
    """Draw scores of each task over steps, equal shares beside adaptive ones, and the shares."""
    figure = Figure(figsize=(14, 7), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(TASKS), sharex=True, sharey="row")
    evaluations = min(len(one["scores"]) for runs in results.values() for one in runs)
    steps = EVALUATION_PERIOD * np.arange(1, evaluations + 1)
    for number, name in enumerate(TASKS):
        for mode, runs in results.items():
            for row, what in enumerate(("scores", "shares")):
                values = np.array([one[what][:evaluations] for one in runs])[:, :, number]
                middles, widths = zip(*(interval(now) for now in values.T.tolist()), strict=True)
                low, high = np.subtract(middles, widths), np.add(middles, widths)
                (line,) = panels[row][number].plot(steps, middles, label=f"{mode} shares")
                panels[row][number].fill_between(
                    steps, low, high, alpha=0.15, color=line.get_color()
                )
        panels[0][number].set(title=name, ylim=(0, LIMIT + 5))
        panels[1][number].set(xlabel="steps of each task", ylim=(0, 1))
    panels[0][0].set_ylabel("greedy return, mean and 95 % interval")
    panels[1][0].set_ylabel("share of a batch")
    panels[0][0].legend(loc="lower right")
    figure.savefig(path, format="png")


def main() -> None:
    """Train in both ways, tell and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/adaptive-tasks"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=STEPS, help="of each task")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[Result]] = {"equal": [], "adaptive": []}
    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        for seed in options.seeds:
            for mode, runs in results.items():
                path = options.out / f"{mode}-seed{seed}.json"
                if not path.exists():
                    result = run(client, seed, options.steps, adaptive=mode == "adaptive")
                    path.write_text(json.dumps(result))
                runs.append(json.loads(path.read_text()))
    for mode, runs in results.items():
        found = np.array([one["scores"] for one in runs])  # [seeds, evaluations, tasks]
        told = ["on the way: mean of all {:.1f} ± {:.1f}".format(*interval(found.mean((1, 2))))]
        last = found[:, -4:].mean(axis=1)
        told += ["last four: {:.1f} ± {:.1f}".format(*interval(last.mean(axis=1)))]
        told += [
            f"{name} " + "{:.1f} ± {:.1f}".format(*interval(last[:, number]))
            for number, name in enumerate(TASKS)
        ]
        print(f"{mode}: {'; '.join(told)}", flush=True)
    draw(results, options.out / "adaptive_tasks.png")


if __name__ == "__main__":
    main()
