"""Streams that duel, and what of them can be told apart."""

import pytest
import torch
from torch import Tensor, nn

from agent_client.dqn.heads import Head


def last(stream: nn.Sequential | None) -> nn.Linear:
    assert stream is not None
    layer = stream[-1]
    assert isinstance(layer, nn.Linear)
    return layer


@pytest.fixture
def features() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(6, 5)


@pytest.mark.parametrize("numbers", [1, 4])
def test_the_value_is_the_mean_over_the_actions(features: Tensor, numbers: int) -> None:
    head = Head(5, 3, numbers, (8,), dueling=True)
    assert head.value is not None

    torch.testing.assert_close(head(features).mean(dim=1), head.value(features))


def test_what_all_advantages_have_in_common_says_nothing(features: Tensor) -> None:
    # V + A alone can't be told from (V + 1) + (A - 1): the mean taken off decides for one.
    head = Head(5, 3, 1, (8,), dueling=True)
    before = head(features)

    with torch.no_grad():
        last(head.advantage).bias += 100.0
    torch.testing.assert_close(head(features), before, rtol=0, atol=1e-4)

    with torch.no_grad():
        last(head.value).bias += 100.0
    torch.testing.assert_close(head(features), before + 100.0)


def test_a_common_error_moves_the_value_and_no_advantage(features: Tensor) -> None:
    head = Head(5, 3, 1, (8,), dueling=True)

    head(features).sum().backward()

    assert float(last(head.value).bias.grad) == pytest.approx(3.0 * 6)  # type: ignore[arg-type]
    assert last(head.advantage).bias.grad is not None
    assert last(head.advantage).bias.grad.abs().max() < 1e-5  # type: ignore[union-attr]


def test_one_stream_tells_each_action_by_itself(features: Tensor) -> None:
    head = Head(5, 3, 1, ())

    head(features)[:, 1].sum().backward()

    assert head.value is None
    assert last(head.advantage).bias.grad is not None
    assert last(head.advantage).bias.grad.tolist() == [0.0, 6.0, 0.0]  # type: ignore[union-attr]
