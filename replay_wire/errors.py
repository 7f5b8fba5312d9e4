"""What can go wrong on the wire, for both ends.

    WireFormatError               bytes that are not what the protocol says
    ├── MalformedBodyError        not one MessagePack or JSON document, or not a map
    ├── InvalidMessageError       a document whose fields are not those of the message
    ├── TooManyElementsError      a document, or a map or list in it, of more than it may hold
    └── UnsupportedArrayError     an array that the protocol has no name for

`ErrorCode` is the list of codes that a server answers with (docs/protocol.md, section 9), and
`Problem` the body that bears them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

__all__ = [
    "ErrorCode",
    "InvalidMessageError",
    "MalformedBodyError",
    "TooManyElementsError",
    "UnsupportedArrayError",
    "WireFormatError",
]


class ErrorCode(StrEnum):
    """The `code` of a problem; `status` is the HTTP status it comes with."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    UNKNOWN_TABLE = "unknown_table"
    UNKNOWN_PARAMETERS = "unknown_parameters"
    UNKNOWN_CHECKPOINT = "unknown_checkpoint"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    TABLE_EXISTS = "table_exists"
    STALE_SEQUENCE = "stale_sequence"
    NOTHING_TO_DRAW = "nothing_to_draw"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_REQUEST = "invalid_request"
    SCHEMA_MISMATCH = "schema_mismatch"
    BAD_PRIORITY = "bad_priority"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage_full"

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return _STATUS[self]

    @property
    def phrase(self) -> str:
        """The code as a short English title, the same for every occurrence (RFC 9457)."""
        return self.value.replace("_", " ").capitalize()


_STATUS = {
    ErrorCode.MALFORMED: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.UNKNOWN_TABLE: 404,
    ErrorCode.UNKNOWN_PARAMETERS: 404,
    ErrorCode.UNKNOWN_CHECKPOINT: 404,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REQUEST_TIMEOUT: 408,
    ErrorCode.TABLE_EXISTS: 409,
    ErrorCode.STALE_SEQUENCE: 409,
    ErrorCode.NOTHING_TO_DRAW: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.SCHEMA_MISMATCH: 422,
    ErrorCode.BAD_PRIORITY: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.STORAGE_FULL: 507,
}


_MOST_FIELD: Final = 200
_MOST_REASON: Final = 300


class WireFormatError(ValueError):
    """Bytes that are not what the protocol says."""


class MalformedBodyError(WireFormatError):
    """The body is not exactly one MessagePack or JSON document, or that document is no map."""


class InvalidMessageError(WireFormatError):
    """The document is no message of the expected type.

    Attributes:
        field: where, as a dotted path from the message's root ("sampler.alpha"; "" is the root).
        reason: what was expected there and what came.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Keep the facts, cut to a length for people, and make a sentence of them."""
        self.field = field = field[:_MOST_FIELD]
        self.reason = reason = reason[:_MOST_REASON]
        super().__init__(f"{field}: {reason}" if field else reason)


class TooManyElementsError(WireFormatError):
    """A document, or one of its maps and lists, holds more than it may.

    Attributes:
        field: where, as for InvalidMessageError.
        limit: how many elements there may be.
    """

    def __init__(self, field: str, limit: int) -> None:
        """Keep the facts."""
        self.field, self.limit = field, limit
        super().__init__(f"{field or 'the document'}: at most {limit} elements")


class UnsupportedArrayError(WireFormatError):
    """An array has a dtype that the protocol does not carry.

    Attributes:
        dtype: the NumPy dtype that came.
    """

    def __init__(self, dtype: Any) -> None:
        """Keep the dtype and say what would do."""
        self.dtype = dtype
        super().__init__(
            f"dtype {dtype} can't be sent; convert the array to bool, to an integer of 8 to 64 "
            "bits or to float16, float32 or float64"
        )
