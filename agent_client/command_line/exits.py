"""How a command ends: its exit code, and a sentence on standard error where it is not 0."""

from typing import Final

import click

BAD_USAGE: Final = 2
FAILED: Final = 1
INTERRUPTED: Final = 130


def complain(sentence: str) -> None:
    """Write why a command ends as it does."""
    click.echo(f"agent-client: {sentence}", err=True)
