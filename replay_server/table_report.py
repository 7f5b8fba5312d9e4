"""What client commands show of tables and checkpoints: text in columns, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from replay_wire.messages import TableDocument

__all__ = ["checkpoint_line", "report"]

_GAP: Final = "  "
_HEADS: Final = (
    "TABLE", "ITEMS", "SAMPLER", "LIMITER", "SIZE", "ROWS", "CAPACITY", "INSERTED", "SAMPLED",
    "PER INSERT", "BYTES",
)  # fmt: skip
_WORDS: Final = 4  # the columns before the numbers


def report(tables: Sequence[TableDocument]) -> str:
    """Return the tables as lines of columns under a head; one sentence where there are none."""
    if not tables:
        return "there are no tables"
    lines = [_HEADS, *(_cells(table) for table in tables)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        _GAP.join(
            cell.ljust(width) if place < _WORDS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def checkpoint_line(written: dict[str, Any]) -> str:
    """Return what was written into a checkpoint, in a line."""
    name, tables, rows, size = (written[key] for key in ("name", "tables", "rows", "bytes"))
    return f"{name}: {_counted(tables, 'table')}, {_counted(rows, 'row')}, {_bytes(size)}"


def _cells(table: TableDocument) -> tuple[str, ...]:
    spec, stats = table.spec, table.stats
    return (
        table.name,
        *(str(spec[part]["kind"]) for part in ("items", "sampler", "rate_limiter")),
        f"{stats.size:,}",
        f"{stats.rows:,}",
        f"{spec['capacity']:,}",
        f"{stats.inserted_total:,}",
        f"{stats.sampled_total:,}",
        f"{stats.samples_per_insert:.3g}",
        _bytes(stats.bytes),
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _bytes(number: int) -> str:
    size, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"
