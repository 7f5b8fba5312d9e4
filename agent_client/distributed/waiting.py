"""What an actor does before there is anything to act for: it waits, and says what for."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from agent_client.distributed.weights import RunNews, decode_weights
from agent_client.distributed.weights_feed import WeightsFeed
from agent_client.errors import (
    ServerUnavailableError,
    ServerUnreachableError,
    UnknownTableError,
)
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import NoRunError

__all__ = ["JoinedRun", "wait_for_run"]

_LOOK_INTERVAL_S: Final = 0.1
_ASK_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class JoinedRun:
    """A run that is under way.

    Attributes:
        news: what its learner says of it.
        weights: the newest, by name.
        version: of these.
    """

    news: RunNews
    weights: Mapping[str, Tensor]
    version: int


def wait_for_run(
    client: ReplayClient,
    feed: WeightsFeed,
    run: str,
    *,
    patience_s: float,
    known: JoinedRun | None,
    is_stopped: Callable[[], bool],
    say: Callable[[str], None],
) -> JoinedRun | None:
    """Return a run once its table stands and its learner has published weights.

    Neither need be there, and the server neither.

    Args:
        client: of the server.
        feed: of the run's weights.
        run: its name.
        patience_s: how long.
        known: a run that the caller has taken part in. Where it is over the wait is, too; without
            it the next run by that name is waited for.
        is_stopped: asked often; where it is true, the wait is over.
        say: told, in a few words, what is waited for, whenever that changes.

    Returns:
        The run; one that is over where there was no other in time; None where `is_stopped`.

    Raises:
        NoRunError: there was none in time.
        ForeignWeightsError: what stands under the name are not weights of a run.
        ReplayClientError: the server refuses for good.
    """
    began_at = time.monotonic()
    asked_at = began_at - _ASK_INTERVAL_S
    joined = known
    missing = said = ""
    while not is_stopped():
        stored = feed.take()
        if stored is not None:
            joined = JoinedRun(*decode_weights(run, stored.content), stored.version)
        if time.monotonic() - asked_at >= _ASK_INTERVAL_S:
            missing = _missing(client.without_retries(_ASK_INTERVAL_S), run)
            asked_at = time.monotonic()
        is_over = joined is not None and joined.news.is_over
        if joined is not None and not is_over and not missing:
            return joined
        if is_over and known is not None:
            return joined
        reason = missing or ("the last run is over" if is_over else "no weights are published")
        if reason != said:
            say(f"waiting for the learner of {run!r}: {reason}")
            said = reason
        if time.monotonic() - began_at > patience_s:
            if is_over:
                return joined
            raise NoRunError(run, patience_s, reason)
        time.sleep(_LOOK_INTERVAL_S)
    return None


def _missing(client: ReplayClient, run: str) -> str:
    """Return what there is not, or "" where the table stands."""
    try:
        client.describe_table(run)
    except UnknownTableError:
        return f"there is no table {run!r}"
    except (ServerUnreachableError, ServerUnavailableError) as error:
        return f"{error}"
    return ""
