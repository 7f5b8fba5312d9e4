"""How far it is, for whoever waits: a bar on a terminal, nothing into a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import click

__all__ = ["Progress", "bar"]

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""What is done and how much of it there is, to a context of a function that tells of some more."""


@contextmanager
def bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr."""
    stream = sys.stderr
    with click.progressbar(
        range(length), label=label, file=stream, show_pos=True, hidden=not stream.isatty()
    ) as shown:
        yield shown.update
