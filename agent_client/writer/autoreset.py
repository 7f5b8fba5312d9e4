"""When environments of a vector reset themselves, and where their final observations are then."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from agent_client.writer.step_stream import named_parts

__all__ = ["Autoreset", "final_observations", "values_at"]

_FINAL: Final = "final_obs"


class Autoreset(Enum):
    """When a vector environment resets an environment that has ended, as Gymnasium names it."""

    NEXT_STEP = "NextStep"
    """The next step resets it, whatever the action, and gives the first observation."""
    SAME_STEP = "SameStep"
    """The very step does, and gives the final observation in its info."""
    DISABLED = "Disabled"
    """Somebody calls `reset` with a mask."""


def values_at(parts: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the values of one environment."""
    return {name: value[place] for name, value in parts.items()}


def final_observations(
    info: Mapping[str, Any] | None, places: Iterable[int], autoreset: Autoreset
) -> dict[int, dict[str, Any]]:
    """Return the final observations that a step's info holds, by environment and column.

    Args:
        info: its `final_obs` is an array of each environment's observation, or the observations of
            all with a leading axis N.
        places: the environments whose episodes have ended.
        autoreset: only SAME_STEP puts them there.

    Raises:
        ValueError: it does not hold one of them.
    """
    if autoreset is not Autoreset.SAME_STEP:
        return {}
    found: dict[int, dict[str, Any]] = {}
    for place in places:
        final = (info or {}).get(_FINAL)
        if isinstance(final, Mapping):
            found[place] = values_at(named_parts("observation", final), place)
            continue
        one = None if final is None else final[place]
        if one is None:
            raise ValueError(
                f"environment {place} ended and reset itself, but info has no {_FINAL!r} of it"
            )
        found[place] = named_parts("observation", one)
    return found
