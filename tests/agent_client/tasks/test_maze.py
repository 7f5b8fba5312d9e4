"""The maze as an environment of Gymnasium's."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import agent_client.tasks  # noqa: F401  # makes the maze known
from agent_client.environments import make_environment
from agent_client.tasks.maze import Maze
from agent_client.tasks.maze_layout import MOVES
from agent_client.tasks.maze_trials import MazeTrials, try_starts, unseen_starts


class Guide:
    """Knows the way: from each cell to the one that is nearer."""

    def __init__(self, maze: Maze) -> None:
        self.layout = maze.layout

    def action(self, observation: Any) -> int:
        cell = divmod(int(observation), self.layout.size)
        ways = [self.layout.distances[self.layout.move(cell, action)] for action in range(4)]
        return int(np.argmin(ways))


class Stubborn:
    """Always goes the same way."""

    def action(self, observation: Any) -> int:
        return 0


@pytest.mark.parametrize("options", [{}, {"view": "map"}, {"view": "map", "layout_seed": None}])
def test_it_is_an_environment_as_gymnasium_wants_it(options: dict[str, Any]) -> None:
    environment = gymnasium.make("replay/Maze-v0", render_mode="rgb_array", **options)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment.unwrapped)


def test_it_can_be_made_by_naming_the_module() -> None:
    assert isinstance(gymnasium.make("agent_client.tasks:replay/Maze-v0").unwrapped, Maze)


def test_layouts_follow_their_seed_and_starts_the_reset() -> None:
    one, same, other = Maze(layout_seed=3), Maze(layout_seed=3), Maze(layout_seed=4)

    seen = {one.reset(seed=seed)[0] for seed in range(1_500)}

    assert np.array_equal(one.layout.is_open, same.layout.is_open)
    assert not np.array_equal(one.layout.is_open, other.layout.is_open)
    assert seen == {row * 10 + column for row, column in one.layout.starts(unseen=False)}
    assert one.reset(seed=7)[0] == same.reset(seed=7)[0]


def test_without_a_seed_of_its_own_the_layout_follows_the_reset() -> None:
    maze = Maze(layout_seed=None, view="map")
    first, _ = maze.reset(seed=1)
    again, _ = maze.reset(seed=2)
    repeated, _ = maze.reset(seed=1)

    assert np.array_equal(first, repeated)
    assert not np.array_equal(first[:, :, 0], again[:, :, 0])


def test_steps_cost_and_the_goal_pays_and_ends() -> None:
    maze = Maze(size=5)
    guide = Guide(maze)
    observation, info = maze.reset(seed=1)
    rewards, terminated = [], False
    while not terminated:
        observation, reward, terminated, truncated, _ = maze.step(guide.action(observation))
        rewards.append(reward)
        assert not truncated

    assert len(rewards) == info["shortest_path"]
    assert rewards[:-1] == pytest.approx([-1 / 25] * (len(rewards) - 1))
    assert rewards[-1] == pytest.approx(1 - 1 / 25)
    assert divmod(observation, 5) == maze.layout.goal


def test_who_does_not_find_the_way_is_stopped_and_not_terminated() -> None:
    maze = Maze(size=3)
    start = next(
        cell for cell in maze.layout.starts(unseen=False) if cell[1] != maze.layout.goal[1]
    )
    maze.reset(options={"start": start})

    ends = [maze.step(0)[2:4] for _ in range(4 * 9)]

    assert ends[-1] == (False, True)
    assert set(ends[:-1]) == {(False, False)}


def test_a_wall_costs_a_step_and_leads_nowhere() -> None:
    maze = Maze()
    observation, _ = maze.reset(seed=0)
    cell = divmod(observation, 10)
    against = next(action for action in range(4) if not maze.layout.is_open[(*cell, action)])

    after, reward, *_ = maze.step(against)

    assert after == observation
    assert reward == pytest.approx(-0.01)


def test_starts_can_be_asked_for() -> None:
    maze = Maze(layout_seed=2)
    unseen = maze.layout.starts(unseen=True)

    drawn = set()
    for seed in range(300):
        observation, info = maze.reset(seed=seed, options={"starts": "unseen"})
        drawn.add(divmod(observation, 10))
        assert info["is_unseen_start"]
    chosen, info = maze.reset(options={"start": unseen[0]})
    everywhere = {
        divmod(maze.reset(seed=seed, options={"starts": "all"})[0], 10) for seed in range(1_500)
    }

    assert drawn == set(unseen)
    assert divmod(chosen, 10) == unseen[0]
    assert info["shortest_path"] == maze.layout.distances[unseen[0]]
    assert len(everywhere) == 99


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param({"start": (0, 10)}, "cell of the maze", id="outside"),
        pytest.param({"start": Maze().layout.goal}, "the goal", id="goal"),
        pytest.param({"starts": "some"}, "starts must be", id="unknown"),
    ],
)
def test_starts_that_there_are_not_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Maze().reset(options=options)


def test_there_are_no_unseen_starts_where_none_are_held_out() -> None:
    with pytest.raises(ValueError, match="held_out"):
        Maze(held_out=0.0).reset(options={"starts": "unseen"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", 1), ("loops", 1.5), ("held_out", 1.0), ("view", "dream"), ("layout_seed", None),
     ("render_mode", "human")],
)  # fmt: skip
def test_values_out_of_range_are_refused(name: str, value: Any) -> None:
    reason = "layouts" if name == "layout_seed" else name
    with pytest.raises(ValueError, match=reason):
        Maze(**{name: value})


def test_the_picture_shows_walls_robot_and_goal() -> None:
    maze = Maze(size=4, render_mode="rgb_array")
    start = maze.layout.starts(unseen=False)[0]
    maze.reset(options={"start": start})

    picture = maze.render()

    assert picture is not None
    assert picture.shape == (72, 72, 3)
    assert picture.dtype == np.uint8
    middles = picture[4::8, 4::8]
    walls = maze.layout.walls()
    assert len(np.unique(middles[walls], axis=0)) == 1
    robot, goal = ((2 * row + 1, 2 * column + 1) for row, column in (start, maze.layout.goal))
    colors = {tuple(middles[where]) for where in (robot, goal, (0, 0))}
    assert len(colors) == 3
    floor = ~walls
    floor[robot] = floor[goal] = False
    assert len(np.unique(middles[floor], axis=0)) == 1
    assert Maze().render() is None


def test_the_map_moves_with_the_robot() -> None:
    maze = Maze(view="map")
    before, _ = maze.reset(seed=0)
    ((row, column),) = np.argwhere(before[:, :, 1]).tolist()
    cell = (row // 2, column // 2)
    action = int(np.flatnonzero(maze.layout.is_open[cell])[0])

    after, *_ = maze.step(action)

    assert np.array_equal(before[:, :, [0, 2]], after[:, :, [0, 2]])
    assert np.argwhere(after[:, :, 1]).tolist() == [
        [row + 2 * MOVES[action][0], column + 2 * MOVES[action][1]]
    ]


def test_an_agent_sees_its_cell_as_a_vector() -> None:
    environment = make_environment("replay/Maze-v0", seed=0)

    observation, _ = environment.reset(options={"start": (1, 2)})

    assert observation.shape == (100,)
    assert np.flatnonzero(observation).tolist() == [12]


def test_trials_tell_who_finds_the_way_and_how_long_it_takes() -> None:
    maze = Maze()
    starts = unseen_starts(gymnasium.wrappers.TimeLimit(maze, 1_000))

    guided, stubborn = try_starts(maze, Guide(maze), starts), try_starts(maze, Stubborn(), starts)

    assert starts == maze.layout.starts(unseen=True)
    assert (guided.success_rate, guided.path_ratio) == (1.0, 1.0)
    assert guided.steps == guided.shortest
    assert stubborn.success_rate < 0.5


def test_the_ratio_is_over_what_was_reached() -> None:
    trials = MazeTrials(steps=(10, None, 6), shortest=(10, 4, 4))

    assert trials.success_rate == pytest.approx(2 / 3)
    assert trials.path_ratio == pytest.approx((1.0 + 1.5) / 2)
    assert np.isnan(MazeTrials((None,), (3,)).path_ratio)


def test_trials_are_of_mazes() -> None:
    with pytest.raises(TypeError, match="no maze"):
        unseen_starts(gymnasium.make("CartPole-v1"))
