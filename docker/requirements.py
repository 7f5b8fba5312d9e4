"""Print what pyproject.toml depends on, as pip reads it.

    python requirements.py [EXTRA ...] [--without NAME ...]

The images are built from this, so that the dependencies stand in pyproject.toml alone. A name
after --without must be one of them, so that no such list outlives what it is about.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path


def main() -> None:
    """Print one requirement a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("extras", nargs="*", metavar="EXTRA")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME")
    options = parser.parse_args()
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"]]
    for extra in options.extras:
        requirements += project["optional-dependencies"][extra]
    unknown = set(options.without) - {name_of(requirement) for requirement in requirements}
    if unknown:
        sys.exit(f"requirements.py: pyproject.toml doesn't ask for {', '.join(sorted(unknown))}")
    for requirement in requirements:
        if name_of(requirement) not in options.without:
            print(requirement)  # noqa: T201 - this is what it is for


def name_of(requirement: str) -> str:
    """Return the name that a requirement such as "numpy>=2.0" starts with."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


if __name__ == "__main__":
    main()
