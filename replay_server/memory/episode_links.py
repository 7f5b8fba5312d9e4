"""Links between steps, in compiled loops: what comes in, what goes, what is born and dead by it.

Arrays are those of the index and of `replay_server.memory.episodes`, which says what they mean;
all are changed in place, step by step, in the order in which steps come.
"""

from __future__ import annotations

from typing import Final

from numba import njit

from replay_server.memory.arrays import BoolArray, Int64Array, UInt8Array
from replay_server.memory.row_index import GONE, live_slot

__all__ = ["FIRST", "ITEM", "LAST", "TERMINAL", "append_steps", "remove_steps"]

FIRST: Final = 1
LAST: Final = 2
TERMINAL: Final = 4
WHOLE: Final = 8  # the episode is known from its first step on, so that no history is missing
ITEM: Final = 16

_LINKS = "int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1]"
_SHAPE = "int64, int64, int64, boolean"


@njit(["int64(int64[::1], int64)"], cache=True, nogil=True)
def _there(keys: Int64Array, key: int) -> int:
    """Return the slot of a key, or -1 if its row is not there."""
    if key < 0:
        return -1
    slot = key % keys.shape[0]
    return slot if keys[slot] == key else -1


@njit([f"boolean(int64, {_LINKS}, int64, int64)"], cache=True, nogil=True)
def _has_history(
    slot: int,
    keys: Int64Array,
    before: Int64Array,
    after: Int64Array,
    positions: Int64Array,
    flags: UInt8Array,
    history: int,
    period: int,
) -> bool:
    """Return whether an item may start at a step: by its period and the history it needs."""
    position = positions[slot]
    if position % period != 0:
        return False
    if position < history and not flags[slot] & WHOLE:
        return False
    at = slot
    for _ in range(min(history, position)):
        at = _there(keys, before[at])
        if at < 0:
            return False
    return True


@njit([f"int64(int64, {_LINKS}, int64, int64, int64[::1], int64)"], cache=True, nogil=True)
def _kill(
    slot: int,
    keys: Int64Array,
    before: Int64Array,
    after: Int64Array,
    positions: Int64Array,
    flags: UInt8Array,
    history: int,
    future: int,
    touched: Int64Array,
    count: int,
) -> int:
    """End every item that needs the step at a slot; return the new count of touched slots."""
    at = slot
    for _ in range(history + 1):
        if flags[at] & ITEM:
            flags[at] &= 255 - ITEM
            touched[count] = at
            count += 1
        at = _there(keys, after[at])
        if at < 0:
            break
    at = slot
    for _ in range(future):
        at = _there(keys, before[at])
        if at < 0:
            break
        if flags[at] & ITEM:
            flags[at] &= 255 - ITEM
            touched[count] = at
            count += 1
    return count


@njit([f"int64(int64[::1], {_LINKS}, {_SHAPE}, int64[::1])"], cache=True, nogil=True)
def remove_steps(
    slots: Int64Array,
    keys: Int64Array,
    before: Int64Array,
    after: Int64Array,
    positions: Int64Array,
    flags: UInt8Array,
    history: int,
    future: int,
    period: int,
    shorter: bool,
    touched: Int64Array,
) -> int:
    """Delete the steps at slots; return how many items died, whose slots are left in `touched`."""
    count = 0
    for i in range(slots.shape[0]):
        slot = slots[i]
        count = _kill(slot, keys, before, after, positions, flags, history, future, touched, count)
        keys[slot] = GONE
        flags[slot] = 0
    return count


@njit(
    [
        "UniTuple(int64, 3)(int64, int64, int64[::1], boolean[::1], boolean[::1], boolean[::1],"
        f" int64[::1], {_LINKS}, {_SHAPE}, int64[::1])"
    ],
    cache=True,
    nogil=True,
)
def append_steps(
    first_key: int,
    capacity: int,
    streams: Int64Array,
    is_first: BoolArray,
    is_last: BoolArray,
    is_terminal: BoolArray,
    open_ends: Int64Array,
    keys: Int64Array,
    before: Int64Array,
    after: Int64Array,
    positions: Int64Array,
    flags: UInt8Array,
    history: int,
    future: int,
    period: int,
    shorter: bool,
    touched: Int64Array,
) -> tuple[int, int, int]:
    """Enter steps one after another, each after the row `capacity` keys before it has gone.

    Returns:
        How many slots are left in `touched`, at which an item was born or died; how many more
        items there are; how many rows have gone.
    """
    count, items, gone = 0, 0, 0
    for i in range(streams.shape[0]):
        key = first_key + i
        leaving = live_slot(keys, key - capacity)
        if leaving >= 0:
            # Rows older than this one have gone, so nothing in its past can need it.
            died = _kill(leaving, keys, before, after, positions, flags, history, 0, touched, count)
            items -= died - count
            count = died
            keys[leaving] = GONE
            flags[leaving] = 0
            gone += 1
        slot = key % keys.shape[0]
        stream = streams[i]
        previous = _there(keys, open_ends[stream]) if not is_first[i] else -1
        keys[slot] = key
        after[slot] = -1
        if previous >= 0:
            before[slot] = open_ends[stream]
            after[previous] = key
            positions[slot] = positions[previous] + 1
            flags[slot] = flags[previous] & WHOLE
        else:
            before[slot] = -1
            positions[slot] = 0
            flags[slot] = FIRST | WHOLE if is_first[i] else 0
        if is_last[i]:
            flags[slot] |= LAST
        if is_terminal[i]:
            flags[slot] |= TERMINAL
        open_ends[stream] = -1 if is_last[i] else key
        # Which items does this row complete? The one that starts `future` steps back, and with an
        # episode's last row all that start later than that.
        at = slot
        for back in range(future + 1):
            complete = back == future or (is_last[i] and shorter)
            if (
                complete
                and not flags[at] & (LAST | ITEM)
                and _has_history(at, keys, before, after, positions, flags, history, period)
            ):
                flags[at] |= ITEM
                touched[count] = at
                count += 1
                items += 1
            at = _there(keys, before[at])
            if at < 0:
                break
    return count, items, gone
