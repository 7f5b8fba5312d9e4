"""The replay memory of a run: its server, how its steps go there, and how batches come from it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from agent_client.batches.draws import Layout
from agent_client.environments import Environment
from agent_client.fresh_draws import BothRows, FreshDraws
from agent_client.learning.config import ReplayConfig
from agent_client.observations import drawn_columns
from agent_client.prefetcher import Prefetcher
from agent_client.replay_access import BatchSource, EpisodeWriter
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import SettingsError
from agent_client.runs.checkpoint import ReplayCheckpoint
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.runs.folder import RunFolder
from agent_client.runs.ordered_replay import OrderedReplay
from agent_client.runs.settings import RunConfig, TrainSettings
from agent_client.runs.whole_checkpoints import own_kept_server
from agent_client.writer import RowWriter
from agent_client.writer.autoreset import Autoreset
from agent_client.writer.step_stream import RowSink
from agent_client.writer.step_writer import StepWriter


@dataclass(frozen=True, slots=True)
class RunReplay:
    """What a training loop takes of a table.

    Attributes:
        writer: takes its steps.
        open_batches: as the loop has it.
        ordered: both of them, where the run is deterministic.
    """

    writer: EpisodeWriter
    open_batches: Callable[[Callable[[], float]], BatchSource]
    ordered: OrderedReplay | None = None


@contextmanager
def run_server(run: RunConfig, folder: RunFolder, kept: ReplayCheckpoint | None) -> Iterator[str]:
    """Give the URL of a run's server for the time of a ``with`` block.

    Args:
        run: names a server, or else has one of its own.
        folder: of the run; a deterministic run's own server keeps its checkpoint there.
        kept: what that begins with; None begins empty.

    Raises:
        EmbeddedServerError: the run's own server does not start.
    """
    if run.settings.server is not None:
        yield run.settings.server
    elif run.settings.deterministic:
        with own_kept_server(folder, kept) as url:
            yield url
    else:
        with EmbeddedServer() as server:
            yield server.url


def open_replay(
    client: ReplayClient,
    table: str,
    fresh: str | None,
    run: RunConfig,
    environment: Environment,
    stack: ExitStack,
) -> RunReplay:
    """Return a run's access to a table, to be closed with ``stack``.

    Args:
        client: kept, not closed.
        table: its name.
        fresh: name of the table of the newest steps, if the run wants one.
        run: tells batches, and whether they are to come in a fixed order.
        environment: tells the columns.
        stack: closes what is opened.

    Raises:
        SettingsError: the run is to be deterministic, and draws from two tables.
    """
    settings = run.settings
    rows = [
        stack.enter_context(RowWriter(client, name, give_up_after_s=settings.patience))
        for name in (table, fresh)
        if name is not None
    ]
    writer = _step_writer(BothRows(*rows), settings)
    columns = drawn_columns(environment.observation_space)
    # Stacked frames repeat each other; single ones are not worth the indices.
    layout: Layout = "indexed" if run.config.frame_stack > 1 else "stacked"
    if settings.deterministic:
        if fresh is not None:
            raise SettingsError("--deterministic draws from one table: fresh_share must be 0")
        ordered = stack.enter_context(
            OrderedReplay(
                writer,
                client,
                table,
                run.config.batch_size,
                columns=columns,
                layout=layout,
                timeout_s=settings.patience,
            )
        )
        return RunReplay(ordered, ordered.open, ordered)

    def open_batches(beta: Callable[[], float]) -> BatchSource:
        if fresh is not None:
            return FreshDraws(
                client,
                table,
                fresh,
                run.config.fresh_share,
                run.config.batch_size,
                beta=beta,
                columns=columns,
                layout=layout,
                timeout_s=settings.patience,
            )
        batches = batches_at_once(run.config)
        return stack.enter_context(
            Prefetcher(
                client,
                table,
                run.config.batch_size,
                depth=2 * batches,
                batches=batches,
                beta=beta,
                columns=columns,
                layout=layout,
                timeout_s=settings.patience,
            )
        )

    return RunReplay(writer, open_batches)


def batches_at_once(config: ReplayConfig) -> int:
    """Return how many batches a run draws in one request; the next are drawn while they are used.

    Horgan et al. (2018, appendix) kept 16 ahead. Where steps go after so many draws it is one:
    what is drawn ahead and never used is lost.
    """
    return 1 if config.max_times_sampled else config.batches_per_request


def _step_writer(rows: RowSink, settings: TrainSettings) -> StepWriter:
    """Return a writer of one environment's steps, or of several, which never reset themselves."""
    if settings.environments == 1 and not settings.environment_processes:
        return StepWriter(rows)
    return StepWriter(rows, settings.environments, autoreset=Autoreset.DISABLED)
