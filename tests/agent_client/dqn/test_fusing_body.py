"""The encoders of observations of several parts."""

import pytest
import torch
from torch import nn

from agent_client.dqn.config import DQNConfig
from agent_client.dqn.fusing_body import FusingBody

SHAPES = {"camera": (6, 7, 2), "joints": (3,)}
CONFIG = DQNConfig(hidden_units=(16,), convolution_channels=(4,))


def observations(count: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "camera": torch.randint(0, 256, (count, 6, 7, 2), dtype=torch.uint8),
        "joints": torch.randn(count, 3),
    }


@pytest.mark.parametrize("part", ["camera", "joints"])
def test_each_part_matters(part: str) -> None:
    torch.manual_seed(0)
    body = FusingBody(SHAPES, CONFIG)
    seen = observations(2)
    other = {**seen, part: seen[part].flip(0)}

    assert not torch.allclose(body(seen), body(other), atol=1e-5)


def test_names_decide_and_not_their_order() -> None:
    torch.manual_seed(0)
    body = FusingBody(SHAPES, CONFIG)
    seen = observations(5)

    assert torch.equal(body(seen), body(dict(reversed(seen.items()))))


def test_no_part_has_more_to_say_than_another() -> None:
    body = FusingBody(SHAPES, CONFIG)

    widths = [
        [layer.out_features for layer in encoder.modules() if isinstance(layer, nn.Linear)]
        for encoder in body.encoders
    ]

    assert widths == [[16], [16]]
    assert body.size == 32
    assert body(observations(3)).shape == (3, 32)


def test_encodings_are_normalized_where_so_configured() -> None:
    body = FusingBody(SHAPES, DQNConfig(hidden_units=(16,), layer_norm=True))

    assert sum(isinstance(layer, nn.LayerNorm) for layer in body.modules()) == 2


def test_images_too_small_are_refused() -> None:
    config = DQNConfig(convolution_channels=(4, 4))

    with pytest.raises(ValueError, match="2 convolutions"):
        FusingBody({"camera": (4, 9, 1)}, config)


def test_observations_without_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="without parts"):
        FusingBody({}, CONFIG)
