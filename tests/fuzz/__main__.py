"""`python -m tests.fuzz TARGET FOLDER [libFuzzer's options]`: coverage-guided fuzzing.

TARGET is `decoders`, `server` or `crowd`. FOLDER gets the inputs that reached something new. It
starts from the valid ones and the corpus. Ends at the first input of which something does not hold,
and leaves it in FOLDER's parent.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import atheris

# Numba compiles functions of these, which it can't once they count branches.
COMPILED = (
    *("draws", "episodes", "min_tree", "order_tree", "row_index", "samplers", "sequential_draws"),
    *("sum_tree", "windows"),
)

with atheris.instrument_imports(
    include=["replay_server", "replay_wire"],
    exclude=[f"replay_server.memory.{name}" for name in COMPILED],
):
    from tests.fuzz.corpus import corpus
    from tests.fuzz.mutator import Mutator
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    seeds = corpus(name)
    for place, seed in enumerate(seeds):
        (folder / f"seed-{place:04}").write_bytes(seed)
    target = TARGETS[name].make()
    mutator = Mutator(seeds)

    def feed(data: bytes) -> None:
        try:
            target.feed(data)
        except BaseException:
            print("input:", base64.b64encode(data).decode(), file=sys.stderr)  # noqa: T201
            raise

    own = [f"-artifact_prefix={folder.parent}/", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *sys.argv[2:], *own], feed, custom_mutator=mutator.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
