"""How many rows a writer sends together, and how many it keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from agent_client.columns import Signature
from agent_client.writer.row_block import row_bytes

__all__ = ["Batching"]

_BLOCK_BYTES: Final = 1 << 20
_MAX_BLOCK_ROWS: Final = 4096


@dataclass(frozen=True, slots=True)
class Batching:
    """Numbers that the rows' size turns into those of blocks and of the buffer.

    Attributes:
        batch_rows: a block goes out as soon as it has so many.
        flush_interval_s: a row waits no longer than this for others.
        max_buffered_rows: unacknowledged rows at most.
        max_buffered_bytes: of their values, at most; one row always fits.
        largest_insert: rows that the table takes at once.
        grows: whether a block may go on growing while the one before it is under way.
    """

    batch_rows: int
    flush_interval_s: float
    max_buffered_rows: int
    max_buffered_bytes: int
    largest_insert: int
    grows: bool

    @classmethod
    def for_table(
        cls,
        document: Mapping[str, Any],
        *,
        batch_rows: int,
        flush_interval_s: float,
        max_buffered_rows: int,
        max_buffered_bytes: int,
    ) -> Self:
        """Return the numbers for a table of this document.

        Where inserts and draws wait for one another a large insert could wait for a draw that waits
        for it, so there blocks stay at `batch_rows`.

        Raises:
            ValueError: a number is not positive.
        """
        if min(batch_rows, max_buffered_rows, max_buffered_bytes) < 1 or flush_interval_s < 0:
            raise ValueError("expected row and byte counts of at least 1 and times of at least 0 s")
        return cls(
            batch_rows=batch_rows,
            flush_interval_s=flush_interval_s,
            max_buffered_rows=max_buffered_rows,
            max_buffered_bytes=max_buffered_bytes,
            largest_insert=_largest_insert(document),
            grows=document["spec"]["rate_limiter"]["kind"] == "min_size",
        )

    def buffer_rows(self, signature: Signature) -> int:
        """Return how many unacknowledged rows of these columns there may be."""
        by_bytes = self.max_buffered_bytes // max(1, row_bytes(signature))
        return max(1, min(self.max_buffered_rows, by_bytes))

    def full_batch(self, signature: Signature) -> int:
        """Return the rows with which a block of these columns goes out at once."""
        return min(self.batch_rows, self.buffer_rows(signature), self.largest_insert)

    def block_rows(self, signature: Signature) -> int:
        """Return the rows for which a block of these columns has room."""
        batch_rows = self.full_batch(signature)
        if not self.grows:
            return batch_rows
        most = min(_MAX_BLOCK_ROWS, self.buffer_rows(signature), self.largest_insert)
        return min(max(_BLOCK_BYTES // max(1, row_bytes(signature)), batch_rows), most)


def _largest_insert(document: Mapping[str, Any]) -> int:
    """Return the rows of the largest insert that the table lets pass at all."""
    rows: int = document.get("largest_insert", document["spec"]["capacity"])
    limiter = document["spec"]["rate_limiter"]
    match limiter["kind"]:
        case "queue":
            rows = min(rows, limiter["size"])
        case "sample_to_insert_ratio":
            rows = min(rows, int(2 * limiter["error_buffer"] / limiter["samples_per_insert"]))
    return max(1, rows)
