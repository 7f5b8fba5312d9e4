"""When a shard that is drained may go: as soon as one table would have forgotten its rows."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, Final

import httpx

__all__ = ["Retirement"]

_TIMEOUT_S: Final = 5.0


class Retirement:
    """Waits, table by table, for as many inserts as the table has room for.

    They all went to other shards. One table that had taken them would hold none of the rows that
    the draining shard had at the beginning.
    """

    def __init__(
        self,
        gateways: Sequence[str],
        token: str | None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Begin at the first look; any of the gateways is asked."""
        self._gateways = gateways
        self._ssl = ssl_context or True
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._due_at: dict[str, int] | None = None

    async def is_due(self) -> bool:
        """Return whether every table there was at the first look has had so many inserts."""
        tables = await asyncio.to_thread(self._tables)
        if tables is None:
            return False
        inserted = {table["name"]: table["stats"]["inserted_total"] for table in tables}
        if self._due_at is None:
            self._due_at = {
                table["name"]: inserted[table["name"]] + table["spec"]["capacity"]
                for table in tables
                if table["stats"]["size"]
            }
        return all(inserted.get(name, due) >= due for name, due in self._due_at.items())

    def _tables(self) -> list[Any] | None:
        for gateway in self._gateways:
            try:
                answer = httpx.get(
                    f"{gateway}/v1/tables", headers=self._headers, timeout=_TIMEOUT_S,
                    trust_env=False, verify=self._ssl,
                )  # fmt: skip
            except httpx.TransportError:
                continue
            if answer.is_success:
                tables: list[Any] = answer.json()["tables"]
                return tables
        return None
