"""Where log records go and how they look: stderr, as text or as JSON, one line each."""

from __future__ import annotations

import logging
import sys
from typing import Final

from pythonjsonlogger.json import JsonFormatter

__all__ = ["LOG_FORMATS", "LOG_LEVELS", "configure_logging"]

LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS: Final = ("text", "json")
_ACCESS_ARGUMENTS: Final = 5  # client, method, path with query, HTTP version, status


def configure_logging(level: str, form: str) -> None:
    """Send log records of `level` and above to stderr.

    Args:
        level: one of `LOG_LEVELS`.
        form: one of `LOG_FORMATS`.
    """
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        formatter: logging.Formatter = JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    else:
        formatter = logging.Formatter("{asctime} {levelname:<8} {name}: {message}", style="{")
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").addFilter(_without_query)
    if level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its info is chatter
    logging.getLogger("numba").setLevel(logging.WARNING)  # debug records by the thousand


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query off the path of an access record: people put secrets there."""
    if isinstance(record.args, tuple) and len(record.args) == _ACCESS_ARGUMENTS:
        client, method, path, *rest = record.args
        record.args = (client, method, str(path).partition("?")[0], *rest)
    return True
