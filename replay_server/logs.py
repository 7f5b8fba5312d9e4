"""Where log records go and how they look: stderr, as text or as JSON, one line each."""

from __future__ import annotations

import logging
import sys
from typing import Final

from pythonjsonlogger.json import JsonFormatter

from replay_server.request_ids import current_request_id

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
        formatter = _TextFormatter("{asctime} {levelname:<8} {name}: {message}", style="{")
    handler.setFormatter(formatter)
    handler.addFilter(_name_request)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its info is chatter
    logging.getLogger("numba").setLevel(logging.WARNING)  # debug records by the thousand


class _TextFormatter(logging.Formatter):
    """A line of text, with the id of the request that it is about at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = super().formatMessage(record)
        request_id = getattr(record, "request_id", None)
        return line if request_id is None else f"{line} [{request_id}]"


def _name_request(record: logging.LogRecord) -> bool:
    """Give a record the id of the request that it is about, if any."""
    request_id = current_request_id.get()
    if request_id is not None:
        record.request_id = request_id.decode()
    return True
