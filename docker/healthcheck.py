"""Exit 0 if the replay server in this container takes requests, else 1.

It finds the server by the settings that the container's environment gives it. It runs every few
seconds, so it imports little: importing `http.client` costs more than twice as much processor time
as all of this.
"""

import os
import socket
import sys

_TIMEOUT_S = 2.0
_REQUEST = b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n"


def main() -> None:
    """Ask for /readyz and look at the status."""
    port = int(os.environ.get("REPLAY_SERVER_PORT", "8000"))
    try:
        with _connect(port) as connection:
            connection.sendall(_REQUEST)
            protocol, _, status = connection.recv(1024).partition(b" ")
    except OSError as error:
        sys.exit(f"no answer on port {port}: {error}")
    if not (protocol.startswith(b"HTTP/") and status.startswith(b"200 ")):
        sys.exit(f"not ready: {status.decode(errors='replace')}")


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
    if os.environ.get("REPLAY_SERVER_TLS_CERT"):
        import ssl

        # Whether it is ready is the question here, not who it is.
        return ssl._create_unverified_context().wrap_socket(connection)
    return connection


if __name__ == "__main__":
    main()
