"""Which shard something lives on, so that all who ask find the same one (rendezvous hashing).

When a shard comes or goes only what lives on it moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["ranked"]


def ranked(name: str, shards: Iterable[int]) -> list[int]:
    """Return shards in the order in which something of that name would live on them."""

    def rank(shard: int) -> bytes:
        key = f"{shard}/{name}".encode("utf-8", "surrogatepass")
        return blake2b(key, digest_size=8).digest()

    return sorted(shards, key=rank)
