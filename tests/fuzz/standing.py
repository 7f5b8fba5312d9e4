"""What stands in the server: the tables and parameters that every input finds.

Only what an input has touched is looked at and put back, so that one takes hardly longer than its
requests do.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import numpy as np

from replay_server.durability.parameter_shelf import Inventory
from replay_server.errors import UnknownTableError
from replay_server.memory.arrays import AnyArray
from replay_server.memory.table import Table
from replay_server.service import ReplayService
from replay_server.tables import ServedTable
from replay_wire import codec
from replay_wire.specs import TableSpec
from tests.fuzz.tables import EMPTY, SPECS, STEPS, rows, steps

PARAMETERS: Final = "all parameters"
# Where compressed rows lie is forgotten some time after they have gone; ages go by what was drawn.
_UNTOLD: Final = ("ages", "location/", "length/")
Fingerprint = tuple[object, ...]


class Standing:
    """The tables of `SPECS`, and no parameters.

    What stands under a name has a fingerprint: every byte that makes it up. `PARAMETERS` counts as
    a name.
    """

    def __init__(self, service: ReplayService) -> None:
        """Lay the tables out in a server without any."""
        self._service = service
        self._keeper = service.keeper
        self._specs = {
            name: codec.decode(b"".join(codec.encode(spec)), TableSpec)
            for name, spec in SPECS.items()
        }
        self._served: dict[str, ServedTable] = {}
        self._at_first: dict[str, Fingerprint] = {PARAMETERS: _parameters(service)}
        self._now = dict(self._at_first)
        self._remake(SPECS)

    def names(self) -> set[str]:
        """Return all names under which something stands, or stood at first."""
        return {*self._at_first, *(one.name for one in self._service.tables.standing)}

    def fingerprint(self, name: str) -> Fingerprint:
        """Return all that makes up what stood under a name when it was last looked at."""
        return self._now.get(name, ())

    def look(self, name: str) -> Fingerprint:
        """Return all that makes up what stands under a name, () if nothing does."""
        if name == PARAMETERS:
            found = _parameters(self._service)
        else:
            one = self._find(name)
            found = () if one is None else _fingerprint(one)
        self._now[name] = found
        return found

    def check(self, name: str) -> None:
        """Check what holds of a table at any time."""
        one = self._find(name)
        if one is not None:
            _check_table(one.table)

    def check_quiet(self) -> None:
        """Check that nothing is under way, and nobody waits."""
        service = self._service
        assert service.traffic.under_way == 0
        assert not service.parameters._waiting
        assert not any(len(served.line) for served in service.tables._served.values())

    def lay_out(self) -> None:
        """Put back what has changed since, as far as it was looked at, keys and all."""
        changed = [name for name, now in self._now.items() if now != self._at_first.get(name, ())]
        for name in changed:
            one = self._find(name)
            if one is not None:
                one.table.restore(one.table.state)  # raises if it is in no order
        if PARAMETERS in changed:
            self._service.parameters._inventory = Inventory()
            self._now[PARAMETERS] = self._at_first[PARAMETERS]
        if changed:
            self._remake([name for name in changed if name in SPECS])

    def _remake(self, names: Collection[str]) -> None:
        """Make tables anew, and let all of `SPECS` stand, and nothing else."""
        self._keeper.replace_all(())
        for name in names:
            self._keeper.floors.clear()
            self._served[name] = self._made(name)
        self._keeper.replace_all(())
        self._keeper.floors.clear()
        self._keeper.replace_all([one.standing for one in self._served.values()])
        self._service.tables._served = dict(self._served)  # what `take_over` does, but for the rest
        for name in names:
            self._at_first[name] = self.look(name)
        self._now = dict(self._at_first)

    def _made(self, name: str) -> ServedTable:
        spec = self._specs[name]
        standing = self._keeper.make(name, {"made": spec.document(), "now": spec.document()})
        if name not in EMPTY:
            columns = steps(6, 0) if name in STEPS else rows(3)
            count = len(next(iter(columns.values())))
            standing.table.insert(columns, np.arange(count) + 0.5, ("w", 2))
        return ServedTable(standing, spec, spec)

    def _find(self, name: str) -> ServedTable | None:
        try:
            return self._service.tables.find(name)
        except UnknownTableError:
            return None


def _fingerprint(served: ServedTable) -> Fingerprint:
    """Return all that makes up a table, byte by byte."""
    table, arrays = served.table, served.standing.arrays
    state = table.state
    return (
        id(table),
        served.made,
        served.changed,
        vars(state.numbers),
        state.streams,
        repr(state.writers),
        dict(vars(table.sampler)),
        _attributes(table.limiter),
        table.takes_away,
        table.signature,
        table.sample_ages.drawn,
        *(array.tobytes() for name, array in arrays.index.items() if not name.startswith(_UNTOLD)),
        *(array.tobytes() for array in arrays.columns.values()),
        *(rows.tobytes() for rows in _unpacked(table).values()),
    )


def _attributes(one: object) -> dict[str, object]:
    """Return what an object has; what was never set is there as its class has it."""
    found: dict[str, object] = {}
    for each in reversed(type(one).__mro__):
        found |= {name: value for name, value in vars(each).items() if isinstance(value, int)}
    return found | vars(one)


def _unpacked(table: Table) -> dict[str, AnyArray]:
    """Return the rows of compressed columns."""
    columns = {} if table.signature is None else table.signature.columns
    names = [name for name, column in columns.items() if column.is_packed]
    return table.rows_at(table.live_slots(), names) if names else {}


def _parameters(service: ReplayService) -> Fingerprint:
    """Return what parameters stand, and which versions were ever issued."""
    kept = service.parameters._inventory
    whole = service.parameters.snapshot()
    return (
        dict(kept.issued),
        kept.floor,
        *((one.name, one.version, bytes(one.content.read(0, one.content.size))) for one in whole),
    )


def _check_table(table: Table) -> None:
    """Check what holds of a table at any time."""
    assert 0 <= table.size <= table.rows <= table.capacity
    slots = table.live_slots()
    keys, priorities = table.keys_at(slots)
    assert len(slots) == table.rows == len(set(keys.tolist()))
    assert table.rows == 0 or keys.max() < table.next_key
    assert bool(np.isfinite(priorities).all())
    assert bool((priorities >= 0).all())
    assert math.isfinite(table.priority_sum)
    assert math.isfinite(table.max_priority)
