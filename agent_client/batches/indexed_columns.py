"""The indexed layout made into the stacked one: `rows[name][index]`, of NumPy or of torch."""

from collections.abc import Callable, Mapping
from operator import getitem
from typing import Any, Final, TypeVar

__all__ = ["stacked_columns"]

_OBSERVATION_INDEX: Final = "observation_index"
_NEXT_OBSERVATION_INDEX: Final = "next_observation_index"
_SEQUENCE_INDEX: Final = "sequence_index"
_INDICES: Final = (_OBSERVATION_INDEX, _NEXT_OBSERVATION_INDEX, _SEQUENCE_INDEX)
_MASK: Final = "mask"

AnyArray = TypeVar("AnyArray", bound=Any)


def stacked_columns(
    columns: Mapping[str, AnyArray],
    rows: Mapping[str, AnyArray],
    pick: Callable[[AnyArray, AnyArray], AnyArray] = getitem,
) -> dict[str, AnyArray]:
    """Return the columns of a draw as the stacked layout has them, in new memory where indexed.

    Args:
        columns: as drawn in the indexed layout: NAME -> [*S, ...], the indices among them; S is
            [B] or [K, B]. Not changed; those that are no indices are in the result as they are.
        rows: NAME -> [U, ...], each distinct row once; arrays or tensors, as `columns`.
        pick: returns `rows[name][index]` in new memory.

    Returns:
        Transitions: `observation` and `next_observation` (each `observation/x` alike) as
        [*S, k, ...] or [*S, ...]. Sequences: every column as [*S, L, ...], 0 where `mask` is false.
    """
    stacked = {name: values for name, values in columns.items() if name not in _INDICES}
    if _SEQUENCE_INDEX in columns:
        index = columns[_SEQUENCE_INDEX]
        padded = ~columns[_MASK]
        for name, values in rows.items():
            stacked[name] = pick(values, index)
            stacked[name][padded] = 0
        return stacked
    for index_name, prefix in ((_OBSERVATION_INDEX, ""), (_NEXT_OBSERVATION_INDEX, "next_")):
        if index_name in columns:
            for name, values in rows.items():
                stacked[prefix + name] = pick(values, columns[index_name])
    return stacked
