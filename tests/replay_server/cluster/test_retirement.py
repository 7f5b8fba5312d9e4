"""When a draining shard may go."""

import asyncio
from typing import Any

from replay_server.cluster.retirement import Retirement


class Looks(Retirement):
    """Sees tables of capacity 10 with these rows inserted, look by look."""

    def __init__(self, *looks: dict[str, int] | None) -> None:
        super().__init__([], None)
        self._looks = list(looks)

    def _tables(self) -> list[Any] | None:
        look = self._looks.pop(0)
        if look is None:
            return None
        return [
            {
                "name": name,
                "spec": {"capacity": 10},
                "stats": {"inserted_total": count, "size": count},
            }
            for name, count in look.items()
        ]


def due(*looks: dict[str, int] | None) -> list[bool]:
    retirement = Looks(*looks)
    return [asyncio.run(retirement.is_due()) for _ in looks]


def test_it_is_due_after_as_many_inserts_as_there_is_room():
    assert due({"t": 3}, {"t": 12}, {"t": 13}) == [False, False, True]


def test_every_table_counts_until_it_is_dropped():
    assert due({"t": 3, "u": 1}, {"t": 13, "u": 5}, {"t": 13}) == [False, False, True]


def test_tables_that_are_empty_or_made_later_hold_nothing_up():
    assert due({"t": 0}) == [True]
    assert due({"t": 1}, {"t": 11, "u": 1}) == [False, True]


def test_gateways_that_do_not_answer_settle_nothing():
    assert due(None, {"t": 3}, None, {"t": 13}) == [False, False, False, True]
