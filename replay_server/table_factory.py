"""Specs into tables: which class stands for which `kind`, and which specs can't be kept."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from replay_server.errors import InvalidSpecError
from replay_server.memory.rate_limiters import MinSize
from replay_server.memory.samplers import PrioritizedSampler, Sampler, UniformSampler
from replay_server.memory.signature import ColumnType, Signature
from replay_server.memory.table import Table
from replay_wire import specs
from replay_wire.arrays import DTYPES
from replay_wire.specs import COLUMN_NAME, TableSpec

__all__ = ["build_table", "check_column_names", "columns_of", "signature_of"]


def build_table(spec: TableSpec, first_key: int, writer_limit: int) -> Table:
    """Return an empty table that keeps the spec.

    Raises:
        InvalidSpecError: the spec is infeasible, or asks for what this version does not do.
    """
    if not isinstance(spec.items, specs.RowItems):
        raise _unavailable("items.kind", "row")
    if not isinstance(spec.remover, specs.FifoRemover):
        raise _unavailable("remover.kind", "fifo")
    if spec.max_times_sampled:
        raise _unavailable("max_times_sampled", 0)
    return Table(
        capacity=spec.capacity,
        sampler=_sampler(spec.sampler),
        limiter=_limiter(spec.rate_limiter, spec.capacity),
        signature=signature_of(spec),
        seed=spec.seed,
        first_key=first_key,
        writer_limit=writer_limit,
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
        if column.compression is not None:
            raise _unavailable(f"columns.{name}.compression", None)
        if len(column.shape) > specs.MAX_COLUMN_AXES:
            raise InvalidSpecError(
                f"columns.{name}.shape", f"expected at most {specs.MAX_COLUMN_AXES} axes"
            )
    return Signature(
        {name: ColumnType(DTYPES[c.dtype], tuple(c.shape)) for name, c in spec.columns.items()}
    )


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


def _sampler(sampler: specs.Sampler) -> Sampler:
    if isinstance(sampler, specs.PrioritizedSampler | specs.UniformSampler):
        if not sampler.replacement:
            raise _unavailable("sampler.replacement", True)
        options = (sampler.beta, sampler.stratified, sampler.normalize)
        if isinstance(sampler, specs.UniformSampler):
            return UniformSampler(*options)
        return PrioritizedSampler(sampler.alpha, *options)
    raise _unavailable("sampler.kind", "prioritized or uniform")


def _limiter(limiter: specs.RateLimiter, capacity: int) -> MinSize:
    if not isinstance(limiter, specs.MinSizeLimiter):
        raise _unavailable("rate_limiter.kind", "min_size")
    if limiter.min_size > capacity:
        raise InvalidSpecError(
            "rate_limiter.min_size",
            f"{limiter.min_size} items never fit into a capacity of {capacity}",
        )
    return MinSize(limiter.min_size)


def _unavailable(field: str, available: object) -> InvalidSpecError:
    return InvalidSpecError(field, f"this version of the server knows {available} only")
