"""The way to a server: sockets, connections, an httpx transport over them, and calls through it.

From below: `stream_socket`, `response_head`, `connection`, `connection_pool`, `replay_transport`
(which any httpx.Client can use); then `replies`, `retries` and `channel`, which speak the protocol.
`timeouts` and `patience` hold the limits of both.
"""

from agent_client.transport.replay_transport import (
    BODY_EXTENSION,
    DEADLINE_EXTENSION,
    REPEATABLE_EXTENSION,
    BufferStream,
    ReplayTransport,
)

__all__ = [
    "BODY_EXTENSION",
    "DEADLINE_EXTENSION",
    "REPEATABLE_EXTENSION",
    "BufferStream",
    "ReplayTransport",
]
