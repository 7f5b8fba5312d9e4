"""The layout of a maze: where one can go, where the goal is, and how far it is from everywhere."""

from collections import deque
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Cell: TypeAlias = tuple[int, int]
"""Row and column, from 0 at the upper left."""

MOVES: Final[tuple[Cell, ...]] = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Rows and columns that the actions up, right, down and left lead on."""
SMALLEST: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class MazeLayout:
    """A maze of size x size cells in which every cell can be reached from every other.

    Attributes:
        is_open: bool [size, size, 4], whether no wall stands in the way of a move from a cell; the
            moves are `MOVES`.
        goal: where to go.
        distances: int64 [size, size], moves from each cell to the goal on the shortest path.
        held_out: bool [size, size], cells that training does not start from.
    """

    is_open: NDArray[np.bool_]
    goal: Cell
    distances: NDArray[np.int64]
    held_out: NDArray[np.bool_]

    @classmethod
    def draw(
        cls, size: int, generator: np.random.Generator, *, loops: float, held_out: float
    ) -> Self:
        """Return a random maze.

        Args:
            size: cells on a side, at least 2.
            generator: advanced.
            loops: probability with which a wall is taken away of those that a maze without loops
                has left, 0 to 1.
            held_out: part of the cells, the goal not counted, that training does not start from;
                at least 0 and below 1.
        """
        is_open = _without_loops(size, generator)
        _open_more(is_open, loops, generator)
        row, column = (int(part) for part in generator.integers(size, size=2))
        goal = (row, column)
        starts = np.delete(np.arange(size**2), row * size + column)
        chosen = generator.permutation(starts)[: int(held_out * len(starts))]
        marks = np.zeros(size**2, np.bool_)
        marks[chosen] = True
        return cls(is_open, goal, _distances(is_open, goal), marks.reshape(size, size))

    @property
    def size(self) -> int:
        """Cells on a side."""
        return len(self.is_open)

    def starts(self, *, unseen: bool) -> list[Cell]:
        """Return the cells that training starts from, or those that it doesn't; never the goal."""
        return [
            (row, column)
            for row in range(self.size)
            for column in range(self.size)
            if (row, column) != self.goal and self.held_out[row, column] == unseen
        ]

    def move(self, cell: Cell, action: int) -> Cell:
        """Return where a move leads: to the next cell, or nowhere where a wall is in the way."""
        return _next(cell, action) if self.is_open[(*cell, action)] else cell

    def walls(self) -> NDArray[np.bool_]:
        """Return bool [2 size + 1, 2 size + 1], true where a wall stands.

        Cell (r, c) is at [2 r + 1, 2 c + 1]; between two cells is what is between them.
        """
        walls = np.ones((2 * self.size + 1,) * 2, np.bool_)
        walls[1::2, 1::2] = False
        for row, column, action in np.argwhere(self.is_open).tolist():
            down, right = MOVES[action]
            walls[2 * row + 1 + down, 2 * column + 1 + right] = False
        return walls


def _next(cell: Cell, action: int) -> Cell:
    return cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]


def _opposite(action: int) -> int:
    return (action + 2) % len(MOVES)


def _open_up(is_open: NDArray[np.bool_], cell: Cell, action: int) -> None:
    is_open[(*cell, action)] = True
    is_open[(*_next(cell, action), _opposite(action))] = True


def _inside(cell: Cell, size: int) -> bool:
    return all(0 <= part < size for part in cell)


def _without_loops(size: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return a maze with one way between any two cells: a random depth-first walk of the grid."""
    is_open = np.zeros((size, size, len(MOVES)), np.bool_)
    seen = np.zeros((size, size), np.bool_)
    seen[0, 0] = True
    way: list[Cell] = [(0, 0)]
    while way:
        cell = way[-1]
        new = [
            action
            for action in range(len(MOVES))
            if _inside(_next(cell, action), size) and not seen[_next(cell, action)]
        ]
        if not new:
            way.pop()
            continue
        action = new[int(generator.integers(len(new)))]
        _open_up(is_open, cell, action)
        way.append(_next(cell, action))
        seen[way[-1]] = True
    return is_open


def _open_more(is_open: NDArray[np.bool_], loops: float, generator: np.random.Generator) -> None:
    """Take each wall between two cells away with probability `loops`, in place."""
    size = len(is_open)
    for row in range(size):
        for column in range(size):
            for action in (1, 2):  # right and down: each wall once
                cell = (row, column)
                is_wall = _inside(_next(cell, action), size) and not is_open[(*cell, action)]
                if is_wall and generator.random() < loops:
                    _open_up(is_open, cell, action)


def _distances(is_open: NDArray[np.bool_], goal: Cell) -> NDArray[np.int64]:
    """Return int64 [size, size], by a breadth-first search from the goal."""
    distances = np.full(is_open.shape[:2], -1, np.int64)
    distances[goal] = 0
    reached = deque([goal])
    while reached:
        cell = reached.popleft()
        for action in np.flatnonzero(is_open[cell]).tolist():
            after = _next(cell, action)
            if distances[after] < 0:
                distances[after] = distances[cell] + 1
                reached.append(after)
    return distances
