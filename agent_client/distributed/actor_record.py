"""Who an actor is, and what it has done."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_client.distributed.acting_loop import ActingEnd


@dataclass
class ActorRecord:
    """Who an actor is, and what it has done in all runs that it took part in.

    Attributes:
        run: name of the run.
        number: its index, or the number that it was given; None where it found no run.
        exploration: how much it explores, by names.
        steps: environment steps done.
        episodes: ended.
        seconds: spent acting; waiting for a run is not included.
        seconds_held_back: of these, spent waiting for the rate limiter.
        weights_loaded: versions of the weights that it acted with.
        unsent_rows: rows that the server did not take any more.
        end: why it ended.
        outcome: of the run, as its learner told it; "" where the run is not over.
        stop_requested: set by a signal.
    """

    run: str
    number: int | None = None
    exploration: Mapping[str, float] = field(default_factory=dict)
    steps: int = 0
    episodes: int = 0
    seconds: float = 0.0
    seconds_held_back: float = 0.0
    weights_loaded: int = 0
    unsent_rows: int = 0
    end: ActingEnd = ActingEnd.RUN_IS_OVER
    outcome: str = ""
    stop_requested: bool = field(default=False, repr=False)

    def summary(self) -> str:
        """Return all of this in one sentence."""
        outcome = f" ({self.outcome})" if self.outcome else ""
        if self.number is None:
            return f"no part was taken in run {self.run!r}: {self.end.value}{outcome}"
        explored = "".join(f" with {name} {value:.4f}" for name, value in self.exploration.items())
        rate = self.steps / max(self.seconds - self.seconds_held_back, 1e-9)
        unsent = f", of which {self.unsent_rows} rows were not sent" if self.unsent_rows else ""
        return (
            f"actor {self.number} of run {self.run!r} ended, since {self.end.value}{outcome}: "
            f"{self.steps:,} steps in {self.episodes:,} episodes{explored}"
            f"{unsent}; {rate:,.0f} steps/s, held back "
            f"{self.seconds_held_back:.1f} of {self.seconds:.1f} s"
        )
