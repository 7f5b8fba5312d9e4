"""`python -m tests.twin`: run programs beside the twin and tell, as Markdown, what was hit."""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from tests.contract.peer import Peer
from tests.server_process import ServerProcess
from tests.twin.checks import DisagreementError, check
from tests.twin.ends import End, MirroredEnd, SocketEnd
from tests.twin.record import markdown, missing

MOST_WRITERS = 3  # so that the longest silent of four are forgotten
ANY_WRITERS = 1 << 30


def main() -> int:
    """Return 0 where the server agrees with the twin and everything wanted was hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--requests", type=int, default=40, help="of a program")
    parser.add_argument("--socket", action="store_true", help="through a server's socket")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.programs)
    began = time.monotonic()
    try:
        if options.socket:
            server = ServerProcess("--port=0")
            numbers = itertools.count()
            peer = Peer(server.url)

            def make() -> End:
                return SocketEnd(peer, f"p{next(numbers)}-")

            try:
                hits = check(seeds, options.requests, make, ANY_WRITERS)
            finally:
                peer.close()
                server.stop()
        else:
            hits = check(seeds, options.requests, lambda: MirroredEnd(MOST_WRITERS), MOST_WRITERS)
    except DisagreementError as error:
        cause = error.__cause__
        sys.stdout.write(f"{error}\n{type(cause).__name__}: {cause}\n")
        return 1
    sys.stdout.write(f"{markdown(hits)}\n\n{time.monotonic() - began:.0f} s\n")
    rare = missing(hits)
    if rare:
        sys.stdout.write("never hit: " + "; ".join(rare) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
