"""``agent-client act`` and ``agent-client learn``: many that act, one that learns, one server."""

from typing import Any

import click
from rich.console import Console

from agent_client.command_line.options import (
    CONTEXT_SETTINGS,
    config_option,
    settings_from,
    settings_options,
)
from agent_client.command_line.run_request import report, run_asked_for, run_options
from agent_client.distributed.settings import ActSettings
from agent_client.runs.settings import LearnSettings


@click.command(context_settings=CONTEXT_SETTINGS)
@settings_options(ActSettings)
@config_option
@click.pass_context
def act(context: click.Context, /, **options: Any) -> int:
    """Act for a learner: its weights come from the server, steps go there. Ends with the run.

    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    settings = settings_from(ActSettings, context, options)

    # Imported here: PyTorch takes seconds to load, and bad usage need not wait for that.
    from agent_client.distributed.actor_run import act as carry_out

    click.echo(carry_out(settings, console=Console()).summary())
    return 0


@click.command(context_settings=CONTEXT_SETTINGS)
@run_options(LearnSettings, without=("deterministic", "environments", "environment_processes"))
@click.pass_context
def learn(context: click.Context, /, **options: Any) -> int:
    """Learn from what actors insert, and publish weights for them.

    Each option is also AGENT_CLIENT_<OPTION> in the environment and a key of --config's file.
    """
    request = run_asked_for(LearnSettings, context, options)
    if request is None:
        return 0

    from agent_client.distributed.learner_run import learn as carry_out

    console = Console()
    result = carry_out(request.run, request.folder, resume=request.resume, console=console)
    return report(request, result, console)
