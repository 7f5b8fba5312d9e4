"""How one network's weights follow another's."""

import torch
from torch import nn


def copy_weights(source: nn.Module, destination: nn.Module) -> None:
    """Copy all weights of ``source`` into the memory of ``destination``."""
    move_weights(source, destination, rate=1.0)


@torch.no_grad()
def move_weights(source: nn.Module, destination: nn.Module, *, rate: float) -> None:
    """Move ``destination`` by ``rate`` of the way to ``source``, in place.

    Rate 1 copies (Mnih et al. 2015); a small rate at every learner step is the Polyak
    average theta' <- tau theta + (1 - tau) theta' (Lillicrap et al. 2016, section 3).

    Args:
        source: the online network. Not modified.
        destination: the target network, of the same architecture.
        rate: tau, in (0, 1].
    """
    for moving, towards in zip(destination.parameters(), source.parameters(), strict=True):
        if rate == 1.0:
            moving.copy_(towards)
        else:
            moving.lerp_(towards, rate)
