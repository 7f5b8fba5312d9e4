"""The endpoints: method, path, messages, default media type and access of each.

The server builds its routes and its OpenAPI document from these, the client its requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from replay_wire import activity, messages
from replay_wire.queries import ParametersQuery
from replay_wire.roles import (
    ACTORS,
    ACTORS_AND_LEARNERS,
    ADMINS,
    EVERY_ROLE,
    LEARNERS,
    PUBLIC,
    Access,
)
from replay_wire.sharding import messages as sharding
from replay_wire.specs import TableSpec

__all__ = [
    "CLUSTER_HEADER",
    "PARAMETERS_VERSION_HEADER",
    "PROTOCOL_HEADER",
    "PROTOCOL_VERSION",
    "Endpoint",
    "MediaType",
]

PROTOCOL_VERSION: Final = 1
PROTOCOL_HEADER: Final = "x-replay-protocol"
CLUSTER_HEADER: Final = "x-replay-cluster"
PARAMETERS_VERSION_HEADER: Final = "x-parameters-version"


class MediaType(StrEnum):
    """The two forms that a message comes in, each under its first name; and bytes as they are."""

    MSGPACK = "application/msgpack"
    JSON = "application/json"
    PROBLEM_JSON = "application/problem+json"
    BYTES = "application/octet-stream"
    TEXT = "text/plain"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    Attributes:
        method: HTTP method.
        path: with `{table}` where a table's name goes, `{name}` where that of parameters does.
        request: type of the body; `bytes` where it is no message, None where there is none.
        reply: type of the answer's body; `bytes` or `str`, for a text, where it is no message, None
            for 204.
        default: form of an answer whose client does not say which it wants.
        access: whom it lets in where authentication is on; the strictest unless it is told.
        body_optional: whether no body at all means a request of defaults.
        query: what may stand in the query, of the endpoints that look at it.
    """

    method: str
    path: str
    request: type[msgspec.Struct] | type[bytes] | None
    reply: type[msgspec.Struct] | type[bytes] | type[str] | None
    default: MediaType = MediaType.JSON
    access: Access = ADMINS
    body_optional: bool = False
    query: type[msgspec.Struct] | None = None

    def url(self, **names: Any) -> str:
        """Return the path with its names filled in."""
        return self.path.format(**names)


_DATA: Final = MediaType.MSGPACK

INSERT: Final = Endpoint(
    "POST", "/v1/tables/{table}/insert", messages.InsertRequest, messages.InsertReply, _DATA, ACTORS
)
SAMPLE: Final = Endpoint(
    "POST",
    "/v1/tables/{table}/sample",
    messages.SampleRequest,
    messages.SampleReply,
    _DATA,
    LEARNERS,
)
MIXED_SAMPLE: Final = Endpoint(
    "POST", "/v1/sample", messages.MixedSampleRequest, messages.MixedSampleReply, _DATA, LEARNERS
)
UPDATE_PRIORITIES: Final = Endpoint(
    "POST",
    "/v1/tables/{table}/update-priorities",
    messages.PriorityUpdate,
    messages.UpdateReply,
    _DATA,
    LEARNERS,
)
DELETE_ROWS: Final = Endpoint(
    "POST", "/v1/tables/{table}/delete", messages.DeleteRequest, messages.DeleteReply, _DATA
)
SCAN: Final = Endpoint(
    "POST", "/v1/tables/{table}/scan", messages.ScanRequest, messages.ScanReply, _DATA, LEARNERS
)
CREATE_TABLE: Final = Endpoint("PUT", "/v1/tables/{table}", TableSpec, messages.TableDocument)
CHANGE_TABLE: Final = Endpoint(
    "PATCH", "/v1/tables/{table}", messages.TableChange, messages.TableDocument
)
DESCRIBE_TABLE: Final = Endpoint(
    "GET", "/v1/tables/{table}", None, messages.TableDocument, access=EVERY_ROLE
)
DROP_TABLE: Final = Endpoint("DELETE", "/v1/tables/{table}", None, None)
RESET_TABLE: Final = Endpoint("POST", "/v1/tables/{table}/reset", None, messages.EmptyReply)
LIST_TABLES: Final = Endpoint("GET", "/v1/tables", None, messages.TableList, access=EVERY_ROLE)
WRITE_CHECKPOINT: Final = Endpoint(
    "POST",
    "/v1/checkpoints",
    messages.CheckpointRequest,
    messages.CheckpointReply,
    access=LEARNERS,
    body_optional=True,
)
LIST_CHECKPOINTS: Final = Endpoint(
    "GET", "/v1/checkpoints", None, messages.CheckpointList, access=LEARNERS
)
RESTORE_CHECKPOINT: Final = Endpoint(
    "POST", "/v1/checkpoints/{name}/restore", None, messages.EmptyReply
)
DELETE_CHECKPOINT: Final = Endpoint("DELETE", "/v1/checkpoints/{name}", None, None)
INFO: Final = Endpoint("GET", "/v1/info", None, messages.InfoReply, access=EVERY_ROLE)
HEALTHZ: Final = Endpoint("GET", "/healthz", None, messages.HealthReply, access=PUBLIC)
READYZ: Final = Endpoint("GET", "/readyz", None, messages.HealthReply, access=PUBLIC)
METRICS: Final = Endpoint("GET", "/metrics", None, str, access=EVERY_ROLE)
LIST_PARAMETERS: Final = Endpoint(
    "GET", "/v1/parameters", None, messages.ParametersList, access=ACTORS_AND_LEARNERS
)
PUT_PARAMETERS: Final = Endpoint(
    "PUT", "/v1/parameters/{name}", bytes, messages.ParametersVersion, access=LEARNERS
)
GET_PARAMETERS: Final = Endpoint(
    "GET",
    "/v1/parameters/{name}",
    None,
    bytes,
    access=ACTORS_AND_LEARNERS,
    query=ParametersQuery,
)
DELETE_PARAMETERS: Final = Endpoint("DELETE", "/v1/parameters/{name}", None, None)
ACTIVITY: Final = Endpoint("GET", "/v1/activity", None, activity.ActivityReply, access=EVERY_ROLE)
TABLE_ACTIVITY: Final = Endpoint(
    "GET", "/v1/tables/{table}/activity", None, activity.TableActivityReply, access=EVERY_ROLE
)
SHARD_TABLE: Final = Endpoint(
    "GET", "/v1/tables/{table}/shard", None, sharding.ShardTable, access=EVERY_ROLE
)
SHARD_INSERT: Final = Endpoint(
    "POST",
    "/v1/tables/{table}/shard/insert",
    sharding.ShardInsertRequest,
    sharding.ShardInsertReply,
    _DATA,
    ACTORS,
)
SHARD_DRAW: Final = Endpoint(
    "POST",
    "/v1/tables/{table}/shard/draw",
    sharding.ShardDrawRequest,
    sharding.ShardDrawReply,
    _DATA,
    LEARNERS,
)
SHARD_WRITERS: Final = Endpoint(
    "POST",
    "/v1/tables/{table}/shard/writers",
    sharding.WritersRequest,
    sharding.WritersReply,
    access=ACTORS,
)
SHARD_RETRACT: Final = Endpoint(
    "POST",
    "/v1/tables/{table}/shard/retract",
    sharding.RetractRequest,
    sharding.RetractReply,
    access=ACTORS,
)
