"""The settings of a server, and of commands that ask one: the only list of their options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from replay_server.logs import LOG_FORMATS, LOG_LEVELS
from replay_server.open_files import most_open_files, raise_limit
from replay_wire.json_codec import MAX_JSON_ELEMENTS
from replay_wire.messages import MAX_PARTS, Limits
from replay_wire.sharding.shard_keys import MAX_SHARDS
from replay_wire.specs import MAX_COLUMNS

__all__ = [
    "DURABILITIES",
    "ClientSettings",
    "ClusterSettings",
    "ServerSettings",
    "machine_memory_bytes",
    "raise_file_limit",
]

DURABILITIES: Final = ("memory", "process", "power")

_MAX_CONTROL_BODY: Final = 1 << 20
_MAX_HEADERS: Final = 1 << 16
_MAX_AT_ONCE: Final = 1 << 20  # draws, rows or keys of one request, which nothing interrupts
_MAX_TABLES: Final = 1024
_MAX_PARAMETERS: Final = 1024
_MAX_WAIT_S: Final = 600.0
_MAX_WRITERS: Final = 65_536
_MAX_STREAMS: Final = 65_536
_MAX_AHEAD: Final = 64
_MAX_QUEUE_S: Final = 0.5
_MAX_HANDSHAKES: Final = 256
_HANDSHAKE_S: Final = 10.0
_KEEP_ALIVE_S: Final = 75.0
_SPARE_FILES: Final = 512  # beside connections: the farewells of those refused, tables, logs


def _option(default: Any, help_text: str, kind: Any = None, metavar: str | None = None) -> Any:
    """Return a field that is an option of the command line too; see `replay_server.options`."""
    return field(default=default, metadata={"help": help_text, "kind": kind, "metavar": metavar})


@dataclass(frozen=True)
class ServerSettings:
    """What `replay-server serve` is told.

    A field with a help text is an option, an environment variable and a key of the configuration
    file; `tables` (NAME -> spec, as in PUT /v1/tables/NAME) stands in the file only.
    """

    host: str = _option("127.0.0.1", "Address to listen on.")
    port: int = _option(8000, "TCP port; 0 takes a free one.", range(65536))
    uds: Path | None = _option(None, "Listen on this Unix domain socket instead.", Path)
    data_dir: Path | None = _option(None, "Where tables and checkpoints live.", "folder")
    durability: str | None = _option(
        None, "What it survives.  [default: process with --data-dir, else memory]", DURABILITIES
    )
    restore: str | None = _option(None, "Checkpoint to start from.")
    discard_existing: bool = _option(False, "With --restore: live tables may go.")
    max_body_bytes: int = _option(
        268_435_456, "Largest request, and largest set of columns of an answer.", range(1, 1 << 60)
    )
    max_parameter_bytes: int | None = _option(
        None, "Parameters that a learner may put.  [default: as above]", range(1, 1 << 60)
    )
    memory_limit_bytes: int | None = _option(
        None, "Memory of all tables together.  [default: 80 % of the machine's]", range(1, 1 << 60)
    )
    max_connections: int = _option(4096, "Connections at once.", range(1, 1 << 21))
    max_waiting_requests: int = _option(4096, "Waiting at once.", range(1, 1 << 21))
    request_timeout: int = _option(120, "Seconds to arrive.", range(1, 1 << 21))
    answer_timeout: int = _option(120, "Seconds to be taken.", range(1, 1 << 21))
    tokens: Path | None = _option(None, "Tokens: authentication on.", Path)
    tls_cert: Path | None = _option(None, "PEM file of the certificate chain.", Path)
    tls_key: Path | None = _option(None, "PEM file of its private key.", Path)
    log_level: str = _option("info", "Least severe level that is logged.", LOG_LEVELS)
    log_format: str = _option("text", "For people or for machines.", LOG_FORMATS)
    allow_unauthenticated: bool = _option(False, "Listen beyond this machine without --tokens.")
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def durability_kept(self) -> str:
        """The durability, its default filled in."""
        return self.durability or ("memory" if self.data_dir is None else "process")

    @property
    def limits(self) -> Limits:
        """What requests may ask for."""
        memory = machine_memory_bytes()
        return Limits(
            max_body_bytes=self.max_body_bytes,
            max_control_body_bytes=min(self.max_body_bytes, _MAX_CONTROL_BODY),
            max_json_elements=MAX_JSON_ELEMENTS,
            max_header_bytes=_MAX_HEADERS,
            max_reply_bytes=self.max_body_bytes,
            max_bytes_under_way=max(memory // 10, 3 * self.max_body_bytes),
            max_draws_per_request=_MAX_AT_ONCE,
            max_rows_per_insert=_MAX_AT_ONCE,
            max_keys_per_request=_MAX_AT_ONCE,
            max_scan_rows=_MAX_AT_ONCE,
            max_tables=_MAX_TABLES,
            max_columns=MAX_COLUMNS,
            max_parts=MAX_PARTS,
            max_wait_seconds=_MAX_WAIT_S,
            max_parameters=_MAX_PARAMETERS,
            max_parameter_bytes=min(
                self.max_parameter_bytes or self.max_body_bytes, self.max_body_bytes
            ),
            max_writers_per_table=_MAX_WRITERS,
            max_streams_per_table=_MAX_STREAMS,
            max_connections=min(self.max_connections, _most_connections()),
            max_handshakes=_MAX_HANDSHAKES,
            max_waiting_requests=self.max_waiting_requests,
            max_queue_seconds=_MAX_QUEUE_S,
            max_requests_ahead=_MAX_AHEAD,
            handshake_timeout_seconds=min(_HANDSHAKE_S, float(self.request_timeout)),
            request_timeout_seconds=float(self.request_timeout),
            answer_timeout_seconds=float(self.answer_timeout),
            keep_alive_seconds=_KEEP_ALIVE_S,
            memory_limit_bytes=self.memory_limit_bytes or memory * 4 // 5,
        )


@dataclass(frozen=True)
class ClientSettings:
    """What a command that asks a server is told; each field is an option, as of ServerSettings."""

    server: str = _option(
        "http://127.0.0.1:8000",
        "Server to ask; http+unix://%2Fpath for a socket file.",
        None,
        "URL",
    )
    token_file: Path | None = _option(
        None, "File that holds a token.  [default: the variable REPLAY_TOKEN]", Path
    )
    tls_ca: Path | None = _option(
        None, "PEM file of whom to trust for https.  [default: whom the system trusts]", Path
    )


@dataclass(frozen=True)
class ClusterSettings:
    """What `replay-server cluster` is told; each field is an option, as of `ServerSettings`."""

    shards: int = _option(1, "Replay servers, spread over Ray's nodes.", range(1, MAX_SHARDS + 1))
    address: str | None = _option(
        None, "Ray to run on.  [default: one that runs here, else a new one]", None, "ADDRESS"
    )
    nodes: int = _option(1, "Nodes that Ray must have first, this one included.", range(1, 100001))
    gateways: int = _option(1, "Gateways; number I listens on --port + I.", range(1, 1025))
    host: str | None = _option(
        None, "Address that gateways listen on.  [default: that of their node]"
    )
    port: int = _option(8000, "TCP port of the first gateway; 0: each a free one.", range(65536))
    data_dir: Path | None = _option(
        None, "Folder on every node, with a data directory for each shard there.", "folder"
    )
    durability: str | None = _option(
        None, "What a shard survives.  [default: process with --data-dir]", DURABILITIES
    )
    cpus_per_shard: int = _option(0, "Processors that Ray reserves for each.", range(1025))
    memory_limit_bytes: int | None = _option(
        None, "Memory of all tables of one shard.  [default: see serve]", range(1, 1 << 60)
    )
    tokens: Path | None = _option(None, "File on every node: shards ask for tokens.", Path)
    token_file: Path | None = _option(None, "File that holds an admin's token, with it.", Path)
    tls_cert: Path | None = _option(None, "Certificate chain, PEM, on every node.", Path)
    tls_key: Path | None = _option(None, "Its private key, PEM.", Path)
    tls_ca: Path | None = _option(None, "Authorities that gateways trust of shards, PEM.", Path)
    allow_unauthenticated: bool = _option(False, "Serve others than this machine without --tokens.")
    log_level: str = _option("info", "Least severe level that is logged.", LOG_LEVELS)
    log_format: str = _option("text", "For people or for machines.", LOG_FORMATS)

    @property
    def shard_options(self) -> list[str]:
        """The options of `serve` that every shard gets."""
        options = ["--log-level", self.log_level, "--log-format", self.log_format]
        for name in ("durability", "memory_limit_bytes", "tokens", "tls_cert", "tls_key"):
            value = getattr(self, name)
            if value is not None:
                options += [f"--{name.replace('_', '-')}", str(value)]
        if self.allow_unauthenticated:
            options.append("--allow-unauthenticated")
        return options


def _most_connections() -> int:
    """Return how many connections the system lets this process have, beside its other files."""
    most = most_open_files()
    return max(most - _SPARE_FILES, most // 2)


def raise_file_limit(connections: int) -> None:
    """Let this process have as many files open as the system lets it, or connections need."""
    raise_limit(connections + _SPARE_FILES)


def machine_memory_bytes() -> int:
    """Return the memory that this process may use: the machine's, or its container's where less."""
    limits = [_physical_bytes()]
    for path in (
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ):
        try:
            limits.append(int(Path(path).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(limits)


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 << 30
