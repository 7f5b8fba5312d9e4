"""One frozen type per request and reply (docs/protocol.md, sections 3 to 5).

B is the batch size, N a number of rows. An optional field that is absent or null is None. Replies
to `sample` with `batches` K > 1 have a leading axis K in every array.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from replay_wire.arrays import Array
from replay_wire.specs import MAX_COLUMNS, Count, CountOrZero, NonNegative

__all__ = [
    "MAX_PARTS",
    "CheckpointList",
    "CheckpointReply",
    "CheckpointRequest",
    "DeleteReply",
    "DeleteRequest",
    "EmptyReply",
    "HealthReply",
    "InfoReply",
    "InsertReply",
    "InsertRequest",
    "Limits",
    "MixedSampleReply",
    "MixedSampleRequest",
    "ParametersEntry",
    "ParametersList",
    "ParametersVersion",
    "PriorityUpdate",
    "Problem",
    "SamplePart",
    "SampleReply",
    "SampleRequest",
    "ScanReply",
    "ScanRequest",
    "ShardEntry",
    "TableChange",
    "TableDocument",
    "TableList",
    "TableStats",
    "UpdateReply",
    "WriterStamp",
]

MAX_PARTS: Final = 64
_MOST_NAMES: Final = 1024  # of drawn columns: each may be drawn twice, and some more

Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Sequence: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
WriterId: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
ColumnNames: TypeAlias = Annotated[list[str], msgspec.Meta(max_length=_MOST_NAMES)]


class _Request(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    pass


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    pass


class WriterStamp(_Request, frozen=True):
    """Who inserts, and the number of this insert among theirs, ascending."""

    id: WriterId
    sequence: Sequence


class InsertRequest(_Request, frozen=True):
    """Rows to store.

    Attributes:
        columns: NAME -> [N, ...].
        priorities: [N] float or integer, finite and >= 0; None takes the table's highest so far.
        writer: makes the insert happen once however often it is sent.
        streams: [N] int64, for tables of steps.
        timeout: seconds to wait for the rate limiter.
    """

    columns: Annotated[dict[str, Array], msgspec.Meta(max_length=MAX_COLUMNS)]
    priorities: Array | None = None
    writer: WriterStamp | None = None
    streams: Array | None = None
    timeout: NonNegative = 0.0


class InsertReply(_Reply, frozen=True):
    """The [N] int64 keys of the rows; `duplicate` when this very insert had been done before."""

    keys: Array
    duplicate: bool


class PriorityUpdate(_Request, frozen=True):
    """Keys [B] int64 and their new raw priorities [B]; of one key given twice the last wins."""

    keys: Array
    priorities: Array


class UpdateReply(_Reply, frozen=True):
    """How many of the keys were there, and how many were not; together as many as were sent."""

    updated: int
    stale: int


class SampleRequest(_Request, frozen=True):
    """A draw of `batches` batches of `batch_size` items.

    Attributes:
        beta: importance-sampling exponent instead of the table's.
        normalize: what the weights' maximum is taken over, instead of the table's.
        columns: only these.
        layout: "indexed" sends each distinct row once, in tables of steps.
        update: applied at the moment of the draw.
        timeout: seconds to wait for the rate limiter.
    """

    batch_size: Count
    batches: Count = 1
    beta: NonNegative | None = None
    normalize: Literal["batch", "table"] | None = None
    columns: ColumnNames | None = None
    layout: Literal["stacked", "indexed"] = "stacked"
    update: PriorityUpdate | None = None
    timeout: NonNegative = 0.0


class SamplePart(SampleRequest, frozen=True, kw_only=True):
    """A draw from one table of several."""

    table: str


class MixedSampleRequest(_Request, frozen=True):
    """Draws from several tables, all or none, in their order; the longest timeout holds for all."""

    parts: Annotated[list[SamplePart], msgspec.Meta(min_length=1, max_length=MAX_PARTS)]


class SampleReply(_Reply, frozen=True):
    """What was drawn.

    Attributes:
        keys: [B] int64.
        probabilities: [B] float64, P(i) of each draw.
        weights: [B] float32, importance-sampling weights in (0, 1].
        priorities: [B] float64, raw, as they stand now.
        times_sampled: [B] int32, this draw included.
        ages: [B] int64, rows inserted into the table since that one.
        columns: NAME -> [B, ...]. In the indexed layout `rows` is a map NAME -> [U, ...] among
            them, and `..._index` are int32 places in those rows.
        size: items in the table.
        updated: keys of `update` that were there.
        stale: keys of `update` that were not.
    """

    keys: Array
    probabilities: Array
    weights: Array
    priorities: Array
    times_sampled: Array
    ages: Array
    columns: dict[str, Array]
    size: int
    updated: int
    stale: int


class MixedSampleReply(_Reply, frozen=True):
    """What was drawn, part by part."""

    parts: list[SampleReply]


class DeleteRequest(_Request, frozen=True):
    """Keys [B] int64 of the rows to delete."""

    keys: Array


class DeleteReply(_Reply, frozen=True):
    """How many of the keys were there, and how many were not."""

    deleted: int
    stale: int


class ScanRequest(_Request, frozen=True):
    """Rows as they were stored: the first `limit` with a key above `after`, or the highest ones."""

    after: Int64 = -1
    limit: Count = 4096
    columns: ColumnNames | None = None
    order: Literal["key", "priority"] = "key"


class ScanReply(_Reply, frozen=True, omit_defaults=True):
    """Rows [n]: int64 keys, float64 raw priorities, columns; `more` tells whether any are left.

    Attributes:
        previous: [n] int64, of tables of steps: the key of the step before, which may have gone;
            -1 where an episode, or what is known of it, begins.
    """

    keys: Array
    priorities: Array
    columns: dict[str, Array]
    more: bool
    previous: Array | None = None


class TableChange(_Request, frozen=True):
    """What is to change of a live table: merged key by key; a changed `kind` replaces all."""

    sampler: dict[str, Any] | None = None
    rate_limiter: dict[str, Any] | None = None
    max_times_sampled: CountOrZero | None = None


class TableStats(_Reply, frozen=True):
    """A table's counters.

    Attributes:
        size: items that exist, those of priority 0 too.
        rows: rows that exist.
        inserted_total: rows ever inserted.
        sampled_total: items ever drawn.
        updated_total: keys of updates that were there.
        stale_total: keys of updates that were not.
        deleted_total: rows that `delete` removed.
        bytes: memory that the table's rows and their index may take.
        max_priority: the highest raw priority ever stored, which new items get; at first 1.0.
        priority_sum: sum of p^alpha (alpha is 1 where the sampler has none).
        samples_per_insert: sampled_total / inserted_total; 0 before the first insert.
        sample_age: quantiles "0.5", "0.9" and "0.99" of the ages of the items drawn most
            recently (up to 65,536); null before the first draw.
    """

    size: int
    rows: int
    inserted_total: int
    sampled_total: int
    updated_total: int
    stale_total: int
    deleted_total: int
    bytes: int
    max_priority: float
    priority_sum: float
    samples_per_insert: float
    sample_age: dict[str, float | None]


class TableDocument(_Reply, frozen=True, omit_defaults=True):
    """A table: `spec` as `TableSpec.document` gives it.

    Attributes:
        largest_insert: rows that one insert may have, where that is less than the capacity: in a
            cluster all of them go to one shard.
    """

    name: str
    spec: dict[str, Any]
    stats: TableStats
    largest_insert: int | None = None


class TableList(_Reply, frozen=True):
    """Every table, by name."""

    tables: list[TableDocument]


class ParametersVersion(_Reply, frozen=True):
    """The version under which parameters were stored, counting up from 1."""

    version: int


class ParametersEntry(_Reply, frozen=True):
    """Parameters that stand: their name, their version, and how many bytes they are."""

    name: str
    version: int
    bytes: int


class ParametersList(_Reply, frozen=True):
    """All parameters, by name."""

    parameters: list[ParametersEntry]


class EmptyReply(_Reply, frozen=True):
    """An empty map: done, and nothing to tell."""


class CheckpointRequest(_Request, frozen=True):
    """Asks for a checkpoint under a name; without one, under the time."""

    name: str | None = None


class CheckpointReply(_Reply, frozen=True):
    """A whole checkpoint: its name, and how many tables, rows and bytes it holds."""

    name: str
    tables: int
    rows: int
    bytes: int


class CheckpointList(_Reply, frozen=True):
    """Every whole checkpoint, by name."""

    checkpoints: list[CheckpointReply]


class HealthReply(_Reply, frozen=True):
    """`status` is "ok"."""

    status: str


class Limits(_Reply, frozen=True):
    """What a request may ask for; beyond it is 413 `too_large`, where nothing else is said.

    Attributes:
        max_body_bytes: a request's body, before and after decompression.
        max_control_body_bytes: the same where the body bears no rows and no keys.
        max_json_elements: commas and brackets of a JSON body; elements of a JSON answer, above
            which MessagePack is sent.
        max_header_bytes: a request's line and headers together.
        max_reply_bytes: the columns of one draw; a scan stops short of it with `more` true.
        max_bytes_under_way: requests that are arriving or waiting and answers that are being taken,
            of all clients together; beyond it is 503.
        max_draws_per_request: batch_size * batches.
        max_rows_per_insert: rows.
        max_keys_per_request: keys of an update or a delete.
        max_scan_rows: `limit` of a scan.
        max_tables: tables.
        max_columns: columns of a table.
        max_parts: parts of a mixed draw.
        max_wait_seconds: `timeout` or `wait` of a request.
        max_parameters: names of parameters.
        max_parameter_bytes: parameters that a learner puts; an admin's may have `max_body_bytes`.
        max_writers_per_table: writers whose last sequence is remembered; beyond it the one silent
            longest is forgotten.
        max_streams_per_table: streams whose episode is open.
        max_connections: connections at once; beyond it is 503.
        max_handshakes: TLS handshakes under way at once; beyond it the oldest is broken off.
        max_waiting_requests: requests that wait for a limiter at once, and as many for parameters;
            beyond it is 503.
        max_queue_seconds: for a request that has come to stand in line before it is worked on, as
            long as there are many in it; beyond it is 503.
        max_requests_ahead: requests that a connection may bring before the first is answered;
            beyond it the connection is closed.
        handshake_timeout_seconds: for a TLS handshake; beyond it the connection is closed.
        request_timeout_seconds: from a request's first byte to its last; beyond it is 408.
        answer_timeout_seconds: for a client to take an answer; beyond it the connection is closed.
        keep_alive_seconds: for a connection to do nothing; beyond it it is closed.
        memory_limit_bytes: all tables together, and parameters that are not in files.
    """

    max_body_bytes: int
    max_control_body_bytes: int
    max_json_elements: int
    max_header_bytes: int
    max_reply_bytes: int
    max_bytes_under_way: int
    max_draws_per_request: int
    max_rows_per_insert: int
    max_keys_per_request: int
    max_scan_rows: int
    max_tables: int
    max_columns: int
    max_parts: int
    max_wait_seconds: float
    max_parameters: int
    max_parameter_bytes: int
    max_writers_per_table: int
    max_streams_per_table: int
    max_connections: int
    max_handshakes: int
    max_waiting_requests: int
    max_queue_seconds: float
    max_requests_ahead: int
    handshake_timeout_seconds: float
    request_timeout_seconds: float
    answer_timeout_seconds: float
    keep_alive_seconds: float
    memory_limit_bytes: int


class ShardEntry(_Reply, frozen=True):
    """A shard of a cluster: its number, where it serves, and whether it is serving.

    `state` is "serving", "draining" (drawn from, and takes no inserts) or "down".
    """

    number: int
    url: str
    state: str


class InfoReply(_Reply, frozen=True):
    """Version of the server, of the protocol, and the limits; the shards of a cluster."""

    version: str
    protocol: int
    limits: Limits
    shards: list[ShardEntry] = []


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 problem details.

    Attributes:
        type: a URI of the kind of problem.
        title: the kind in words.
        status: the HTTP status.
        detail: what was wrong here, where, what was expected and what came.
        code: an `ErrorCode`.
        facts: further members, such as `field`, `column`, `expected`, `got`, `last`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        """Return the problem as one flat map, the facts beside RFC 9457's members."""
        members = {name: getattr(self, name) for name in _PROBLEM_MEMBERS}
        return {**members, **self.facts}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Problem:
        """Return the problem of a flat map; members that are missing are empty."""
        members = {name: document.get(name, "") for name in _PROBLEM_MEMBERS}
        facts = {name: value for name, value in document.items() if name not in members}
        return cls(**members, facts=facts)


_PROBLEM_MEMBERS = ("type", "title", "status", "detail", "code")
