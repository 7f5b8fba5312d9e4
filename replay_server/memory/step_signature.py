"""What columns a table of steps must have, and what its rows may say (the RLDS alignment)."""

from __future__ import annotations

import numpy as np

from replay_server.memory.arrays import Columns
from replay_server.memory.errors import InvalidArgumentError
from replay_server.memory.signature import Signature
from replay_server.memory.windows import is_observation

__all__ = ["check_step_signature", "check_steps"]

_FLAGS = ("is_first", "is_last", "is_terminal")
_RESERVED = ("discount", "mask", "rows")


def check_step_signature(signature: Signature) -> None:
    """Refuse columns that no table of steps can have.

    Raises:
        InvalidArgumentError: one is missing, of the wrong type, or bears a name that draws use.
    """
    columns = signature.columns
    for name in columns:
        if name in _RESERVED or name.startswith("next_") or name.endswith("_index"):
            raise InvalidArgumentError(
                f"columns.{name}", "draws give a column of this name; take another"
            )
    if not any(is_observation(name) for name in columns):
        raise InvalidArgumentError("columns", "steps need `observation` or `observation/...`")
    if not any(name == "action" or name.startswith("action/") for name in columns):
        raise InvalidArgumentError("columns", "steps need `action` or `action/...`")
    for name, kind, described in (
        ("reward", "f", "a float dtype"),
        *((flag, "b", "|b1") for flag in _FLAGS),
    ):
        column = columns.get(name)
        if column is None or column.dtype.kind != kind or column.shape:
            got = "none" if column is None else str(column)
            raise InvalidArgumentError(
                f"columns.{name}", f"steps need {described} of shape [N], got {got}"
            )


def check_steps(columns: Columns) -> None:
    """Refuse steps that are terminal without being their episode's last.

    Raises:
        InvalidArgumentError: there is one.
    """
    wrong = columns["is_terminal"] & ~columns["is_last"]
    if wrong.any():
        raise InvalidArgumentError(
            "columns.is_terminal",
            f"row {int(np.argmax(wrong))} is terminal but not last; a terminal step is the last",
        )
