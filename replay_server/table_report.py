"""What client commands show of tables and checkpoints: text in columns, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from replay_wire.messages import TableDocument

__all__ = ["aligned", "checkpoint_line", "checkpoint_report", "report", "shown_bytes"]

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
    return aligned([_HEADS, *(_cells(table) for table in tables)], words=_WORDS)


def aligned(lines: Sequence[Sequence[str]], *, words: int) -> str:
    """Return lines of cells in columns: the first `words` of them to the left, the rest right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        _GAP.join(
            cell.ljust(width) if place < words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def checkpoint_report(checkpoints: Sequence[dict[str, Any]]) -> str:
    """Return checkpoints as lines of columns under a head; one sentence where there are none."""
    if not checkpoints:
        return "there are no checkpoints"
    cells = (
        (each["name"], f"{each['tables']:,}", f"{each['rows']:,}", shown_bytes(each["bytes"]))
        for each in checkpoints
    )
    return aligned([("CHECKPOINT", "TABLES", "ROWS", "BYTES"), *cells], words=1)


def checkpoint_line(written: dict[str, Any]) -> str:
    """Return what was written into a checkpoint, in a line."""
    name, tables, rows, size = (written[key] for key in ("name", "tables", "rows", "bytes"))
    return f"{name}: {_counted(tables, 'table')}, {_counted(rows, 'row')}, {shown_bytes(size)}"


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
        shown_bytes(stats.bytes),
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def shown_bytes(number: float) -> str:
    """Return a number of bytes for people, in units of thousands."""
    size, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"
