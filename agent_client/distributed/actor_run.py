"""An actor from its settings to its end: ``agent-client act`` without its shell."""

from contextlib import ExitStack
from typing import Final

import torch
from rich.console import Console

from agent_client.distributed.acting_loop import ActingEnd
from agent_client.distributed.actor_part import ActorPart
from agent_client.distributed.actor_record import ActorRecord
from agent_client.distributed.displays import ActorDisplay
from agent_client.distributed.settings import ActSettings
from agent_client.distributed.weights_feed import WeightsFeed
from agent_client.runs.interrupts import stop_on_signals
from agent_client.runs.parts import connect

_FINAL: Final = (ActingEnd.OUT_OF_STEPS, ActingEnd.RUN_IS_OVER, ActingEnd.STOPPED)


def act(settings: ActSettings, *, console: Console) -> ActorRecord:
    """Act until the run is over, the steps are done, or a signal comes.

    Args:
        settings: of the actor.
        console: where progress is shown.

    Raises:
        NoRunError: no run could be joined in time.
        UnsuitableEnvironmentError, UnsuitableTableError, ForeignWeightsError, SettingsError: the
            learner is at something else.
        ReplayClientError: the server refused, or stayed away for too long.
    """
    # Matrices this small are done before a second thread has woken up.
    torch.set_num_threads(1)
    record = ActorRecord(settings.run)
    with ExitStack() as stack:
        client = stack.enter_context(connect(settings.server, settings.token_file, settings.tls_ca))
        feed = stack.enter_context(WeightsFeed(client, record.run))
        display = stack.enter_context(ActorDisplay(console))
        stack.enter_context(stop_on_signals(record))
        part = ActorPart(settings, client, feed, display, record)
        while part.join():
            record.end = part.play()
            if record.end in _FINAL:
                break
    return record
