"""Rate limiters: may a draw proceed now, and if not, what is missing?"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MinSize"]


@dataclass(frozen=True)
class MinSize:
    """Draws need `min_size` items, and one at the least."""

    min_size: int

    def missing_for_draw(self, size: int) -> str | None:
        """Return what a draw from a table of `size` items waits for; None if it need not."""
        missing = max(self.min_size, 1) - size
        if missing <= 0:
            return None
        return f"{missing} more insert{'s' if missing > 1 else ''}"
