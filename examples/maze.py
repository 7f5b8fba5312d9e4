"""How well do agents find their way through a maze from where training never began?

    agent-client train --env replay/Maze-v0 --seed 1 --out runs/maze    # twenty seconds or so
    python examples/maze.py runs/maze                                   # or several such folders

Tries each unseen start once, by the best weights of the run: neither the maze nor the policy has
any chance in it. Prints from how many the goal was reached, and how much longer than the shortest
path the way there was.
"""

import argparse
from pathlib import Path

from agent_client.algorithms import load_algorithm
from agent_client.environments import make_environment
from agent_client.runs.checkpoint import load_weights
from agent_client.runs.folder import RunFolder
from agent_client.runs.settings import run_config_from
from agent_client.tasks.maze_trials import MazeTrials, try_starts, unseen_starts


def trials_of(folder: RunFolder) -> MazeTrials:
    """Try the unseen starts of a run's maze by its best weights."""
    run = run_config_from(folder.read_config())
    environment = make_environment(run.settings.env, run.settings.seed, run.config.frame_stack)
    algorithm = load_algorithm(run.algorithm)
    network = algorithm.make_network(
        environment.observation_space, environment.action_space, run.config
    )
    load_weights(folder.checkpoint, "best", network)
    return try_starts(environment, algorithm.greedy_policy(network), unseen_starts(environment))


def main() -> None:
    """Tell of each run, and of all together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN_DIR")
    found = {folder: trials_of(RunFolder(folder)) for folder in parser.parse_args().folders}
    steps = tuple(steps for trials in found.values() for steps in trials.steps)
    shortest = tuple(steps for trials in found.values() for steps in trials.shortest)
    for name, trials in (*found.items(), ("all", MazeTrials(steps, shortest))):
        print(
            f"{name}: goal reached from {trials.success_rate:.1%} of {len(trials.steps)} unseen "
            f"starts, by {trials.path_ratio:.3f} of the shortest path"
        )


if __name__ == "__main__":
    main()
