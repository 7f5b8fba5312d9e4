"""Freshness and redundancy of hand-made batches."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from agent_client.draw_statistics import (
    DRAW_FIGURES,
    draw_figures,
    effective_share,
    with_draw,
)


@dataclass
class Drawn:
    """A batch with what is looked at."""

    keys: Tensor
    ages: Tensor
    weights: Tensor
    times_sampled: Tensor
    columns: dict[str, Tensor]

    size = 0

    def stacked(self) -> "Drawn":
        return self


def drawn(ages: list[int], weights: list[float], times_sampled: list[int]) -> Drawn:
    return Drawn(
        torch.arange(len(ages)),
        torch.tensor(ages),
        torch.tensor(weights),
        torch.tensor(times_sampled),
        {},
    )


@pytest.mark.parametrize(
    ("weights", "share"),
    [
        pytest.param([0.3, 0.3, 0.3, 0.3], 1.0, id="all_alike"),
        pytest.param([1.0, 0.0, 0.0, 0.0], 0.25, id="one_alone"),
        pytest.param([1.0, 1.0, 0.0, 0.0], 0.5, id="two_of_four"),
        pytest.param([1.0, 0.5], 2.25 / 2.5, id="half_as_much"),
    ],
)
def test_the_effective_share_is_kishs(weights: list[float], share: float) -> None:
    assert effective_share(np.array(weights, np.float32)) == pytest.approx(share)


def test_the_first_batch_is_told_as_it_is() -> None:
    draws = with_draw({}, drawn([10, 20, 9_000], [1.0, 0.0, 0.0], [1, 2, 1]))

    assert draw_figures(draws, 8) == {
        "sample_age": 20.0,
        "effective_sample_share": pytest.approx(1 / 3),
        "never_drawn_share": 0.75,
    }


def test_later_batches_move_the_averages_a_little_each() -> None:
    draws = with_draw({}, drawn([100], [1.0], [1]))
    one_later = with_draw(draws, drawn([164], [1.0], [2]))
    for _ in range(640):
        draws = with_draw(draws, drawn([7, 7], [1.0, 0.5], [2, 3]))

    assert draw_figures(one_later, 1)["sample_age"] == 101.0
    told = draw_figures(draws, 4)
    assert told["sample_age"] == pytest.approx(7.0, abs=0.01)
    assert told["effective_sample_share"] == pytest.approx(0.9, abs=1e-4)


def test_a_step_counts_once_however_often_it_is_drawn() -> None:
    draws = with_draw({}, drawn([1, 1, 1, 1], [1.0] * 4, [1, 2, 3, 1]))
    draws = with_draw(draws, drawn([1, 1], [1.0] * 2, [2, 4]))

    assert draw_figures(draws, 10)["never_drawn_share"] == 0.8


def test_nothing_is_told_before_the_first_batch() -> None:
    assert draw_figures({}, 10) == {}


def test_every_figure_is_a_column() -> None:
    assert tuple(draw_figures(with_draw({}, drawn([1], [1.0], [1])), 1)) == DRAW_FIGURES


def test_a_checkpoint_can_hold_what_is_kept() -> None:
    draws = with_draw({}, drawn([1, 5], [1.0, 0.3], [1, 1]))

    assert json.loads(json.dumps(draws)) == draws
