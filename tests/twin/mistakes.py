"""Mistakes to be put into the memory one by one: the twin must see each of them.

`python -m tests.twin.mistakes` copies the packages, makes a mistake in the copy, and runs programs
there until one disagrees. What it tells is in docs/reliability.md.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("replay_server", "replay_wire", "tests")


@dataclass(frozen=True)
class Mistake:
    """`right` stands once in a file of `replay_server`; `wrong` takes its place."""

    name: str
    file: str
    right: str
    wrong: str

    def make(self, folder: Path) -> None:
        """Put it into the packages in a folder.

        Raises:
            ValueError: the code has changed so that the mistake needs to be written anew.
        """
        path = folder / "replay_server" / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.right) != 1:
            raise ValueError(f"{self.name}: {self.right!r} does not stand once in {self.file}")
        path.write_text(text.replace(self.right, self.wrong), encoding="utf-8")


MISTAKES = [
    # windows
    Mistake("returns begin with the second power of the discount", "memory/windows.py",
            "factors = discount ** np.arange(", "factors = discount ** 2 ** np.arange("),
    Mistake("a horizon of n + 1 steps", "memory/windows.py",
            "WindowShape(self.frame_stack - 1, self.n_step, period=1",
            "WindowShape(self.frame_stack - 1, self.n_step + 1, period=1"),
    Mistake("a window survives the row that it needs being overwritten", "memory/episode_links.py",
            "_kill(leaving, keys, before, after, positions, flags, history, 0,",
            "_kill(leaving, keys, before, after, positions, flags, 0, 0,"),
    Mistake("a window survives the row that it needs being deleted", "memory/episode_links.py",
            "for _ in range(future):\n        at = _there(keys, before[at])",
            "for _ in range(future - 1):\n        at = _there(keys, before[at])"),
    Mistake("periods of a fragment count from one", "memory/episode_links.py",
            "positions[slot] = 0", "positions[slot] = 0 if is_first[i] else 1"),
    Mistake("a truncated episode has discount 0", "memory/windows.py",
            "(episodes.flags[ends] & TERMINAL) != 0", "(episodes.flags[ends] & LAST) != 0"),
    Mistake("a row with is_first goes on with the episode before", "memory/episode_links.py",
            "_there(keys, open_ends[stream]) if not is_first[i] else -1",
            "_there(keys, open_ends[stream])"),
    Mistake("an episode's last row starts an item", "memory/episode_links.py",
            "not flags[at] & (LAST | ITEM)", "not flags[at] & ITEM"),
    Mistake("a fragment is taken for a whole episode", "memory/episode_links.py",
            "FIRST | WHOLE if is_first[i] else 0", "FIRST | WHOLE"),
    Mistake("streams of writers are mixed up", "memory/episodes.py",
            "streams.setdefault((steps.writer, each), len(streams))",
            "streams.setdefault((None, each), len(streams))"),
    Mistake("padded places are not zero", "memory/layouts.py",
            "column[~mask] = 0", "column[~mask] += 0"),
    Mistake("a sequence without padding may be shorter", "memory/windows.py",
            "self.length - 1, self.period, self.pad)", "self.length - 1, self.period, True)"),
    Mistake("the indexed layout swaps both observations", "memory/layouts.py",
            "self._framed(indices[1], slots.shape)", "self._framed(indices[0], slots.shape)"),
    # priorities and draws
    Mistake("new items get priority 1", "memory/table.py",
            "np.full(count, self.max_priority)", "np.full(count, 1.0)"),
    Mistake("of a key given twice the first wins", "memory/table.py",
            "self._index.prioritize(slots, priorities)",
            "self._index.prioritize(slots[::-1], priorities[::-1])"),
    Mistake("an overwritten row's late update hits its follower", "memory/row_index.py",
            "if present[slot] == key:", "if present[slot] >= key:"),
    Mistake("the size told is the capacity", "memory/table.py",
            "            size=size,\n", "            size=self.capacity,\n"),
    Mistake("weights over the table go by a minimum that is not kept", "memory/priorities.py",
            "        if self._minima is not None:\n            self._minima.set(slots, masses)\n",
            ""),
    Mistake("probabilities without replacement are those of what is left",
            "memory/sequential_draws.py",
            "(first_total if distinct else total)", "total"),
    Mistake("draws are not stratified", "memory/samplers.py",
            "batch_size if stratified else 0", "0"),
    Mistake("the strata are of the wrong width", "memory/samplers.py",
            "part = (part + i % strata) / strata", "part = (part + i % strata) / (strata + 1)"),
    Mistake("a new alpha does not reach the tree", "memory/priorities.py",
            "        self.tree.clear()\n        self.refresh(slots, are_items)",
            "        self._minima = None"),
    Mistake("of equal priorities the newer comes first", "memory/order_tree.py",
            "ordinals[slot] < ordinals[best]", "ordinals[slot] > ordinals[best]"),
    Mistake("ages are one too many", "memory/table.py",
            "ages=self.inserted_total - 1 - self", "ages=self.inserted_total - self"),
    # draws counted, items used up, draws taken back
    Mistake("draws count twice", "memory/table.py",
            "self.sampled_total += draw.slots.size", "self.sampled_total += 2 * draw.slots.size"),
    Mistake("one draw more than allowed", "memory/drawing.py",
            "self._index.times_sampled[slots] >= limit",
            "self._index.times_sampled[slots] > limit"),
    Mistake("items of steps that were used up come back", "memory/occupancy.py",
            "self.episodes.flags[slots] &= np.uint8(255 - ITEM)",
            "self.episodes.flags[slots] &= np.uint8(255)"),
    Mistake("an item used up within a mixed draw comes back", "memory/table.py",
            "            are_items &= ~np.isin(slots, self._spent)\n",
            "            pass\n"),
    Mistake("a lower max_times_sampled lets nothing go at once", "memory/table.py",
            "            self._let_spent_items_go(max_times_sampled)\n", ""),
    Mistake("a refused draw leaves the generator where it came to", "memory/drawing.py",
            "undo.add(self._generator_as_it_is())", "undo.add(lambda: None)"),
    Mistake("a refused draw has counted for the limiter", "memory/table.py",
            "undo.add(lambda: self.limiter.drawn(-draws))", "undo.add(lambda: None)"),
    Mistake("a refused draw's update keeps the highest priority", "memory/table.py",
            "self._put_priorities(slots, before, highest)",
            "self._put_priorities(slots, before, self._priorities.highest)"),
    Mistake("a refused draw has counted for the items", "memory/drawing.py",
            "undo.add(lambda: np.subtract.at(self._index.times_sampled, slots, np.int32(1)))\n"
            "        undo.add(lambda: self._priorities",
            "undo.add(lambda: self._priorities"),
    # rows in and out
    Mistake("a table holds one row too many", "memory/occupancy.py",
            "self.next_key + rows - self._capacity)", "self.next_key + rows - self._capacity - 1)"),
    Mistake("a lifo remover takes the oldest", "memory/ranked_occupancy.py",
            "return -self._index.ordinals[slots].astype(np.float64)",
            "return self._index.ordinals[slots].astype(np.float64)"),
    Mistake("heap removers go by the priority that a row came with", "memory/ranked_occupancy.py",
            "        if self._order is not None:\n"
            "            self._order.enter(slots, self._ranks(slots))",
            "        if self._order is not None and not self._index.times_sampled[slots].any():\n"
            "            self._order.enter(slots, self._ranks(slots))"),
    Mistake("a uniform remover's row goes without its mass", "memory/ranked_occupancy.py",
            "np.concatenate((*gone, all_slots))", "all_slots"),
    Mistake("a repeated insert is done again", "memory/writers.py",
            "sequence > last:", "sequence >= last:"),
    Mistake("the writer heard of last is forgotten", "memory/writers.py",
            "        self._forget(writer)  #", "        #"),
    # limiters
    Mistake("limiters do not see deletes", "memory/table.py",
            "self.limiter.missing_for_draw(self.size, batch_size * batches)",
            "self.limiter.missing_for_draw(max(self.size, min(self.inserted_total, self.capacity)),"
            " batch_size * batches)"),
    Mistake("reset does not reset the limiter", "memory/table.py",
            "self.limiter.restart()", "self.limiter.inserted(0)"),
    Mistake("an insert may not leave as many items as min_size", "memory/rate_limiters.py",
            "leaves() <= self.min_size", "leaves() < self.min_size"),
    Mistake("a limiter set anew to the same goes on counting", "tables.py",
            "limiter=None if change.rate_limiter is None else",
            "limiter=None if new.rate_limiter == spec.rate_limiter else"),
    Mistake("the items that an insert leaves are reckoned without those that go",
            "memory/occupancy.py",
            "return self.rows + count - len(self._leaving(count))",
            "return self.rows + count"),
    # reset
    Mistake("reset keeps the highest priority", "memory/priorities.py",
            "            self._order.clear()\n        self.highest = 1.0",
            "            self._order.clear()"),
]  # fmt: skip


RIGHT = Mistake("none", "service.py", "class ReplayService:", "class ReplayService:")


def found_by(mistake: Mistake, programs: int) -> str:
    """Make a mistake in a copy of the packages and return the seed of the program that saw it.

    Empty where none of them did, as with `RIGHT`: without that no other answer means anything.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in PACKAGES:
            shutil.copytree(REPOSITORY / package, folder / package)
        mistake.make(folder)
        run = subprocess.run(
            [sys.executable, "-m", "tests.twin", f"--programs={programs}"],
            cwd=folder,
            env={"PYTHONPATH": name, "PATH": "", "HOME": name},
            capture_output=True,
            text=True,
            check=False,
        )
    seen = re.match(r"the program of seed (\d+)", run.stdout)
    if seen is None and run.returncode:
        raise RuntimeError(f"{mistake.name}: {run.stderr[-2000:]}")
    return seen[1] if seen else ""


def main() -> int:
    """Return 0 where every mistake was seen."""
    if found_by(RIGHT, programs=1000):
        sys.stdout.write("programs fail without any mistake\n")
        return 1
    sys.stdout.write("| mistake | in | seen by program |\n| --- | --- | --- |\n")
    missed = 0
    for mistake in MISTAKES:
        seed = found_by(mistake, programs=1000)
        missed += not seed
        sys.stdout.write(f"| {mistake.name} | `{mistake.file}` | {seed or 'NONE'} |\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
