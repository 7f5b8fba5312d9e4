"""Who is slow, the actors or the learner, and what to change: a table's numbers in plain words.

A rate limiter knows: where draws are held back, the learner waits for actors; where inserts are,
the actors wait for the learner. Who waits less is slow: speeding that one up is what makes the run
faster, even where both wait (docs/decisions/0015-who-is-slow.md). Where no limiter ever holds
anybody back, what is left is how often a row is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from replay_wire.activity import Side, Slow, State, Verdict
from replay_wire.specs import MinSizeLimiter, QueueLimiter, SampleToInsertRatioLimiter

__all__ = ["Facts", "verdict"]

RateLimiter = MinSizeLimiter | SampleToInsertRatioLimiter | QueueLimiter

_SOME: Final = 0.1  # a share of the time below which nobody minds
_MORE: Final = 1.5  # a ratio of two such shares within which nobody is the slow one
_STUCK: Final = 0.9
_MANY_DRAWS: Final = 1000.0


@dataclass(frozen=True)
class Facts:
    """What a verdict goes by.

    Attributes:
        limiter: the table's.
        size, inserted_total: its items, and the rows that ever came in.
        inserts, draws: both sides.
    """

    limiter: RateLimiter
    size: int
    inserted_total: int
    inserts: Side
    draws: Side

    @property
    def missing(self) -> int:
        """Items that are missing to the first draw."""
        needed = 1 if isinstance(self.limiter, QueueLimiter) else max(self.limiter.min_size, 1)
        return max(needed - self.size, 0)

    @property
    def is_stuck(self) -> bool:
        """Whether both sides wait, and neither moves."""
        sides = (self.inserts, self.draws)
        return all(side.per_second == 0.0 and side.held_share >= _STUCK for side in sides)


def verdict(facts: Facts) -> Verdict:
    """Return what facts mean."""
    if not facts.inserted_total:
        return _empty(facts)
    if facts.missing and not facts.draws.per_second and not isinstance(facts.limiter, QueueLimiter):
        return _filling(facts)
    if facts.is_stuck:
        return _stuck(facts)
    inserts_wait, draws_wait = facts.inserts.wait_share, facts.draws.wait_share
    if max(inserts_wait, draws_wait) >= _SOME:
        if draws_wait >= _MORE * inserts_wait:
            return _actors_slow(facts)
        if inserts_wait >= _MORE * draws_wait:
            return _learner_slow(facts)
        return _in_step(facts)
    if facts.inserts.per_second is None or facts.draws.per_second is None:
        return _say("idle", "Looking …", "Rates are known after the second look.", "")
    if not facts.inserts.per_second or not facts.draws.per_second:
        return _one_sided(facts)
    return _nobody_waits(facts, facts.draws.per_second / facts.inserts.per_second)


def _empty(facts: Facts) -> Verdict:
    detail = "No row has ever come in."
    if facts.draws.waiting:
        detail += f" {_requests(facts.draws.waiting, 'draw')} for one."
    advice = "Start an actor that inserts here; if one runs, look at its log and its address."
    return _say("empty", "The table is empty", detail, advice)


def _filling(facts: Facts) -> Verdict:
    detail = f"{_counted(facts.missing, 'item')} missing to the first draw."
    if facts.draws.waiting:
        detail += f" Meanwhile {_requests(facts.draws.waiting, 'draw')}."
    rate = facts.inserts.per_second
    if rate:
        advice = f"Nothing to change yet: at this pace it takes {_time(facts.missing / rate)}."
    elif rate is None:
        advice = ""
    else:
        advice = "No rows come in: see whether the actors run."
    return _say("filling", "The table is filling", detail, advice)


def _actors_slow(facts: Facts) -> Verdict:
    share = _share(facts.draws.wait_share)
    detail = f"The learner waits for actors: {share} the limiter holds draws back."
    if facts.inserts.wait_share >= _SOME:
        detail += f" An actor waits for it, too, but less: {_share(facts.inserts.wait_share)}."
    advice = "Start more actors, or faster ones."
    limiter = facts.limiter
    if isinstance(limiter, SampleToInsertRatioLimiter):
        advice += (
            f" Or raise samples_per_insert (now {limiter.samples_per_insert:g}), "
            "if each row may be drawn more often."
        )
    elif isinstance(limiter, MinSizeLimiter):
        advice += f" Or lower min_size (now {limiter.min_size:,}): items go faster than they come."
    return _say("actors_slow", "The actors are slow", detail, advice, slow="actors")


def _learner_slow(facts: Facts) -> Verdict:
    share = _share(facts.inserts.wait_share)
    detail = f"The actors wait for the learner: {share} the limiter holds an actor back."
    if facts.draws.wait_share >= _SOME:
        detail += f" It waits for them, too, but less: {_share(facts.draws.wait_share)}."
    advice = "Make the learner faster (larger batches, more a request, a GPU), or run fewer actors."
    limiter = facts.limiter
    if isinstance(limiter, SampleToInsertRatioLimiter):
        advice += (
            f" Or lower samples_per_insert (now {limiter.samples_per_insert:g}), "
            "if each row may be drawn less often."
        )
    elif isinstance(limiter, QueueLimiter):
        advice += f" A longer queue (now {limiter.size:,}) only helps against bursts."
    return _say("learner_slow", "The learner is slow", detail, advice, slow="learner")


def _stuck(facts: Facts) -> Verdict:
    detail = (
        "Each waits for the other, and neither moves: the limiter has room for the next insert "
        "only after a draw, and rows enough for the next draw only after an insert."
    )
    limiter = facts.limiter
    if isinstance(limiter, SampleToInsertRatioLimiter):
        advice = (
            f"Raise error_buffer (now {limiter.error_buffer:g}): twice that has to hold a batch "
            f"and {limiter.samples_per_insert:g} draws for each row of an insert. Or make batches "
            "and inserts smaller."
        )
    else:
        advice = "Make batches and inserts smaller, or the queue longer: one of each has to fit."
    return _say("stuck", "Actors and learner are stuck", detail, advice)


def _in_step(facts: Facts) -> Verdict:
    detail = (
        f"Both wait for each other in turn: the learner {_share(facts.draws.wait_share)}, "
        f"an actor {_share(facts.inserts.wait_share)}."
    )
    advice = "Nothing is wrong with the pace. "
    if isinstance(facts.limiter, SampleToInsertRatioLimiter):
        error_buffer = facts.limiter.error_buffer
        advice += f"A larger error_buffer (now {error_buffer:g}) would let both wait less."
    else:
        advice += "Smaller batches and inserts would let both wait less."
    return _say("in_step", "Actors and learner keep step", detail, advice)


def _one_sided(facts: Facts) -> Verdict:
    if facts.inserts.per_second:
        detail = "Rows come in, and nobody draws."
        advice = "If a learner should draw from it, see whether one runs."
        return _say("no_draws", "Only the actors are at work", detail, advice)
    if facts.draws.per_second:
        detail = "Items are drawn, and no rows come in."
        advice = "If the run should still collect, see whether the actors run."
        return _say("no_inserts", "Only the learner is at work", detail, advice)
    detail = "Neither inserts nor draws in the last seconds."
    return _say(
        "idle", "Nothing is going on", detail, "If a run should be under way, see its logs."
    )


def _nobody_waits(facts: Facts, draws_a_row: float) -> Verdict:
    drawn = f"{_number(draws_a_row)} draws for each row that comes in"
    if isinstance(facts.limiter, MinSizeLimiter):
        return _free(draws_a_row, f"The limiter lets both go at their own pace: {drawn}.")
    detail = f"Nobody waits: {drawn}"
    if isinstance(facts.limiter, SampleToInsertRatioLimiter):
        detail += f", and the limiter wants {facts.limiter.samples_per_insert:g}"
    headline = "Actors and learner are in balance"
    return _say("balanced", headline, f"{detail}.", "Nothing to change.")


def _free(draws_a_row: float, detail: str) -> Verdict:
    if draws_a_row < 1:
        detail += " Rows come in faster than they are drawn."
        advice = "Make the learner faster, or run fewer actors."
        return _say("free", "The learner is slow", detail, advice, slow="learner")
    if draws_a_row > _MANY_DRAWS:
        advice = "Start more actors, or have the learner draw less."
        return _say("free", "The actors are slow", detail, advice, slow="actors")
    advice = (
        "Nothing to change, if that is as often as your algorithm wants. A limiter of kind "
        "sample_to_insert_ratio would keep it so."
    )
    return _say("free", "Actors and learner run freely", detail, advice)


def _say(
    state: State, headline: str, detail: str, advice: str, *, slow: Slow | None = None
) -> Verdict:
    return Verdict(state=state, slow=slow, headline=headline, detail=detail, advice=advice)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _share(share: float) -> str:
    return f"{min(share, 1.0):.0%} of the time"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what} is" if count == 1 else f"{count:,} {what}s are"


def _requests(count: int, what: str) -> str:
    return f"1 {what} waits" if count == 1 else f"{count:,} {what}s wait"


def _time(seconds: float) -> str:
    for size, unit in ((3600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"about {count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
