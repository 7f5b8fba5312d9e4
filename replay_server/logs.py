"""Where log records go and how they look: stderr, as text or as JSON, one line each."""

from __future__ import annotations

import logging
import sys
from typing import Final

from pythonjsonlogger.json import JsonFormatter

__all__ = ["LOG_FORMATS", "LOG_LEVELS", "configure_logging"]

LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS: Final = ("text", "json")


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
    if level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its info is chatter
    logging.getLogger("numba").setLevel(logging.WARNING)  # debug records by the thousand
