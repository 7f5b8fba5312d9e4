"""What may stand in a request's query, and how it is read."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from replay_wire.complaints import located
from replay_wire.errors import InvalidMessageError
from replay_wire.specs import CountOrZero, NonNegative

__all__ = ["ParametersQuery", "read_query"]

Query = TypeVar("Query", bound=msgspec.Struct)

_MOST_FIELDS = 64


class ParametersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version of parameters is wanted.

    Attributes:
        newer_than: only one above this.
        wait: seconds to wait for it.
    """

    newer_than: CountOrZero = 0
    wait: NonNegative = 0.0


def read_query(text: bytes, query_type: type[Query]) -> Query:
    """Return what a query says.

    Raises:
        InvalidMessageError: an unknown key, a value that is none, or a key given twice.
    """
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise InvalidMessageError("", f"the query can't be read: {error}") from error
    values = dict(pairs)
    for name in values:
        if sum(name == other for other, _ in pairs) > 1:
            raise InvalidMessageError(name, "it stands in the query twice")
    try:
        return msgspec.convert(values, query_type, strict=False)
    except msgspec.ValidationError as error:
        raise located(error, values, query_type) from error
