"""The wheel and the sdist, built as an index would get them and used where nothing else is."""

import email
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from replay_server import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = {"agent_client", "replay_server", "replay_wire"}
READY = re.compile(r"replay-server ready on (\S+)")
INSERT_AND_DRAW = """
import sys
import numpy as np
from agent_client import ReplayClient

with ReplayClient(sys.argv[1]) as client:
    client.create_table("t", {"capacity": 100})
    client.insert("t", {"x": np.arange(10.0)})
    batch = client.sample("t", 4)
    print(client.update_priorities("t", batch.keys, np.ones(4)).updated)
loaded = {name.partition(".")[0] for name in sys.modules}
print(*loaded & {"torch", "fastapi", "gymnasium", "replay_server"})
"""


@dataclass(frozen=True)
class Distributions:
    wheel: Path
    sdist: Path

    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as wheel:
            (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
            return email.message_from_bytes(wheel.read(name))


@dataclass(frozen=True)
class Environment:
    """A virtual environment in which only one distribution was asked for."""

    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=self.folder, env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def install(self, *what: str) -> None:
        # Where packages come from is the machine's business, so its settings of pip hold.
        done = subprocess.run(
            [str(self.folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *what],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist, and the wheel that is made of it."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install dist/*.whl` in an empty environment, no versions pinned."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    environment = Environment(folder)
    environment.install(str(built.wheel))
    return environment


def test_the_wheel_holds_the_packages_their_types_and_the_page(built: Distributions):
    with zipfile.ZipFile(built.wheel) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]

    assert {name.partition("/")[0] for name in names} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert {"replay_server/page/page.html", "replay_server/page/main.js"} <= set(names)


def test_the_sdist_holds_what_a_packager_needs_to_test_it(built: Distributions):
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"pyproject.toml", "constraints.txt", "LICENSE", "README.md", "Makefile"} <= names
    assert {"tests/conftest.py", "docs/index.md", "examples/tour.py"} <= names
    assert not [name for name in names if name.startswith((".ci", ".venv", "docs/_site", "runs/"))]


def test_the_metadata_is_what_the_project_says(built: Distributions):
    metadata = built.metadata()

    assert metadata["Name"] == "replay-server"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert {"agent", "atari", "export", "tune"} <= set(metadata.get_all("Provides-Extra", []))
    asked = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not [line for line in asked if re.match(r"torch|gymnasium|rich|matplotlib", line)]


def test_nothing_is_missing_and_nothing_contradicts(installed: Environment):
    assert "No broken requirements" in installed.run("python", "-m", "pip", "check").stdout


def test_both_commands_say_who_they_are(installed: Environment):
    server = installed.run("replay-server", "--version")
    agent = installed.run("agent-client", "--help")

    assert server.stdout == f"replay-server, version {__version__}\n"
    assert agent.returncode == 1
    assert agent.stderr.splitlines()[-1].endswith("pip install 'replay-server[agent]'")


def test_it_serves_and_its_client_speaks_to_it(installed: Environment):
    server = subprocess.Popen(
        [str(installed.folder / "bin" / "replay-server"), "serve", "--port", "0"],
        cwd=installed.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        ready = READY.match(server.stdout.readline())
        assert ready is not None
        done = installed.run("python", "-c", INSERT_AND_DRAW, ready[1])
    finally:
        server.terminate()
        server.stdout.read()
        code = server.wait(timeout=30)
        server.stdout.close()

    assert done.stdout.splitlines() == ["4", ""], done.stderr
    assert code == 0


def test_the_sdist_installs_too(built: Distributions, installed: Environment):
    installed.install("--force-reinstall", "--no-deps", str(built.sdist))

    assert installed.run("replay-server", "--version").stdout.endswith(f"{__version__}\n")
