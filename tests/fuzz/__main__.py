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
    name, *options = sys.argv[1:]
    seeds = corpus(name)
    own = ["-max_len=4096"]
    if folders := [Path(option) for option in options if not option.startswith("-")]:
        folders[0].mkdir(parents=True, exist_ok=True)
        for place, seed in enumerate(seeds):
            (folders[0] / f"seed-{place:04}").write_bytes(seed)
        own.append(f"-artifact_prefix={folders[0].parent}/")
    target = TARGETS[name].make()
    mutator = Mutator(seeds)

    def feed(data: bytes) -> None:
        try:
            target.feed(data)
        except BaseException:
            print("input:", base64.b64encode(data).decode(), file=sys.stderr)  # noqa: T201
            raise

    program = f"{sys.executable} -m tests.fuzz {name}"  # libFuzzer calls it for `-merge=1`
    atheris.Setup([program, *options, *own], feed, custom_mutator=mutator.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
