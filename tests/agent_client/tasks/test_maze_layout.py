"""What a maze is: connected, with the loops asked for, and measured from the goal."""

import numpy as np
import pytest

from agent_client.tasks.maze_layout import MOVES, MazeLayout


def layout_of(seed: int, size: int = 10, loops: float = 0.1, held_out: float = 0.3) -> MazeLayout:
    return MazeLayout.draw(size, np.random.default_rng(seed), loops=loops, held_out=held_out)


def passages(layout: MazeLayout) -> int:
    return int(layout.is_open.sum()) // 2


@pytest.mark.parametrize("seed", range(5))
def test_every_cell_is_reached_by_one_way_where_there_are_no_loops(seed: int) -> None:
    layout = layout_of(seed, loops=0.0)

    # A graph of n nodes that is connected and has n - 1 edges is a tree.
    assert passages(layout) == 10 * 10 - 1
    assert layout.distances.min() == 0
    assert (layout.distances >= 0).all()


def test_walls_are_taken_away_as_often_as_asked() -> None:
    # 180 walls between 100 cells, of which a tree leaves 81; a tenth of these, over 50 mazes.
    gone = sum(passages(layout_of(seed)) - 99 for seed in range(50))

    assert gone / (50 * 81) == pytest.approx(0.1, abs=0.024)  # 5 standard deviations
    assert passages(layout_of(0, loops=1.0)) == 180


def test_what_is_open_one_way_is_open_the_other() -> None:
    layout = layout_of(3)

    for row, column, action in np.argwhere(layout.is_open).tolist():
        there = layout.move((row, column), action)
        assert there == (row + MOVES[action][0], column + MOVES[action][1])
        assert layout.move(there, (action + 2) % 4) == (row, column)


def test_a_wall_leads_nowhere() -> None:
    layout = layout_of(3)

    for row, column, action in np.argwhere(~layout.is_open).tolist():
        assert layout.move((row, column), action) == (row, column)


@pytest.mark.parametrize("seed", range(5))
def test_distances_are_those_of_the_slow_twin(seed: int) -> None:
    layout = layout_of(seed)

    # Bellman-Ford: shorten until nothing can be shortened.
    slow = np.full((10, 10), 1_000)
    slow[layout.goal] = 0
    for _ in range(100):
        for row, column, action in np.argwhere(layout.is_open).tolist():
            slow[row, column] = min(slow[row, column], slow[layout.move((row, column), action)] + 1)

    assert np.array_equal(layout.distances, slow)


def test_starts_are_seen_or_unseen_and_never_the_goal() -> None:
    layout = layout_of(1)

    seen, unseen = layout.starts(unseen=False), layout.starts(unseen=True)

    assert len(unseen) == 29  # 0.3 of the 99 cells that are not the goal
    assert len(seen) == 70
    assert not set(seen) & set(unseen)
    assert layout.goal not in {*seen, *unseen}


def test_equal_seeds_make_equal_layouts_and_others_do_not() -> None:
    one, same, other = layout_of(5), layout_of(5), layout_of(6)

    assert np.array_equal(one.is_open, same.is_open)
    assert one.goal == same.goal
    assert np.array_equal(one.held_out, same.held_out)
    assert not np.array_equal(one.is_open, other.is_open)


def test_walls_stand_between_cells_that_are_not_open_to_each_other() -> None:
    layout = layout_of(2, size=4)
    walls = layout.walls()

    assert walls.shape == (9, 9)
    assert not walls[1::2, 1::2].any()
    assert walls[::2, ::2].all()
    assert walls[[0, -1]].all()
    assert walls[:, [0, -1]].all()
    for row in range(4):
        for column in range(4):
            for action, (down, right) in enumerate(MOVES):
                there = walls[2 * row + 1 + down, 2 * column + 1 + right]
                assert there == (not layout.is_open[row, column, action])
