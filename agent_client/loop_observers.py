"""Who is told what happens in a loop, and what of the loop they may read."""

from collections.abc import Mapping
from typing import Protocol

from agent_client.evaluation import Evaluation
from agent_client.learning.algorithm import Agent
from agent_client.training_progress import TrainingProgress


class ObservedLoop(Protocol):
    """What observers may read of a loop, whether it acts itself or learns from what others act."""

    @property
    def agent(self) -> Agent:
        """What is trained."""

    @property
    def progress(self) -> TrainingProgress:
        """Where the run stands."""

    @property
    def beta(self) -> float:
        """The importance exponent at the present step."""

    @property
    def replay_size(self) -> int:
        """Transitions in the table, as far as is known."""

    @property
    def exploration(self) -> Mapping[str, float]:
        """How much is explored, by the names of the algorithm's figures."""

    @property
    def figures(self) -> Mapping[str, float]:
        """What is told of exploration, of the newest gradient step, if any, and of draws."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What else people should see of it just now, each in a few words."""


class LoopObserver(Protocol):
    """Who is told what happens: metrics, trackers, the progress display, the checkpoint."""

    def on_step(self, loop: ObservedLoop) -> None:
        """One environment step, with the learner steps after it, is done."""

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """A training episode ended, ``length`` steps long."""

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """The greedy policy was evaluated; ``loop.progress`` tells whether it is the best."""
