"""A maze that a robot must find its way through."""

from typing import Any, Final, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from agent_client.tasks.maze_layout import MOVES, SMALLEST, Cell, MazeLayout

__all__ = ["Maze"]

View = Literal["cell", "map"]

_PATIENCE: Final = 4  # steps per cell of the maze after which an episode is given up
_PIXELS: Final = 8  # on a side of what is one element of the map
_FLOOR, _WALL, _GOAL, _ROBOT = (245, 245, 240), (45, 50, 60), (60, 170, 90), (215, 70, 55)


class Maze(gymnasium.Env[Any, Any]):
    """Find the goal from a random cell of a random maze, by the actions up, right, down, left.

    A step costs 1 / size^2, also one into a wall, which leads nowhere; the goal brings 1 and ends
    the episode, 4 size^2 steps truncate it. `layout_seed` makes the layout: every episode has the
    same, or with None one of its own, by the seed of its reset. What is seen is the number of the
    robot's cell, or the map from above.

    Training starts from some cells only; the others, chosen with the layout, are to be tried
    afterwards. `reset(options={"starts": "unseen"})` starts from one of them, `"all"` from any, and
    `options={"start": (row, column)}` from that cell. `info` tells `shortest_path`, steps from the
    start to the goal at the least, and `is_unseen_start`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  # as the base class has it

    def __init__(
        self,
        size: int = 10,
        layout_seed: int | None = 0,
        loops: float = 0.1,
        held_out: float = 0.3,
        view: View = "cell",
        render_mode: str | None = None,
    ) -> None:
        """Make one.

        Args:
            size: cells on a side, at least 2.
            layout_seed: of the layout; None draws another for each episode.
            loops: how many of the walls that a maze without loops has left are gone, 0 to 1.
            held_out: part of the cells that training does not start from; at least 0, below 1.
            view: "cell" observes the cell's number, row * size + column; "map" bool
                [2 size + 1, 2 size + 1, 3]: walls, robot, goal.
            render_mode: None or "rgb_array".

        Raises:
            ValueError: a value is out of range, or the layout could not be told from what is seen.
        """
        if size < SMALLEST:
            raise ValueError(f"size must be at least {SMALLEST}, not {size}")
        if not 0.0 <= loops <= 1.0:
            raise ValueError(f"loops must lie between 0 and 1, not {loops}")
        if not 0.0 <= held_out < 1.0:
            raise ValueError(f"held_out must be at least 0 and below 1, not {held_out}")
        if view not in ("cell", "map"):
            raise ValueError(f"view must be 'cell' or 'map', not {view!r}")
        if layout_seed is None and view == "cell":
            raise ValueError(
                "the cell alone does not tell changing layouts apart: view must be map"
            )
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be None or 'rgb_array', not {render_mode!r}")
        side = 2 * size + 1
        self.observation_space = (
            spaces.Discrete(size**2)
            if view == "cell"
            else spaces.Box(0, 1, (side, side, 3), np.bool_)
        )
        self.action_space = spaces.Discrete(len(MOVES))
        self.render_mode = render_mode
        self._size, self._loops, self._held_out, self._view = size, loops, held_out, view
        self._draws_layouts = layout_seed is None
        self.layout = self._draw(np.random.default_rng(layout_seed))
        self._cell = self._start = self.layout.starts(unseen=False)[0]
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; `options` as the class tells.

        Raises:
            ValueError: no such starts, or the start is no cell or the goal.
        """
        super().reset(seed=seed)
        if self._draws_layouts:
            self.layout = self._draw(self.np_random)
        self._cell = self._start = self._choose_start(options or {})
        self._steps = 0
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move, or run against a wall."""
        self._cell = self.layout.move(self._cell, int(action))
        self._steps += 1
        found = self._cell == self.layout.goal
        reward = float(found) - 1.0 / self._size**2
        given_up = not found and self._steps >= _PATIENCE * self._size**2
        return self._observation(), reward, found, given_up, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """Return the maze from above, uint8 [8 (2 size + 1), 8 (2 size + 1), 3], if asked for."""
        if self.render_mode is None:
            return None
        walls, robot, goal = np.moveaxis(self._map(), 2, 0)
        picture = np.empty((*walls.shape, 3), np.uint8)
        picture[...] = _FLOOR
        for where, color in ((walls, _WALL), (goal, _GOAL), (robot, _ROBOT)):
            picture[where] = color
        return picture.repeat(_PIXELS, axis=0).repeat(_PIXELS, axis=1)

    def _draw(self, generator: np.random.Generator) -> MazeLayout:
        return MazeLayout.draw(self._size, generator, loops=self._loops, held_out=self._held_out)

    def _choose_start(self, options: dict[str, Any]) -> Cell:
        if "start" in options:
            row, column = (int(part) for part in options["start"])
            if not (0 <= row < self._size and 0 <= column < self._size):
                raise ValueError(f"start must be a cell of the maze, not {(row, column)}")
            if (row, column) == self.layout.goal:
                raise ValueError(f"start must not be the goal, {self.layout.goal}")
            return row, column
        which = options.get("starts", "seen")
        if which not in ("seen", "unseen", "all"):
            raise ValueError(f"starts must be 'seen', 'unseen' or 'all', not {which!r}")
        starts = [
            cell
            for unseen in (False, True)
            if which in ("all", "unseen" if unseen else "seen")
            for cell in self.layout.starts(unseen=unseen)
        ]
        if not starts:
            raise ValueError(f"there are no starts that are {which}: held_out is {self._held_out}")
        return starts[int(self.np_random.integers(len(starts)))]

    def _observation(self) -> Any:
        return self._cell[0] * self._size + self._cell[1] if self._view == "cell" else self._map()

    def _map(self) -> NDArray[np.bool_]:
        seen = np.zeros((2 * self._size + 1, 2 * self._size + 1, 3), np.bool_)
        seen[:, :, 0] = self.layout.walls()
        for plane, (row, column) in ((1, self._cell), (2, self.layout.goal)):
            seen[2 * row + 1, 2 * column + 1, plane] = True
        return seen

    def _info(self) -> dict[str, Any]:
        return {
            "shortest_path": int(self.layout.distances[self._start]),
            "is_unseen_start": bool(self.layout.held_out[self._start]),
        }
