"""The distribution of the return over fixed atoms: C51.

Bellemare et al., A Distributional Perspective on Reinforcement Learning, ICML 2017
(arXiv 1707.06887).
"""

import torch
from torch import Tensor

from agent_client.dqn.return_model import Comparison, ReturnModel


class CategoricalReturn(ReturnModel):
    """N logits of each action: how likely its return is each of N equally spaced atoms.

    Attributes:
        atoms: [N] float32, the returns that have a probability, z_1 < ... < z_N.
    """

    atoms: Tensor

    def __init__(self, numbers: int, value_min: float, value_max: float) -> None:
        """Make one with atoms from `value_min` to `value_max`; at least two."""
        super().__init__()
        self.numbers = numbers
        atoms = torch.linspace(value_min, value_max, numbers)
        self.register_buffer("atoms", atoms, persistent=False)

    def values(self, outputs: Tensor) -> Tensor:
        """Return the means of the distributions, [B, actions] of logits [B, actions, N]."""
        return outputs.softmax(dim=-1) @ self.atoms

    def compare(
        self, outputs: Tensor, reward: Tensor, discount: Tensor, next_outputs: Tensor
    ) -> Comparison:
        """Return cross entropies against the projected targets, as told in `ReturnModel`.

        The surprise is their Kullback-Leibler divergence, which is the cross entropy less what no
        prediction could avoid: what Hessel et al. (2018, "The integrated agent") prioritize by.
        """
        with torch.no_grad():
            returns = reward[:, None] + discount[:, None] * self.atoms
            targets = project(returns, next_outputs.softmax(dim=-1), self.atoms)
            entropies = torch.special.entr(targets).sum(dim=-1)
        cross_entropies = -(targets * outputs.log_softmax(dim=-1)).sum(dim=-1)
        divergences = cross_entropies.detach() - entropies
        return Comparison(cross_entropies, divergences.clamp_min(0.0))


def project(returns: Tensor, probabilities: Tensor, atoms: Tensor) -> Tensor:
    """Return [B, N] probabilities of atoms for distributions over other returns.

    Equation 7 of the paper: what lies between two atoms goes to both, the nearer the more; what
    lies beyond the first or the last goes to it. Means between these stay as they are.

    Args:
        returns: [B, M] float32.
        probabilities: [B, M] of them.
        atoms: [N] ascending, equally spaced.
    """
    spacing = (atoms[-1] - atoms[0]) / (len(atoms) - 1)
    distances = (returns.clamp(atoms[0], atoms[-1])[:, None, :] - atoms[:, None]).abs()
    shares = (1.0 - distances / spacing).clamp_min(0.0)
    return (shares @ probabilities[:, :, None]).squeeze(-1)
