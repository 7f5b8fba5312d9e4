"""Table specs: what a table stores, how it is drawn from, what goes when it is full.

The defaults of docs/protocol.md, section 3, stand here and nowhere else. A choice among kinds is
a map with a `kind`; one without is of the default kind.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from replay_wire.errors import InvalidMessageError

__all__ = [
    "COLUMN_NAME",
    "MAX_COLUMNS",
    "MAX_COLUMN_AXES",
    "MAX_KEY",
    "RESOURCE_NAME",
    "Column",
    "FifoRemover",
    "FifoSampler",
    "Items",
    "LifoRemover",
    "LifoSampler",
    "MaxHeapRemover",
    "MaxHeapSampler",
    "MinHeapRemover",
    "MinHeapSampler",
    "MinSizeLimiter",
    "PrioritizedSampler",
    "QueueLimiter",
    "RateLimiter",
    "Remover",
    "RowItems",
    "SampleToInsertRatioLimiter",
    "Sampler",
    "SequenceItems",
    "TableSpec",
    "TransitionItems",
    "UniformRemover",
    "UniformSampler",
    "check_resource_name",
]

RESOURCE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
COLUMN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(/[A-Za-z_][A-Za-z0-9_]{0,63})*")
MAX_KEY: Final = 2**53 - 1
MAX_COLUMNS: Final = 256
MAX_COLUMN_AXES: Final = 31
_LARGEST_FLOAT: Final = 1.7976931348623157e308

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_KEY)]
CountOrZero: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_KEY)]
NonNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST_FLOAT)]
Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=_LARGEST_FLOAT)]
Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Fraction: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Dtype: TypeAlias = Literal[
    "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"
]


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Kind(_Spec, frozen=True, tag_field="kind"):
    pass


class Column(_Spec, frozen=True, omit_defaults=True):
    """One column: `shape` is that of a row's value, without the axis of rows."""

    dtype: Dtype
    shape: tuple[CountOrZero, ...]
    compression: Literal["lz4", "zstd"] | None = None


class RowItems(_Kind, frozen=True, tag="row"):
    """Each row is an item."""


class TransitionItems(_Kind, frozen=True, tag="transition"):
    """Rows are steps; an item is an n-step transition."""

    n_step: Count = 1
    discount: Fraction = 0.99
    frame_stack: Count = 1


class SequenceItems(_Kind, frozen=True, tag="sequence"):
    """Rows are steps; an item is `length` steps of one episode, one starting every `period`."""

    length: Count
    period: Count | None = None
    pad: bool = True


class PrioritizedSampler(_Kind, frozen=True, tag="prioritized"):
    """P(i) = p_i^alpha / sum_k p_k^alpha (Schaul et al., arXiv 1511.05952, section 3.3)."""

    alpha: NonNegative = 0.6
    beta: NonNegative = 0.4
    stratified: bool = True
    replacement: bool = True
    normalize: Literal["batch", "table"] = "batch"


class UniformSampler(_Kind, frozen=True, tag="uniform"):
    """P(i) = 1 / N, so that every importance weight is 1 whatever beta and normalize are."""

    beta: NonNegative = 0.4
    stratified: bool = True
    replacement: bool = True
    normalize: Literal["batch", "table"] = "batch"


class FifoSampler(_Kind, frozen=True, tag="fifo"):
    """The oldest items."""


class LifoSampler(_Kind, frozen=True, tag="lifo"):
    """The newest items."""


class MinHeapSampler(_Kind, frozen=True, tag="min_heap"):
    """The items of lowest priority."""


class MaxHeapSampler(_Kind, frozen=True, tag="max_heap"):
    """The items of highest priority."""


class FifoRemover(_Kind, frozen=True, tag="fifo"):
    """The oldest row goes."""


class LifoRemover(_Kind, frozen=True, tag="lifo"):
    """The newest row goes."""


class UniformRemover(_Kind, frozen=True, tag="uniform"):
    """Any row goes."""


class MinHeapRemover(_Kind, frozen=True, tag="min_heap"):
    """The row of lowest priority goes."""


class MaxHeapRemover(_Kind, frozen=True, tag="max_heap"):
    """The row of highest priority goes."""


class MinSizeLimiter(_Kind, frozen=True, tag="min_size"):
    """Draws need `min_size` items."""

    min_size: CountOrZero = 1


class SampleToInsertRatioLimiter(_Kind, frozen=True, tag="sample_to_insert_ratio"):
    """Draws and inserts keep to a ratio, give or take `error_buffer`."""

    samples_per_insert: Positive
    min_size: CountOrZero
    error_buffer: Positive


class QueueLimiter(_Kind, frozen=True, tag="queue"):
    """A FIFO queue in which each item is drawn once."""

    size: Count


Items: TypeAlias = RowItems | TransitionItems | SequenceItems
Sampler: TypeAlias = (
    PrioritizedSampler
    | UniformSampler
    | FifoSampler
    | LifoSampler
    | MinHeapSampler
    | MaxHeapSampler
)
Remover: TypeAlias = FifoRemover | LifoRemover | UniformRemover | MinHeapRemover | MaxHeapRemover
RateLimiter: TypeAlias = MinSizeLimiter | SampleToInsertRatioLimiter | QueueLimiter


class TableSpec(_Spec, frozen=True):
    """A table's spec with every default filled in.

    Attributes:
        capacity: rows.
        columns: the signature; None until the first insert fixes it.
        cluster_capacity: rows of the whole cluster, where the table is a shard's share of one; it
            is the cluster, then, that holds to the limiter.
    """

    capacity: Count
    columns: dict[str, Column] | None = None
    items: Items = RowItems()
    sampler: Sampler = PrioritizedSampler()
    remover: Remover = FifoRemover()
    rate_limiter: RateLimiter = MinSizeLimiter()
    max_times_sampled: CountOrZero = 0
    seed: Seed | None = None
    cluster_capacity: Count | None = None

    def document(self) -> dict[str, Any]:
        """Return the spec as plain values, without `columns` while they are not known."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        if self.columns is None:
            del values["columns"]
        if self.cluster_capacity is None:
            del values["cluster_capacity"]
        return values

    @staticmethod
    def with_implied(values: dict[str, Any]) -> dict[str, Any]:
        """Return plain values of a spec with what they imply.

        A map without `kind` is of the default kind; a queue is drawn from first in, first out, each
        item once; a sequence without a period starts where the one before it ends.
        """
        items = values.get("items")
        if isinstance(items, dict) and "length" in items and items.get("period") is None:
            values = {**values, "items": {**items, "period": items["length"]}}
        limiter = values.get("rate_limiter")
        if isinstance(limiter, dict) and limiter.get("kind") == "queue":
            values = {"sampler": {"kind": "fifo"}, "max_times_sampled": 1, **values}
        return {
            name: {"kind": _DEFAULT_KINDS[name], **value}
            if name in _DEFAULT_KINDS and isinstance(value, dict) and "kind" not in value
            else value
            for name, value in values.items()
        }


_DEFAULT_KINDS: Final = {
    "items": "row",
    "sampler": "prioritized",
    "remover": "fifo",
    "rate_limiter": "min_size",
}


def check_resource_name(name: str, field: str) -> None:
    """Refuse a name of a table, of parameters or of a checkpoint that breaks the rule for them.

    Raises:
        InvalidMessageError: it does.
    """
    if not RESOURCE_NAME.fullmatch(name):
        raise InvalidMessageError(
            field,
            "expected 1 to 64 of the characters A-Z a-z 0-9 . _ - with a letter or digit first, "
            f"got {name[:80]!r}",
        )
