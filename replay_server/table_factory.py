"""Specs into tables: which class stands for which `kind`, and which specs can't be kept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import numpy as np

from replay_server.errors import InvalidSpecError
from replay_server.memory import rate_limiters, samplers
from replay_server.memory.arrays import Allocate
from replay_server.memory.changes import Changes
from replay_server.memory.errors import InvalidArgumentError
from replay_server.memory.ranked_occupancy import RankedRemover
from replay_server.memory.signature import ColumnType, Signature
from replay_server.memory.step_signature import check_step_signature
from replay_server.memory.table import Table
from replay_server.memory.windows import Sequences, Transitions
from replay_wire import specs
from replay_wire.arrays import DTYPES
from replay_wire.specs import COLUMN_NAME, TableSpec

__all__ = [
    "build_table",
    "check_column_names",
    "check_feasible",
    "columns_of",
    "limiter_of",
    "sampler_of",
    "signature_of",
]


def build_table(
    spec: TableSpec, writer_limit: int, stream_limit: int, allocate: Allocate, changes: Changes
) -> Table:
    """Return an empty table that keeps a spec that `check_feasible` has passed.

    Args:
        spec: what it is.
        writer_limit: writers whose last insert is remembered.
        stream_limit: streams of steps whose episode may be open.
        allocate: where its arrays come from.
        changes: hears of every change of what has to be kept.

    Raises:
        InvalidSpecError: the spec's columns are none.
    """
    remover = spec.remover.__struct_config__.tag
    return Table(
        capacity=spec.capacity,
        sampler=sampler_of(spec.sampler),
        limiter=limiter_of(spec),
        items=_items_of(spec.items),
        remover=None if remover == "fifo" else cast("RankedRemover", remover),
        max_times_sampled=spec.max_times_sampled,
        signature=signature_of(spec),
        seed=spec.seed,
        writer_limit=writer_limit,
        stream_limit=stream_limit,
        allocate=allocate,
        changes=changes,
    )


def check_feasible(spec: TableSpec) -> None:
    """Refuse a spec that no table could keep, or that would never let anything through.

    Raises:
        InvalidSpecError: it is one.
    """
    items, limiter, capacity = spec.items, spec.rate_limiter, spec.capacity
    is_rows = isinstance(items, specs.RowItems)
    if not is_rows and not isinstance(spec.remover, specs.FifoRemover):
        raise InvalidSpecError("remover.kind", "tables of steps take fifo only")
    window, field = 0, ""
    if isinstance(items, specs.TransitionItems):
        window, field = items.frame_stack + items.n_step, "items.n_step"
    elif isinstance(items, specs.SequenceItems):
        window, field = items.length, "items.length"
    if window > capacity:
        raise InvalidSpecError(
            field, f"a window of {window} rows never fits into a capacity of {capacity}"
        )
    if isinstance(limiter, specs.QueueLimiter):
        _check_queue(spec, limiter, is_rows)
        return
    capacity = spec.cluster_capacity or capacity
    most = _most_items(items, capacity)
    if limiter.min_size > most:
        raise InvalidSpecError(
            "rate_limiter.min_size",
            f"{limiter.min_size} items never fit into a capacity of {capacity}: at most {most} do",
        )
    if isinstance(limiter, specs.SampleToInsertRatioLimiter):
        if not math.isfinite(2 * (limiter.samples_per_insert * capacity + limiter.error_buffer)):
            raise InvalidSpecError("rate_limiter", "its numbers are too large to reckon with")
        least = max(1.0, limiter.samples_per_insert)
        if limiter.error_buffer < least:
            raise InvalidSpecError(
                "rate_limiter.error_buffer",
                f"expected at least {least:g} (1 and samples_per_insert), "
                f"got {limiter.error_buffer:g}; with less it would never open",
            )


def signature_of(spec: TableSpec) -> Signature | None:
    """Return the signature that a spec gives; None where the first insert is to fix it.

    Raises:
        InvalidSpecError: a column's name breaks the rule, or there is none.
    """
    if spec.columns is None:
        return None
    check_column_names(spec.columns)
    for name, column in spec.columns.items():
        if column.compression is not None and not isinstance(spec.remover, specs.FifoRemover):
            raise InvalidSpecError(
                f"columns.{name}.compression", "only tables whose remover is fifo compress"
            )
        if len(column.shape) > specs.MAX_COLUMN_AXES:
            raise InvalidSpecError(
                f"columns.{name}.shape", f"expected at most {specs.MAX_COLUMN_AXES} axes"
            )
    signature = Signature(
        {
            name: ColumnType(DTYPES[c.dtype], tuple(c.shape), c.compression)
            for name, c in spec.columns.items()
        }
    )
    if not isinstance(spec.items, specs.RowItems):
        try:
            check_step_signature(signature)
        except InvalidArgumentError as error:
            raise InvalidSpecError(error.field, error.reason) from error
    return signature


def columns_of(signature: Signature) -> dict[str, specs.Column]:
    """Return a signature as a spec has it."""
    return {
        name: specs.Column(np.dtype(column.dtype).str, column.shape)  # type: ignore[arg-type]
        for name, column in signature.columns.items()
    }


def check_column_names(names: Iterable[str]) -> None:
    """Refuse names of columns that break the rule, or of which one would lie inside another.

    Raises:
        InvalidSpecError: there is such a name, or no name at all.
    """
    known = set(names)
    if not known:
        raise InvalidSpecError("columns", "expected at least one column")
    for name in known:
        if not COLUMN_NAME.fullmatch(name):
            raise InvalidSpecError(
                f"columns.{name:.80}",
                "expected parts of A-Z a-z 0-9 _ (no digit first, up to 64 each) with / between",
            )
        parts = name.split("/")
        for end in range(1, len(parts)):
            parent = "/".join(parts[:end])
            if parent in known:
                raise InvalidSpecError(f"columns.{name}", f"it would lie inside column {parent!r}")


def sampler_of(sampler: specs.Sampler) -> samplers.Sampler:
    """Return the sampler that a spec asks for."""
    match sampler:
        case specs.PrioritizedSampler(alpha, beta, stratified, replacement, normalize):
            return samplers.PrioritizedSampler(alpha, beta, stratified, normalize, replacement)
        case specs.UniformSampler(beta, stratified, replacement, normalize):
            return samplers.UniformSampler(beta, stratified, normalize, replacement)
        case specs.FifoSampler():
            return samplers.OrderedSampler("fifo")
        case specs.LifoSampler():
            return samplers.OrderedSampler("lifo")
        case specs.MinHeapSampler():
            return samplers.OrderedSampler("min_heap")
        case specs.MaxHeapSampler():
            return samplers.OrderedSampler("max_heap")


def limiter_of(spec: TableSpec) -> rate_limiters.Limiter:
    """Return a new limiter as a spec asks for it; in a cluster, what counts for it."""
    if spec.cluster_capacity is not None:
        return rate_limiters.Tally()
    match spec.rate_limiter:
        case specs.MinSizeLimiter(min_size):
            return rate_limiters.MinSize(min_size)
        case specs.SampleToInsertRatioLimiter(samples_per_insert, min_size, error_buffer):
            return rate_limiters.SampleToInsertRatio(samples_per_insert, min_size, error_buffer)
        case specs.QueueLimiter(size):
            return rate_limiters.Queue(size)


def _items_of(items: specs.Items) -> Transitions | Sequences | None:
    match items:
        case specs.RowItems():
            return None
        case specs.TransitionItems(n_step, discount, frame_stack):
            return Transitions(n_step, discount, frame_stack)
        case specs.SequenceItems(length, period, pad):
            return Sequences(length, period or length, pad)


def _most_items(items: specs.Items, capacity: int) -> int:
    """Return how many items there are at the most in a table of `capacity` rows."""
    if isinstance(items, specs.TransitionItems):
        return capacity - 1  # an episode's last row starts none
    if isinstance(items, specs.RowItems) or items.length == 1:
        return capacity
    period = items.period or items.length
    if items.pad:  # at best every second row, as in episodes of two
        return capacity - 1 if period == 1 else capacity // 2
    return max(1 + (capacity - items.length) // period, capacity // items.length)


def _check_queue(spec: TableSpec, limiter: specs.QueueLimiter, is_rows: bool) -> None:
    if not is_rows:
        raise InvalidSpecError("rate_limiter.kind", "a queue is for tables of rows")
    if limiter.size > spec.capacity:
        raise InvalidSpecError(
            "rate_limiter.size",
            f"a queue of {limiter.size} never fits into a capacity of {spec.capacity}",
        )
    if not isinstance(spec.sampler, specs.FifoSampler):
        raise InvalidSpecError("sampler.kind", "a queue implies fifo; leave the sampler out")
    if spec.max_times_sampled != 1:
        raise InvalidSpecError("max_times_sampled", "a queue implies 1; leave it out")
