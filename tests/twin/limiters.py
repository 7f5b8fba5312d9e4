"""What the rate limiters say, as docs/protocol.md has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Says = str | None
"""None lets it pass; otherwise the code of the refusal."""


class Limiter:
    """A limiter's spec and what went past it since it was set."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.inserted = self.drawn = 0

    def copy(self) -> Limiter:
        copy = Limiter(self.spec)
        copy.inserted, copy.drawn = self.inserted, self.drawn
        return copy

    def says_to_insert(self, size: int, rows: int, leaves: Callable[[], int]) -> Says:
        """May `rows` come in, where `size` items are and `leaves()` would be?"""
        spec = self.spec
        if rows == 0:
            return None
        if spec["kind"] == "queue":
            if rows > spec["size"]:
                return "invalid_request"
            return "rate_limited" if size + rows > spec["size"] else None
        if spec["kind"] == "sample_to_insert_ratio":
            if leaves() <= spec["min_size"]:
                return None
            r, buffer = spec["samples_per_insert"], spec["error_buffer"]
            if rows * r > 2 * buffer:
                return "invalid_request"
            if self._d() + rows * r > r * spec["min_size"] + buffer:
                return "rate_limited"
        return None

    def says_to_draw(self, size: int, draws: int) -> Says:
        """May `draws` items be drawn of `size` that are there?"""
        spec = self.spec
        if spec["kind"] == "queue":
            if draws > spec["size"]:
                return "invalid_request"
            return None if size else "rate_limited"  # too few of them is the draw's own affair
        if spec["kind"] == "sample_to_insert_ratio" and draws > 2 * spec["error_buffer"]:
            return "invalid_request"
        if size < max(spec["min_size"], 1):
            return "rate_limited"
        if spec["kind"] == "sample_to_insert_ratio":
            least = spec["samples_per_insert"] * spec["min_size"] - spec["error_buffer"]
            if self._d() - draws < least:
                return "rate_limited"
        return None

    def _d(self) -> float:
        return float(self.inserted * self.spec["samples_per_insert"] - self.drawn)
