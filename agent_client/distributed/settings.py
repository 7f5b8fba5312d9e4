"""What an actor is told: the only list of its options. A learner's are in `agent_client.runs`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from agent_client.algorithms import CONFIGS
from agent_client.distributed.ladder import BASE, EXPONENT
from agent_client.distributed.meeting_point import run_name
from agent_client.run_errors import SettingsError
from agent_client.runs.settings import TrainSettings, preset_of, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ActSettings:
    """Options of ``agent-client act``.

    Hyper-parameters are not among them: they come with the learner's weights.
    """

    env: str = setting(dataclasses.MISSING, "Gymnasium environment; the learner's.")
    server: str = setting(dataclasses.MISSING, "Replay server of the learner.", metavar="URL")
    actor_index: int | None = setting(
        None, "Place on the ladder, from 0.  [default: the server gives numbers]", metavar="I"
    )
    actors: int | None = setting(None, "How many there are; with --actor-index.", metavar="N")
    token_file: Path | None = setting(
        None, "File that holds a token.  [default: $REPLAY_TOKEN]", metavar="FILE"
    )
    tls_ca: Path | None = setting(
        None, "PEM file of whom to trust for https.  [default: the system's]", metavar="FILE"
    )
    table: str | None = setting(
        None, "Table of the run.  [default: ENV-ALGORITHM, as the learner's]", metavar="NAME"
    )
    algorithm: str | None = setting(
        None, "What learns.  [default: what suits the environment]", choices=tuple(CONFIGS)
    )
    patience: int = setting(300, "Seconds to wait for server or learner.", metavar="S")
    environments: int = setting(1, "Environments that act in turn.", metavar="N")
    steps: int | None = setting(None, "Steps at most.  [default: no end]", metavar="N")
    seed: int | None = setting(None, "Of episodes and actions.  [default: chance]", metavar="N")
    epsilon: float = setting(BASE, "Random actions of actor 0.", metavar="P")
    epsilon_exponent: float = setting(EXPONENT, "Of the last: P^(1 + this).", metavar="A")

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        for name in ("steps", "actors", "environments", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} must be at least 1, not {value}")
        if (self.actor_index is None) != (self.actors is None):
            raise SettingsError("--actor-index and --actors go together")
        if not 0 <= (self.actor_index or 0) < (self.actors or 1):
            raise SettingsError(
                f"actor_index must be 0 or more and below --actors, not {self.actor_index}"
            )
        if self.seed is not None and self.seed < 0:
            raise SettingsError(f"seed must be 0 or more, not {self.seed}")
        if not 0.0 <= self.epsilon <= 1.0 or not 0.0 <= self.epsilon_exponent < float("inf"):
            raise SettingsError("epsilon must be 0 to 1, and epsilon_exponent 0 or more")

    @property
    def run(self) -> str:
        """Name of the run."""
        if self.table is not None:
            return self.table
        learner = TrainSettings(env=self.env, algorithm=self.algorithm)
        return run_name(self.env, preset_of(learner).algorithm)
