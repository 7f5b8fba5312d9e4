"""A live table's spec: whether another is equal to it, and what a change makes of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from replay_server.errors import TableExistsError
from replay_wire.complaints import convert
from replay_wire.messages import TableChange
from replay_wire.specs import TableSpec

__all__ = ["changed_spec", "check_equal"]

_CHANGEABLE: Final = ("sampler", "rate_limiter", "max_times_sampled")
_IMPLIED: Final = ("sampler", "max_times_sampled")


def changed_spec(spec: TableSpec, change: TableChange) -> TableSpec:
    """Return a spec with what a change names: maps merged, unless their kind changes.

    Raises:
        InvalidMessageError: that is no spec.
    """
    values = msgspec.to_builtins(spec)
    wanted = {
        key: _merged(values[key], getattr(change, key))
        for key in _CHANGEABLE
        if getattr(change, key) is not None
    }
    values = {key: value for key, value in values.items() if key not in wanted}
    if wanted.get("rate_limiter", {}).get("kind") == "queue":  # implies the others
        values = {key: value for key, value in values.items() if key not in _IMPLIED}
    return convert({**values, **wanted}, TableSpec)


def check_equal(name: str, asked: TableSpec, made: TableSpec, now: TableSpec) -> None:
    """Refuse a spec that is neither the one a table was made with nor the one it has.

    Columns that a first insert has fixed are part of the latter; a spec that names none is not
    held to them.

    Raises:
        TableExistsError: it is another, and in what.
    """
    made = msgspec.structs.replace(made, columns=now.columns)
    if asked.columns is None:
        asked = msgspec.structs.replace(asked, columns=now.columns)
    if asked in (made, now):
        return
    for key in asked.__struct_fields__:
        wanted, stands = msgspec.to_builtins((getattr(asked, key), getattr(now, key)))
        if wanted != stands:
            raise TableExistsError(name, f"{key} is {stands}, not {wanted}"[:200])


def _merged(standing: Any, change: Any) -> Any:
    """Return a changed value of a spec: merged key by key, unless its kind changes."""
    if not isinstance(standing, dict):
        return change
    if change.get("kind", standing["kind"]) != standing["kind"]:
        return change
    return {**standing, **change}
