"""Clients of the replay server: the verbs, a writer for actors, batches ahead for learners.

Importing this loads neither torch nor the server's packages. Imported by name are
`agent_client.tensors` (batches as torch tensors), `agent_client.step_tables` (tables for spaces of
Gymnasium) and `agent_client.dqn` (an agent).
"""

from agent_client.batches import Batch, DeleteResult, InsertResult, ScanResult, UpdateResult
from agent_client.draws import Draw
from agent_client.errors import (
    BadPriorityError,
    BatchTimeoutError,
    ColumnMismatchError,
    ForbiddenError,
    InvalidReplyError,
    InvalidRequestError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotAReplayServerError,
    NothingToDrawError,
    PrefetcherClosedError,
    PrefetcherError,
    RateLimitedError,
    ReplayClientError,
    SchemaMismatchError,
    ServerFailedError,
    ServerRejectedError,
    ServerUnavailableError,
    ServerUnreachableError,
    StaleSequenceError,
    StepOrderError,
    StorageFullError,
    TableExistsError,
    TooLargeError,
    UnauthenticatedError,
    UnknownCheckpointError,
    UnknownParametersError,
    UnknownPathError,
    UnknownTableError,
    UnsupportedMediaTypeError,
    WriterClosedError,
    WriterError,
    WriterFailedError,
    WriterTimeoutError,
)
from agent_client.prefetcher import Prefetcher
from agent_client.replay_client import ReplayClient
from agent_client.step_writer import Autoreset, StepWriter
from agent_client.transport import ReplayTransport
from agent_client.writer import RowWriter

__all__ = [
    "Autoreset",
    "BadPriorityError",
    "Batch",
    "BatchTimeoutError",
    "ColumnMismatchError",
    "DeleteResult",
    "Draw",
    "ForbiddenError",
    "InsertResult",
    "InvalidReplyError",
    "InvalidRequestError",
    "MalformedRequestError",
    "MethodNotAllowedError",
    "NotAReplayServerError",
    "NothingToDrawError",
    "Prefetcher",
    "PrefetcherClosedError",
    "PrefetcherError",
    "RateLimitedError",
    "ReplayClient",
    "ReplayClientError",
    "ReplayTransport",
    "RowWriter",
    "ScanResult",
    "SchemaMismatchError",
    "ServerFailedError",
    "ServerRejectedError",
    "ServerUnavailableError",
    "ServerUnreachableError",
    "StaleSequenceError",
    "StepOrderError",
    "StepWriter",
    "StorageFullError",
    "TableExistsError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnknownCheckpointError",
    "UnknownParametersError",
    "UnknownPathError",
    "UnknownTableError",
    "UnsupportedMediaTypeError",
    "UpdateResult",
    "WriterClosedError",
    "WriterError",
    "WriterFailedError",
    "WriterTimeoutError",
]
