"""How long a run trains, where it stands, and why it ended."""

from dataclasses import dataclass, field
from enum import Enum


class StopReason(Enum):
    """Why a loop ended."""

    SOLVED = "solved"
    OUT_OF_STEPS = "out of steps"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long to train and how to choose the best weights.

    Attributes:
        steps: environment steps at most.
        seed: the run's.
        evaluation_period: environment steps between evaluations of the greedy policy.
        selection_episodes: episodes of such an evaluation.
        confirmation_episodes: further episodes, played when those reach ``stop_return``.
        stop_return: mean return at which training ends once it is confirmed; None trains on.
    """

    steps: int
    seed: int
    evaluation_period: int
    selection_episodes: int
    confirmation_episodes: int
    stop_return: float | None


@dataclass(slots=True)
class TrainingProgress:
    """Where a run stands; what a checkpoint keeps besides weights and random states.

    Attributes:
        step: environment steps done.
        episode: training episodes ended.
        seconds: wall-clock time spent in the loop.
        seconds_waiting: of these, spent waiting for batches.
        best_return: mean return of the best weights so far, None before the first evaluation.
        best_episodes: episodes over which that mean was taken.
        best_step: environment step of those weights.
        solved: whether ``stop_return`` was confirmed.
        learner_figures: what the newest gradient step told; empty before the first.
        draws: what is known of all draws, as ``draw_statistics.with_draw`` has it.
    """

    step: int = 0
    episode: int = 0
    seconds: float = 0.0
    best_return: float | None = None
    best_episodes: int = 0
    best_step: int = 0
    solved: bool = False
    seconds_waiting: float = 0.0
    learner_figures: dict[str, float] = field(default_factory=dict)
    draws: dict[str, float] = field(default_factory=dict)
