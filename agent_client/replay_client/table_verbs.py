"""The verbs of whole tables: create, describe, change, reset, drop."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agent_client.columns import Signature, as_signature
from agent_client.errors import UnknownTableError
from agent_client.transport.channel import Channel
from replay_wire import endpoints
from replay_wire.messages import TableChange

__all__ = ["TableVerbs"]


class TableVerbs:
    """What a `ReplayClient` does with tables."""

    _channel: Channel
    _signatures: dict[str, Signature]

    def create_table(self, table: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create a table, or do nothing where one with an equal spec stands; return its document.

        Args:
            table: 1 to 64 of A-Z a-z 0-9 . _ - with a letter or digit first.
            spec: as the protocol has it; only `capacity` is required.

        Raises:
            TableExistsError: one with another spec stands.
            InvalidRequestError: the spec is none, or could never work.
        """
        self._signatures.pop(table, None)
        return _document(
            self._channel.call(
                endpoints.CREATE_TABLE, table=table, message=dict(spec), repeatable=True
            )
        )

    def describe_table(self, table: str) -> dict[str, Any]:
        """Return a table's document: `name`, `spec` and `stats`.

        Raises:
            UnknownTableError: there is none.
        """
        return _document(self._channel.call(endpoints.DESCRIBE_TABLE, table=table, repeatable=True))

    def ensure_table(self, table: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return a table's document; make the table first where there is none.

        A table that stands is left as it is, whatever its spec.

        Raises:
            TableExistsError: somebody else has just made one with another spec.
            InvalidRequestError: the spec is none, or could never work.
        """
        try:
            return self.describe_table(table)
        except UnknownTableError:
            return self.create_table(table, spec)

    def list_tables(self) -> list[dict[str, Any]]:
        """Return the documents of all tables, by name."""
        reply = self._channel.call(endpoints.LIST_TABLES, repeatable=True)
        return [_document(document) for document in reply.tables]

    def activity(self) -> dict[str, Any]:
        """Return what goes on in the server, about half a second old: what its page shows.

        `tables` tells of each, by name, the pace of inserts and draws over some seconds, who waits,
        and a `verdict` in words; rates are those since somebody looked before. `memory` and
        `durability` are the server's.

        Raises:
            UnknownPathError: the server is a gateway, which watches none of its shards.
        """
        return _document(self._channel.call(endpoints.ACTIVITY, repeatable=True))

    def delete_table(self, table: str) -> None:
        """Drop a table with all it holds.

        Raises:
            UnknownTableError: there is none.
        """
        self._signatures.pop(table, None)
        self._channel.call(endpoints.DROP_TABLE, table=table)

    def change_table(
        self,
        table: str,
        *,
        sampler: Mapping[str, Any] | None = None,
        rate_limiter: Mapping[str, Any] | None = None,
        max_times_sampled: int | None = None,
    ) -> dict[str, Any]:
        """Change how a live table is drawn from; return its document.

        What is given is merged into what stands, key by key; another `kind` replaces all of it.

        Args:
            table: its name.
            sampler: such as `{"alpha": 0.7}`; raw priorities are kept.
            rate_limiter: begins anew, with the totals at 0.
            max_times_sampled: draws after which an item goes; 0 is no limit.

        Raises:
            UnknownTableError: there is none.
            InvalidRequestError: the change is none, or could never work; nothing has changed.
        """
        change = TableChange(
            sampler=None if sampler is None else dict(sampler),
            rate_limiter=None if rate_limiter is None else dict(rate_limiter),
            max_times_sampled=max_times_sampled,
        )
        return _document(
            self._channel.call(
                endpoints.CHANGE_TABLE, table=table, message=change, repeatable=rate_limiter is None
            )
        )

    def reset_table(self, table: str) -> None:
        """Empty a table; its signature, key counter, totals and writers' sequences stay."""
        self._channel.call(endpoints.RESET_TABLE, table=table)

    def signature(self, table: str) -> Signature | None:
        """Return dtype and shape of each column, asked for once; None while they are not fixed.

        Raises:
            UnknownTableError: there is no such table.
        """
        found = self._signatures.get(table)
        if found is None:
            found = as_signature(self.describe_table(table)["spec"])
            if found is not None:
                self._signatures[table] = found
        return found


def _document(reply: Any) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(reply)
    return document
