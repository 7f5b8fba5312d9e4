"""Hyper-parameters that every algorithm has which learns from replay, and how one is declared.

Each is declared once, with its default, its meaning and its range; an algorithm's own are added by
deriving from :class:`ReplayConfig`. How values come in from a file or a command line is told in
``agent_client.runs.settings``.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True)
class Range:
    """Values that a hyper-parameter may have; of a list each member must.

    Attributes:
        text: what a value must be, to end "... must be".
        holds: whether a value is one; never of NaN.
    """

    text: str
    holds: Callable[[Any], bool]


COUNT: Final = Range("at least 1", lambda value: value >= 1)
STEPS: Final = Range("0 or more", lambda value: value >= 0)
FRACTION: Final = Range("between 0 and 1", lambda value: 0.0 <= value <= 1.0)
RATE: Final = Range("above 0 and at most 1", lambda value: 0.0 < value <= 1.0)
POSITIVE: Final = Range("positive and finite", lambda value: 0.0 < value < float("inf"))
NOT_NEGATIVE: Final = Range("0 or more and finite", lambda value: 0.0 <= value < float("inf"))
FINITE: Final = Range("finite", lambda value: abs(value) < float("inf"))


@dataclass(frozen=True, slots=True)
class Search:
    """Where ``agent-client tune`` looks for a hyper-parameter's value; well within its range.

    Attributes:
        low: the least value.
        high: the largest; whole numbers where both are.
        log: whether equal ratios count as equally far, and not equal differences.
        choices: the values, as texts that ``--set`` takes, where no line joins them.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()

    def holds(self, value: Any) -> bool:
        """Return whether a value is one; among choices, of the texts."""
        return value in self.choices if self.choices else self.low <= value <= self.high


def among(*choices: object) -> Search:
    """Return a search among values, each in the form that ``--set`` takes."""
    return Search(choices=tuple(str(choice).lower() for choice in choices))


LAYERS: Final = among("64,64", "128,128", "256,256")


def hyperparameter(
    default: Any, help_text: str, allowed: Range | None = None, search: Search | None = None
) -> Any:
    """Return a dataclass field for a hyper-parameter.

    Args:
        default: what suits small observation vectors and short training.
        help_text: what it means, with its unit.
        allowed: its range; None allows every value of its type.
        search: where tuning looks; None leaves it as it is.
    """
    metadata = {"help": help_text, "range": allowed, "search": search}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """How an agent fills its table, how it draws from it, and when it learns.

    In the papers' letters: ``discount`` is gamma, ``priority_exponent`` alpha,
    ``importance_exponent`` beta, ``epsilon_priority`` the epsilon added to priorities.

    Raises:
        ValueError: a value is outside its range; the message names it.
    """

    algorithm: ClassVar[str] = ""
    """What ``--algorithm`` calls the one whose hyper-parameters these are."""

    batch_size: int = hyperparameter(
        64, "transitions per learner step", COUNT, search=among(32, 64, 128, 256)
    )
    discount: float = hyperparameter(
        0.99,
        "what a reward is worth one step later, 0 to 1",
        FRACTION,
        search=among(0.97, 0.98, 0.99, 0.995, 0.999),
    )
    n_step: int = hyperparameter(
        1, "steps whose rewards a transition sums up", COUNT, search=Search(1, 5)
    )
    frame_stack: int = hyperparameter(
        1, "observations in a row that the network sees at once", COUNT
    )
    update_period: int = hyperparameter(
        256, "environment steps between rounds of learner steps", COUNT
    )
    updates_per_round: int = hyperparameter(128, "learner steps in a round", COUNT)
    batches_per_request: int = hyperparameter(
        8, "batches drawn at once, ahead of the learner: of many small ones each costs less", COUNT
    )
    learning_starts: int = hyperparameter(1_000, "steps in the table before learning begins", COUNT)
    replay_capacity: int = hyperparameter(100_000, "steps that the table holds", COUNT)
    reward_limit: float = hyperparameter(
        0.0,
        "rewards are learned from as clipped to plus or minus this; 0 leaves them",
        NOT_NEGATIVE,
    )
    max_times_sampled: int = hyperparameter(
        0, "draws after which a step is drawn no more; 0 sets no limit", STEPS
    )
    fresh_share: float = hyperparameter(
        0.0, "part of each batch that comes from the newest fresh_capacity steps", FRACTION
    )
    fresh_capacity: int = hyperparameter(2_000, "steps that count as the newest", COUNT)
    priority_half_life: float = hyperparameter(
        0.0, "rows after which a stored priority counts half; 0: it never fades", NOT_NEGATIVE
    )
    priority_exponent: float = hyperparameter(
        0.6,
        "how strongly priorities tell; 0 draws uniformly",
        NOT_NEGATIVE,
        search=Search(0.0, 1.0),
    )
    epsilon_priority: float = hyperparameter(
        0.01,
        "added to what surprised, such as |TD error|, so that every transition stays drawable",
        NOT_NEGATIVE,
    )
    importance_exponent_start: float = hyperparameter(
        0.4,
        "how far importance weights undo the priorities at first, 0 to 1",
        FRACTION,
        search=Search(0.2, 1.0),
    )
    importance_exponent_final: float = hyperparameter(
        1.0, "the same after importance_anneal_steps; 1 undoes the bias wholly", FRACTION
    )
    importance_anneal_steps: int = hyperparameter(
        50_000, "environment steps over which the importance exponent rises linearly", STEPS
    )

    def __post_init__(self) -> None:
        """Refuse values that no learner could work with."""
        for field in dataclasses.fields(self):
            _require(field, getattr(self, field.name))
        if self.n_step + self.frame_stack > self.replay_capacity:
            raise ValueError(
                f"replay_capacity ({self.replay_capacity}) must hold the n_step ({self.n_step}) + "
                f"frame_stack ({self.frame_stack}) steps that a transition spans"
            )
        if self.learning_starts > self.replay_capacity:
            raise ValueError(
                f"learning_starts ({self.learning_starts}) must not exceed "
                f"replay_capacity ({self.replay_capacity})"
            )

        if 0 < self.max_times_sampled <= self.draws_per_step:
            raise ValueError(
                f"max_times_sampled ({self.max_times_sampled}) must be above the "
                f"{self.draws_per_step:g} draws per step that batch_size * updates_per_round / "
                "update_period make, or there is soon nothing left to draw"
            )
        if self.n_step + self.frame_stack > self.fresh_capacity:
            raise ValueError(
                f"fresh_capacity ({self.fresh_capacity}) must hold the n_step ({self.n_step}) + "
                f"frame_stack ({self.frame_stack}) steps that a transition spans"
            )

    @property
    def draws_per_step(self) -> float:
        """How often a step is drawn on average."""
        return self.batch_size * self.updates_per_round / self.update_period

    @property
    def is_prioritized(self) -> bool:
        """Whether draws go by priorities; else all items are equally likely."""
        return self.priority_exponent > 0.0


def with_default(default: Any, name: str) -> Any:
    """Return the field of a hyper-parameter of ``ReplayConfig`` with another default."""
    fields = {field.name: field for field in dataclasses.fields(ReplayConfig)}
    return dataclasses.field(default=default, metadata=fields[name].metadata)


def _require(field: "dataclasses.Field[Any]", value: Any) -> None:
    allowed: Range | None = field.metadata["range"]
    members = value if isinstance(value, tuple) else (value,)
    if allowed is not None and not all(allowed.holds(member) for member in members):
        raise ValueError(f"{field.name} must be {allowed.text}, not {value}")
