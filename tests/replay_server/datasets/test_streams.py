"""Links of steps become numbers of streams, and none that a table could mistake."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from replay_server.datasets.spool import FOLLOWING, STREAM
from tests.replay_server.datasets.tables import spool_of


def linked(folder: Path, firsts: str, lasts: str, keys: Sequence[int], previous: Sequence[int]):
    """Streams and following positions of steps; an "x" marks a first, or a last one."""
    rows = len(keys)
    columns = {
        "observation": np.zeros(rows),
        "action": np.zeros(rows),
        "reward": np.zeros(rows),
        "is_first": np.array([c == "x" for c in firsts]),
        "is_last": np.array([c == "x" for c in lasts]),
        "is_terminal": np.zeros(rows, np.bool_),
    }
    with spool_of(folder, columns, keys, np.ones(rows), previous) as spool:
        return [spool.file(name).read(0, rows).tolist() for name in (STREAM, FOLLOWING)]


@pytest.mark.parametrize(
    ("firsts", "lasts", "keys", "previous", "streams", "following"),
    [
        pytest.param("x..x.", "..x..", [4, 5, 6, 9, 12], [-1, 4, 5, -1, 9], [0, 0, 0, 0, 0],
                     [1, 2, -1, 4, -1], id="one_after_another_with_gaps"),
        pytest.param("xx..x.", "...x..", [0, 1, 2, 3, 4, 5], [-1, -1, 0, 1, -1, 2],
                     [0, 1, 0, 1, 1, 0], [2, 3, 5, -1, -1, -1], id="two_at_once_the_lowest_free"),
        pytest.param("....", ".x..", [7, 8, 9, 10], [3, 7, -1, 9], [0, 0, 0, 0], [1, -1, 3, -1],
                     id="the_step_before_has_gone"),
        pytest.param("x.x.", "....", [0, 1, 2, 3], [-1, 0, -1, 2], [0, 0, 0, 0], [1, -1, 3, -1],
                     id="an_episode_abandoned_by_a_first_step"),
        pytest.param("x...", "....", [0, 1, 5, 6], [-1, 0, 4, 5], [0, 0, 1, 1], [1, -1, 3, -1],
                     id="a_fragment_does_not_continue_what_was_left_open"),
    ],
)  # fmt: skip
def test_streams_of_links(
    tmp_path: Path,
    firsts: str,
    lasts: str,
    keys: list[int],
    previous: list[int],
    streams: list[int],
    following: list[int],
):
    assert linked(tmp_path / "s", firsts, lasts, keys, previous) == [streams, following]
