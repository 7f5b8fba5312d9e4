"""A run in made-up time: actors and a learner around a real rate limiter, and the looks at it."""

import heapq
import itertools
import random
from dataclasses import dataclass

from replay_server.histories import Look, LookBook, Paces
from replay_server.memory.rate_limiters import SampleToInsertRatio
from replay_server.waiting import Waits

MIN_SIZE = 100


@dataclass(frozen=True)
class Run:
    """Who does what.

    Attributes:
        actors: how many.
        insert_rows, batch_size: of one request of each.
        samples_per_insert, error_buffer: of the limiter.
        load: what actors bring against what the learner takes, if neither ever waited: below 1 the
            actors are slow, above 1 the learner.
    """

    actors: int
    insert_rows: int
    batch_size: int
    error_buffer: float
    load: float
    samples_per_insert: float = 8.0

    def paces(self, seconds: float = 60.0) -> Paces:
        """Return the pace of the last five seconds, as somebody sees it who looks every second."""
        return _Course(self).paces(seconds)


class _Course:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._limiter = SampleToInsertRatio(run.samples_per_insert, MIN_SIZE, run.error_buffer)
        self._random = random.Random(1)
        self._inserts, self._draws = Waits(), Waits()
        self._inserted = self._drawn = MIN_SIZE
        self._limiter.inserted(MIN_SIZE)
        self._order = itertools.count()
        self._due: list[tuple[float, int, bool]] = []  # when, which of those, whether an insert
        learner_s = 0.02
        rows_a_second = run.load * run.batch_size / run.samples_per_insert / learner_s
        self._think_s = {True: run.actors * run.insert_rows / rows_a_second, False: learner_s}
        for _ in range(run.actors):
            self._think(0.0, is_insert=True)
        self._think(0.0, is_insert=False)

    def paces(self, seconds: float) -> Paces:
        book, next_look_s = LookBook(), 1.0
        while self._due:
            now_s, _, is_insert = heapq.heappop(self._due)
            while next_look_s <= now_s:
                look = self._look(next_look_s)
                if next_look_s >= seconds:
                    return book.pace(look)
                book.add(look)
                next_look_s += 1.0
            (self._inserts if is_insert else self._draws).begin(now_s)
            while self._let_through(now_s):
                pass
        raise AssertionError("they wait for each other for ever")

    def _think(self, now_s: float, *, is_insert: bool) -> None:
        spread = 0.7 + 0.3 * self._random.expovariate(1.0)
        due_s = now_s + self._think_s[is_insert] * spread
        heapq.heappush(self._due, (due_s, next(self._order), is_insert))

    def _let_through(self, now_s: float) -> bool:
        run, size = self._run, self._inserted
        if self._inserts.now and not self._limiter.missing_for_insert(
            size, run.insert_rows, lambda: size + run.insert_rows
        ):
            self._limiter.inserted(run.insert_rows)
            self._inserted += run.insert_rows
            self._inserts.end(now_s)
            self._think(now_s, is_insert=True)
            return True
        if self._draws.now and not self._limiter.missing_for_draw(size, run.batch_size):
            self._limiter.drawn(run.batch_size)
            self._drawn += run.batch_size
            self._draws.end(now_s)
            self._think(now_s, is_insert=False)
            return True
        return False

    def _look(self, at_s: float) -> Look:
        return Look(
            at_s=at_s,
            inserted=self._inserted,
            drawn=self._drawn,
            inserts_held_s=self._inserts.held_s(at_s),
            draws_held_s=self._draws.held_s(at_s),
            inserts_refused=0,
            draws_refused=0,
            size=self._inserted,
            inserts_waited_s=self._inserts.waited_s(at_s),
            writers=self._run.actors,
        )
