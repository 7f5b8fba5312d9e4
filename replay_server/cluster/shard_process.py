"""A replay server that ends at once when the process that started it does.

`python -m replay_server.cluster.shard_process OPTIONS` is `replay-server serve OPTIONS`, but that
the end of its standard input, which only the end of its parent brings, kills it. A shard thus never
outlives its actor, and the next one finds the data directory free.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from replay_server.__main__ import main

__all__: list[str] = []


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(["serve", *sys.argv[1:]])
