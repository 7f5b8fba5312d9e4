"""Checkpoints of a deterministic run: agent, progress and replay memory as of one instant.

They are written where an episode has ended, since then nothing is open: each episode begins from a
seed of its own, so no environment has to be kept. The server's checkpoint gets a new name; the
agent's, which names it, is put in place as a whole; only then the server's older one goes. Whoever
kills the run meanwhile leaves the older pair.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from agent_client.evaluation import Evaluation
from agent_client.learning.algorithm import Agent
from agent_client.loop_observers import ObservedLoop
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import EmbeddedServerError
from agent_client.runs.checkpoint import ReplayCheckpoint, save_checkpoint
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.runs.folder import RunFolder
from agent_client.runs.ordered_replay import OrderedReplay
from agent_client.training_progress import TrainingProgress

LET_GO_S: Final = 20.0
_PAUSE_S: Final = 0.5


@contextmanager
def own_kept_server(folder: RunFolder, restored: ReplayCheckpoint | None) -> Iterator[str]:
    """Serve from a run's folder for the time of a ``with`` block; gives the URL.

    The server of a run that was killed ends soon after it, but not at once, and holds the data
    directory until then: for some seconds it is tried again.

    Args:
        folder: of the run.
        restored: what to begin with; None begins empty.

    Raises:
        EmbeddedServerError: it does not start.
    """
    deadline = time.monotonic() + (LET_GO_S if folder.replay.exists() else 0.0)
    name = None if restored is None else restored.name
    with ExitStack() as stack:
        server = None
        while server is None:
            try:
                server = stack.enter_context(EmbeddedServer(data_dir=folder.replay, restore=name))
            except EmbeddedServerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)
        yield server.url


class WholeCheckpoints:
    """Observes a loop and saves at the first end of an episode after each evaluation."""

    def __init__(
        self, folder: RunFolder, client: ReplayClient, table: str, replay: OrderedReplay
    ) -> None:
        """Save to a run's folder.

        Args:
            folder: of the run.
            client: of the run's own server; kept.
            table: of the run.
            replay: of the same table; brought to rest before it is saved.
        """
        self._path = folder.checkpoint
        self._client = client
        self._table = table
        self._replay = replay
        self._is_due = False
        self._episode_ended = False

    def on_step(self, loop: ObservedLoop) -> None:
        """Save, if it is time."""
        if self._is_due and self._episode_ended:
            self.save(loop.agent, loop.progress)
        self._episode_ended = False

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """Notice that nothing is open after this step."""
        self._episode_ended = True

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """Notice that it is time."""
        self._is_due = True

    def begin(self, agent: Agent, progress: TrainingProgress) -> None:
        """Save what there is to go on from if the run is killed before the first evaluation."""
        if not self._path.exists():
            self.save(agent, progress)

    def end(self, agent: Agent, progress: TrainingProgress, *, is_over: bool) -> None:
        """Save what the training has come to.

        One that was broken off may be in the middle of an episode, from which no run could go on
        exactly: it keeps its last checkpoint.
        """
        if is_over:
            self.save(agent, progress)

    def save(self, agent: Agent, progress: TrainingProgress) -> None:
        """Save agent, progress and replay memory as one.

        Raises:
            ReplayClientError: the server could not write; the older checkpoint stands.
        """
        self._replay.come_to_rest()
        kept = ReplayCheckpoint(f"step-{progress.step}", self._table)
        self._client.write_checkpoint(kept.name)
        save_checkpoint(self._path, agent, progress, kept)
        for other in self._client.list_checkpoints():
            if other.name != kept.name:
                self._client.delete_checkpoint(other.name)
        self._is_due = False
