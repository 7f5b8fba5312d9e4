"""The service: a server's tables, rows, draws and parameters, behind any protocol.

Everything that changes a table runs to its end on the event loop's thread, so that each request is
one step in one order: that is the table's lock. A request that the limiter holds back waits in the
table's line. Messages come in decoded and go out as messages: HTTP is `replay_server.api`'s.
"""

from __future__ import annotations

from collections.abc import Iterable

from replay_server.activity import Activity
from replay_server.admission import Admission
from replay_server.draws import Draws
from replay_server.durability.keeper import Keeper, StandingTable
from replay_server.durability.parameter_shelf import MemoryShelf, Shelf
from replay_server.memory_budget import MemoryBudget
from replay_server.parameters import ParameterStore
from replay_server.rows import Rows
from replay_server.shares import Shares
from replay_server.tables import Tables
from replay_server.traffic import Traffic
from replay_server.turns import Turns
from replay_wire.messages import Limits

__all__ = ["ReplayService"]


class ReplayService:
    """What a server serves.

    Attributes:
        limits: what requests may ask for.
        tables: the tables by name.
        rows: what is asked of their rows.
        draws: what is drawn from them.
        shares: what is asked of them where they are shares of a cluster's.
        parameters: what actors act with.
        keeper: keeps the tables.
        budget: the memory that tables and parameters may take.
        traffic: bytes of requests and answers under way.
        activity: what goes on, for those who watch.
        turns: those in which requests are worked on.
    """

    def __init__(
        self,
        limits: Limits,
        keeper: Keeper,
        standing: Iterable[StandingTable],
        shelf: Shelf | None = None,
    ) -> None:
        """Serve the tables that stand already, and those to come, which `keeper` makes.

        Parameters lie on `shelf`; without one they are in memory.
        """
        self.budget = budget = MemoryBudget(limits.memory_limit_bytes)
        self.limits = limits
        self.keeper = keeper
        self.traffic = Traffic(limits.max_bytes_under_way)
        self.turns = Turns(limits.max_queue_seconds)
        self.tables = Tables(limits, keeper, standing, budget)
        self.parameters = ParameterStore(shelf or MemoryShelf(budget.check), limits)
        budget.add(lambda: self.parameters.memory_bytes)
        admission = Admission(limits, self.tables)
        self.rows = Rows(limits, self.tables, keeper, admission, self.traffic)
        self.draws = Draws(limits, self.tables, keeper, admission, self.traffic)
        self.shares = Shares(limits, self.tables, keeper, admission, self.rows)
        self.activity = Activity(self.tables, keeper, budget)

    def close(self) -> None:
        """Refuse new tables and send everyone who waits away with UnavailableError."""
        self.parameters.close()
        self.tables.close()

    def settle(self) -> None:
        """Make everything durable, once no request is under way any more."""
        self.parameters.settle()
        self.keeper.close()
