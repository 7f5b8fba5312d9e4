"""Linear layers whose weights are noisy: exploration that is learned, in place of epsilon.

Fortunato et al., Noisy Networks for Exploration, ICLR 2018 (arXiv 1706.10295).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional


class NoisyLinear(nn.Linear):
    """A linear layer with factorised Gaussian noise on weights and biases, in `fresh_noise` only.

    With p inputs, q outputs and f(x) = sgn(x) sqrt(|x|), the paper's equations 9 to 11 are

        y = (mu_w + sigma_w * f(e_out) f(e_in)^T) x + mu_b + sigma_b * f(e_out)
          = mu_w x + mu_b + f(e_out) * (sigma_w (f(e_in) * x) + sigma_b)

    and the second line needs no noisy matrix. `weight` and `bias` are the means; without noise the
    layer is a linear layer of these.

    Attributes:
        weight_sigma, bias_sigma: as large as `weight` and `bias`; learned like them.
        noise: f(e_in) [p] and f(e_out) [q] of the moment, for whole batches; or None.
    """

    def __init__(self, inputs: int, outputs: int, sigma: float) -> None:
        """Make a layer; its means come from torch's global generator.

        Args:
            inputs: p.
            outputs: q.
            sigma: standard deviations begin as sigma / sqrt(p), 0.5 / sqrt(p) in the paper; means
                are uniform within 1 / sqrt(p) (section 3.2).
        """
        super().__init__(inputs, outputs)
        bound = inputs**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        self.weight_sigma = nn.Parameter(torch.full_like(self.weight, sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full_like(self.bias, sigma * bound))
        self.noise: tuple[Tensor, Tensor] | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return [B, q] of inputs [B, p], with the noise of the moment if there is any."""
        means = super().forward(inputs)
        if self.noise is None:
            return means
        noise_in, noise_out = self.noise
        deviations = functional.linear(inputs * noise_in, self.weight_sigma, self.bias_sigma)
        return means + noise_out * deviations


@contextmanager
def fresh_noise(layers: Sequence[NoisyLinear]) -> Iterator[None]:
    """Let each layer be noisy within a `with` block, each by noise of its own.

    The noise comes from torch's global generator, in one draw.
    """
    sizes = [size for layer in layers for size in (layer.in_features, layer.out_features)]
    draw = torch.randn(sum(sizes))
    noise = torch.split(draw.sign() * draw.abs().sqrt(), sizes) if sizes else ()
    for layer, noise_in, noise_out in zip(layers, noise[::2], noise[1::2], strict=True):
        layer.noise = noise_in, noise_out
    try:
        yield
    finally:
        for layer in layers:
            layer.noise = None
