"""What can go wrong for a client of the replay server.

    ReplayClientError
    ├── ServerUnreachableError            no answer: not connected, timed out, or cut off
    ├── NotAReplayServerError             an answer, but not of this protocol or version
    ├── InvalidReplyError                 an answer of this protocol that makes no sense
    ├── ServerRejectedError               the server said no, with a code that this client knows not
    │   ├── MalformedRequestError         400 malformed
    │   ├── UnauthenticatedError          401 unauthenticated
    │   ├── ForbiddenError                403 forbidden
    │   ├── UnknownTableError             404 unknown_table
    │   ├── UnknownParametersError        404 unknown_parameters
    │   ├── UnknownCheckpointError        404 unknown_checkpoint
    │   ├── UnknownPathError              404 not_found
    │   ├── MethodNotAllowedError         405 method_not_allowed
    │   ├── RequestTimeoutError           408 request_timeout
    │   ├── TableExistsError              409 table_exists
    │   ├── StaleSequenceError            409 stale_sequence
    │   ├── NothingToDrawError            409 nothing_to_draw
    │   ├── TooLargeError                 413 too_large
    │   ├── UnsupportedMediaTypeError     415 unsupported_media_type
    │   ├── InvalidRequestError           422 invalid_request
    │   ├── SchemaMismatchError           422 schema_mismatch
    │   ├── BadPriorityError              422 bad_priority
    │   ├── RateLimitedError              429 rate_limited
    │   ├── ServerFailedError             500 internal
    │   ├── ServerUnavailableError        503 unavailable
    │   └── StorageFullError              507 storage_full
    ├── ColumnMismatchError               a value that its column cannot hold, seen before sending
    ├── StepOrderError                    a step of an episode that has not begun, or has ended
    ├── WriterError
    │   ├── WriterFailedError             rows were refused; the writer sends no more
    │   ├── WriterTimeoutError            rows are still unsent after the time that was given
    │   └── WriterClosedError             the writer was closed, perhaps with rows unsent
    └── PrefetcherError
        ├── BatchTimeoutError             no batch came in the time that was given
        └── PrefetcherClosedError         the prefetcher was closed

A refused request has changed nothing. Whether a request without an answer has is not known, unless
`ServerUnreachableError.may_have_happened` is false.
"""

from agent_client.errors.failures import (
    InvalidReplyError,
    NotAReplayServerError,
    ReplayClientError,
    ServerUnreachableError,
)
from agent_client.errors.prefetching import (
    BatchTimeoutError,
    PrefetcherClosedError,
    PrefetcherError,
)
from agent_client.errors.rejections import (
    BadPriorityError,
    ForbiddenError,
    InvalidRequestError,
    MalformedRequestError,
    MethodNotAllowedError,
    NothingToDrawError,
    RateLimitedError,
    RequestTimeoutError,
    SchemaMismatchError,
    ServerFailedError,
    ServerRejectedError,
    ServerUnavailableError,
    StaleSequenceError,
    StorageFullError,
    TableExistsError,
    TooLargeError,
    UnauthenticatedError,
    UnknownCheckpointError,
    UnknownParametersError,
    UnknownPathError,
    UnknownTableError,
    UnsupportedMediaTypeError,
    rejection,
)
from agent_client.errors.writing import (
    ColumnMismatchError,
    StepOrderError,
    UnsentRows,
    WriterClosedError,
    WriterError,
    WriterFailedError,
    WriterTimeoutError,
)

__all__ = [
    "BadPriorityError",
    "BatchTimeoutError",
    "ColumnMismatchError",
    "ForbiddenError",
    "InvalidReplyError",
    "InvalidRequestError",
    "MalformedRequestError",
    "MethodNotAllowedError",
    "NotAReplayServerError",
    "NothingToDrawError",
    "PrefetcherClosedError",
    "PrefetcherError",
    "RateLimitedError",
    "ReplayClientError",
    "RequestTimeoutError",
    "SchemaMismatchError",
    "ServerFailedError",
    "ServerRejectedError",
    "ServerUnavailableError",
    "ServerUnreachableError",
    "StaleSequenceError",
    "StepOrderError",
    "StorageFullError",
    "TableExistsError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnknownCheckpointError",
    "UnknownParametersError",
    "UnknownPathError",
    "UnknownTableError",
    "UnsentRows",
    "UnsupportedMediaTypeError",
    "WriterClosedError",
    "WriterError",
    "WriterFailedError",
    "WriterTimeoutError",
    "rejection",
]
