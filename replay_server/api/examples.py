"""Examples of every message and every problem, for the OpenAPI document. The tests send them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from replay_wire import activity, messages
from replay_wire.errors import ErrorCode
from replay_wire.sharding import messages as sharding
from replay_wire.specs import TableSpec

__all__ = ["EXAMPLES", "PROBLEM_DETAILS"]

_KEYS: Final = {"dtype": "<i8", "shape": [2], "data": [0, 1]}
_PRIORITIES: Final = {"dtype": "<f4", "shape": [2], "data": [0.5, 2.0]}
_OBSERVATIONS: Final = {"dtype": "<f4", "shape": [2, 2], "data": [[0.0, 0.1], [0.2, 0.3]]}
_ACTIONS: Final = {"dtype": "<i8", "shape": [2], "data": [1, 0]}
_COLUMNS: Final = {"observation": _OBSERVATIONS, "action": _ACTIONS}
_SPEC: Final = {
    "capacity": 1000,
    "columns": {
        "observation": {"dtype": "<f4", "shape": [2]},
        "action": {"dtype": "<i8", "shape": []},
    },
    "sampler": {"kind": "prioritized", "alpha": 0.6, "beta": 0.4},
    "rate_limiter": {"kind": "min_size", "min_size": 2},
    "seed": 7,
}
_STATS: Final = {
    "size": 2,
    "rows": 2,
    "inserted_total": 2,
    "sampled_total": 2,
    "updated_total": 0,
    "stale_total": 0,
    "deleted_total": 0,
    "bytes": 61136,
    "max_priority": 1.0,
    "priority_sum": 2.0,
    "samples_per_insert": 1.0,
    "sample_age": {"0.5": 0.5, "0.9": 0.9, "0.99": 0.99},
}
_CHECKPOINT: Final = {
    "name": "before-the-weekend",
    "tables": 1,
    "rows": 2,
    "bytes": 34980,
}
_DOCUMENT: Final = {"name": "transitions", "spec": _SPEC, "stats": _STATS}


def _floats(*values: float) -> dict[str, Any]:
    return {"dtype": "<f8", "shape": [len(values)], "data": list(values)}


EXAMPLES: Final[dict[type[msgspec.Struct], Any]] = {
    TableSpec: _SPEC,
    messages.TableDocument: _DOCUMENT,
    messages.TableList: {"tables": [_DOCUMENT]},
    messages.InsertRequest: {
        "columns": _COLUMNS,
        "priorities": _PRIORITIES,
        "writer": {"id": "actor-7", "sequence": 12},
    },
    messages.InsertReply: {"keys": _KEYS, "duplicate": False},
    messages.SampleRequest: {"batch_size": 2, "beta": 0.5, "timeout": 5.0},
    messages.SampleReply: {
        "keys": _KEYS,
        "probabilities": _floats(0.3, 0.7),
        "weights": {"dtype": "<f4", "shape": [2], "data": [1.0, 0.65]},
        "priorities": _floats(0.5, 2.0),
        "times_sampled": {"dtype": "<i4", "shape": [2], "data": [1, 1]},
        "ages": {"dtype": "<i8", "shape": [2], "data": [1, 0]},
        "columns": _COLUMNS,
        "size": 2,
        "updated": 0,
        "stale": 0,
    },
    messages.MixedSampleRequest: {"parts": [{"table": "transitions", "batch_size": 2}]},
    messages.TableChange: {"sampler": {"beta": 0.6}},
    messages.PriorityUpdate: {"keys": _KEYS, "priorities": _PRIORITIES},
    messages.UpdateReply: {"updated": 2, "stale": 0},
    messages.DeleteRequest: {"keys": _KEYS},
    messages.DeleteReply: {"deleted": 2, "stale": 0},
    messages.ScanRequest: {"after": -1, "limit": 100, "order": "key"},
    messages.ScanReply: {
        "keys": _KEYS,
        "priorities": _floats(0.5, 2.0),
        "columns": _COLUMNS,
        "more": False,
    },
    messages.ParametersVersion: {"version": 7},
    messages.ParametersList: {"parameters": [{"name": "policy", "version": 7, "bytes": 73728}]},
    messages.EmptyReply: {},
    messages.CheckpointRequest: {"name": "before-the-weekend"},
    messages.CheckpointReply: _CHECKPOINT,
    messages.CheckpointList: {"checkpoints": [_CHECKPOINT]},
    messages.HealthReply: {"status": "ok"},
    messages.InfoReply: {
        "version": "0.1.0",
        "protocol": 1,
        "limits": {
            "max_body_bytes": 268435456,
            "max_control_body_bytes": 1048576,
            "max_json_elements": 2097152,
            "max_header_bytes": 65536,
            "max_reply_bytes": 268435456,
            "max_bytes_under_way": 2500000000,
            "max_draws_per_request": 1048576,
            "max_rows_per_insert": 1048576,
            "max_keys_per_request": 1048576,
            "max_scan_rows": 1048576,
            "max_tables": 1024,
            "max_columns": 256,
            "max_parts": 64,
            "max_wait_seconds": 600.0,
            "max_parameters": 1024,
            "max_parameter_bytes": 268435456,
            "max_writers_per_table": 65536,
            "max_streams_per_table": 65536,
            "max_connections": 4096,
            "max_handshakes": 256,
            "max_waiting_requests": 4096,
            "max_queue_seconds": 0.5,
            "max_requests_ahead": 64,
            "handshake_timeout_seconds": 10.0,
            "request_timeout_seconds": 120.0,
            "answer_timeout_seconds": 120.0,
            "keep_alive_seconds": 75.0,
            "memory_limit_bytes": 20000000000,
        },
        "shards": [],
    },
}

_TABLE_ACTIVITY: Final = {
    "name": "transitions",
    "items": "row",
    "sampler": "prioritized",
    "rate_limiter": {
        "kind": "sample_to_insert_ratio",
        "samples_per_insert": 8.0,
        "min_size": 1000,
        "error_buffer": 800.0,
    },
    "capacity": 100000,
    "size": 25000,
    "rows": 25000,
    "bytes": 9876543,
    "inserted_total": 25000,
    "sampled_total": 192000,
    "updated_total": 192000,
    "stale_total": 0,
    "samples_per_insert": 8.0,
    "limiter_position": 0.02,
    "inserts": {
        "per_second": 120.0,
        "waiting": 0,
        "held_share": 0.0,
        "wait_share": 0.0,
        "held_seconds_total": 0.0,
        "refused_total": 0,
    },
    "draws": {
        "per_second": 960.0,
        "waiting": 1,
        "held_share": 0.93,
        "wait_share": 0.93,
        "held_seconds_total": 187.5,
        "refused_total": 0,
    },
    "writers_at_work": 1,
    "verdict": {
        "state": "actors_slow",
        "slow": "actors",
        "headline": "The actors are slow",
        "detail": "The learner waits for actors: 93% of the time the limiter holds draws back.",
        "advice": "Start more actors, or faster ones. Or raise samples_per_insert (now 8), "
        "if each row may be drawn more often.",
    },
}
EXAMPLES[activity.ActivityReply] = {
    "tables": [_TABLE_ACTIVITY],
    "memory": {"taken": 9876543, "limit": 20000000000, "resident": 181000000},
    "durability": {"survives": "power", "lag_seconds": 0.012},
}
EXAMPLES[activity.TableActivityReply] = {
    "table": _TABLE_ACTIVITY,
    "history": {
        "seconds": [-1.0, 0.0],
        "inserts_per_second": [118.0, 122.0],
        "draws_per_second": [940.0, 980.0],
        "samples_per_insert": [7.97, 8.03],
        "inserts_held": [0.0, 0.0],
        "inserts_wait": [0.0, 0.0],
        "draws_held": [0.94, 0.92],
        "size": [24878, 25000],
    },
    "priorities": {
        "edges": [0.01, 0.1, 1.0],
        "counts": [15000, 10000],
        "zeros": 0,
        "looked_at": 25000,
        "is_logarithmic": True,
    },
    "ages": {
        "edges": [0.0, 12500.0, 25000.0],
        "counts": [3000, 1096],
        "zeros": 2,
        "looked_at": 4096,
        "is_logarithmic": False,
    },
    "age_quantiles": {"0.5": 7900.0, "0.9": 21000.0, "0.99": 24700.0},
    "writers": [{"id": "actor-7", "sequence": 12, "rows_since": 0, "is_waiting": False}],
    "writers_total": 1,
}

_REPORT: Final = {
    "mass": 2.0,
    "smallest": None,
    "size": 2,
    "inserted": 2,
    "drawn": 2,
    "inserted_total": 2,
    "highest": 2.0,
    "spec": 2712847316,
}
_OF_SHARDS: Final[dict[type[msgspec.Struct], Any]] = {
    sharding.ShardTable: {"spec": _SPEC, "report": _REPORT},
    sharding.ShardInsertRequest: {
        "rows": {"columns": _COLUMNS, "writer": {"id": "actor-8", "sequence": 12}},
        "highest": 3.5,
        "seen": 0.5,
        "left": [3],
    },
    sharding.ShardInsertReply: {"keys": _KEYS, "duplicate": False, "report": _REPORT},
    sharding.ShardDrawRequest: {"targets": _floats(0.25, 0.75), "highest": 3.5, "seen": 0.5},
    sharding.ShardDrawReply: {
        "drawn": True,
        "keys": _KEYS,
        "probabilities": _floats(0.3, 0.7),
        "priorities": _floats(0.5, 2.0),
        "times_sampled": {"dtype": "<i4", "shape": [2], "data": [1, 1]},
        "ages": {"dtype": "<i8", "shape": [2], "data": [1, 0]},
        "columns": _COLUMNS,
        "rows": None,
        "updated": 0,
        "stale": 0,
        "report": _REPORT,
    },
    sharding.WritersRequest: {"ids": ["actor-8"], "left": 3},
    sharding.WritersReply: {"last": {"actor-8": 12}, "left": {"actor-8": 12}},
    sharding.RetractRequest: {"inserts": {"actor-8": 12}},
    sharding.RetractReply: {"deleted": 2},
}
EXAMPLES.update(_OF_SHARDS)

EXAMPLES[messages.MixedSampleReply] = {"parts": [EXAMPLES[messages.SampleReply]]}

PROBLEM_DETAILS: Final[dict[ErrorCode, tuple[str, dict[str, Any]]]] = {
    ErrorCode.MALFORMED: ("not a MessagePack document: Input data was truncated", {}),
    ErrorCode.INVALID_REQUEST: (
        "batch_size: Expected `int` >= 1, got 0",
        {"field": "batch_size"},
    ),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: (
        "expected a Content-Type of application/msgpack or application/json, got 'text/plain'",
        {},
    ),
    ErrorCode.SCHEMA_MISMATCH: (
        "column 'action': expected <i8 of shape [N], got <f4 of shape [2]",
        {"column": "action", "expected": "<i8 of shape [N]", "got": "<f4 of shape [2]"},
    ),
    ErrorCode.BAD_PRIORITY: (
        "priority -1.0 at index 0: expected a finite number from 0 to 1.8e+308",
        {"position": 0},
    ),
    ErrorCode.RATE_LIMITED: (
        "the rate limiter says no: 312 more inserts",
        {"missing": "312 more inserts"},
    ),
    ErrorCode.NOTHING_TO_DRAW: (
        "all 2 items have priority 0, so none can be drawn; give some a priority above 0",
        {"size": 2},
    ),
    ErrorCode.STALE_SEQUENCE: (
        "sequence 11 of writer 'actor-7' lies behind its last one, 12; count on from there",
        {"writer": "actor-7", "last": 12},
    ),
    ErrorCode.UNKNOWN_TABLE: (
        "there is no table 'transitions'; PUT /v1/tables/transitions makes one",
        {"table": "transitions"},
    ),
    ErrorCode.UNKNOWN_PARAMETERS: (
        "there are no parameters 'policy'; PUT /v1/parameters/policy stores some",
        {"parameters": "policy"},
    ),
    ErrorCode.TABLE_EXISTS: (
        "table 'transitions' stands with another spec: capacity is 1000, not 2000; "
        "GET it first, take another name, or delete it",
        {"table": "transitions"},
    ),
    ErrorCode.TOO_LARGE: (
        "batch_size * batches: at most 1048576, got 2000000 (GET /v1/info tells the limits)",
        {"limit": 1048576},
    ),
    ErrorCode.UNKNOWN_CHECKPOINT: (
        "there is no checkpoint 'monday'; GET /v1/checkpoints lists those there are",
        {"checkpoint": "monday"},
    ),
    ErrorCode.STORAGE_FULL: (
        "there is no room to keep this ([Errno 28] No space left on device); what was acknowledged "
        "is still there. Free space on the data directory's disk, or delete tables or checkpoints",
        {},
    ),
    ErrorCode.UNAUTHENTICATED: (
        "expected one header Authorization: Bearer TOKEN, with a token of this server; "
        "there is none",
        {},
    ),
    ErrorCode.FORBIDDEN: (
        "the token 'dashboard' has the role viewer; this takes admin",
        {"role": "viewer", "needed": ["admin"]},
    ),
    ErrorCode.UNAVAILABLE: ("the server is shutting down; try again once it is back", {}),
}
