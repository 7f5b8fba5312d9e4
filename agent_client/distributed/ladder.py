"""How much each actor explores: the ladder of Ape-X (Horgan et al. 2018, section 4.1).

Actor i of N acts at random with probability `base ** (1 + exponent * i / (N - 1))`, always the
same: some try much, some play nearly as well as the network can, and the replay has both.
"""

from typing import Final

BASE: Final = 0.4
EXPONENT: Final = 7.0


def ladder_epsilon(position: float, base: float = BASE, exponent: float = EXPONENT) -> float:
    """Return the probability of a random action at a place of the ladder.

    Args:
        position: 0 explores most, 1 least.
        base: probability at 0; `base ** (1 + exponent)` is that at 1.
        exponent: how steep the ladder is.
    """
    return float(base ** (1.0 + exponent * position))


def position_of_index(index: int, actors: int) -> float:
    """Return i / (N - 1), the place of actor i of N; one alone explores most.

    Raises:
        ValueError: there is no such actor.
    """
    if not 0 <= index < actors:
        raise ValueError(f"expected an index of 0 to {actors - 1}, not {index}")
    return index / (actors - 1) if actors > 1 else 0.0


def position_of_ticket(ticket: int) -> float:
    """Return a place for the one who came as number `ticket`, where nobody knows how many come.

    The number's binary digits behind the point, in reverse (van der Corput): 0, 1/2, 1/4, 3/4,
    1/8, ... Whoever comes next stands in one of the widest gaps, so that however many come, and
    whoever comes again, the ladder is stood on evenly.

    Args:
        ticket: 0 or more.

    Returns:
        In [0, 1).
    """
    position, place = 0.0, 0.5
    while ticket:
        ticket, digit = divmod(ticket, 2)
        position += digit * place
        place /= 2
    return position
