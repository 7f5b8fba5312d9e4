"""What an import brings along, seen in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level names of all that importing the modules loads."""
    program = (
        f"import importlib, sys; [importlib.import_module(m) for m in {modules!r}];"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


@pytest.mark.parametrize("module", ["agent_client", "agent_client.replay_client"])
def test_the_client_loads_neither_the_server_nor_fastapi_nor_torch(module):
    loaded = loaded_by(module)

    assert not loaded & {"replay_server", "fastapi", "starlette", "uvicorn", "numba", "torch"}
    assert "agent_client" in loaded


def test_the_client_loads_httpx_without_its_command_line():
    assert not loaded_by("agent_client.replay_client") & {"click", "pygments", "rich"}


def test_the_command_line_of_httpx_is_there_when_it_is_called():
    program = "import agent_client, httpx, sys; sys.argv[1:] = ['--help']; httpx.main()"

    run = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert "HTTPX" in run.stdout


def test_an_httpx_that_is_loaded_already_stays_as_it_is():
    assert {"click", "rich"} <= loaded_by("httpx", "agent_client")


def test_the_server_loads_neither_torch_nor_the_client():
    loaded = loaded_by("replay_server", "replay_server.__main__", "replay_server.api.app")

    assert not loaded & {
        "torch",
        "agent_client",
        "gymnasium",
        "matplotlib",
        "minari",
        "h5py",
        "pyarrow",
    }
    assert {"replay_server", "replay_wire"} <= loaded


def test_the_wire_loads_numpy_and_its_codecs_only():
    loaded = loaded_by(
        "replay_wire.codec", "replay_wire.json_codec", "replay_wire.endpoints", "replay_wire.specs"
    )

    assert not loaded & {
        "replay_server",
        "agent_client",
        "fastapi",
        "starlette",
        "httpx",
        "torch",
        "numba",
    }


def test_the_memory_loads_no_web_and_no_wire():
    loaded = loaded_by("replay_server.memory.table")

    assert not loaded & {"replay_wire", "fastapi", "starlette", "httpx", "msgpack", "msgspec"}


def test_the_import_contracts_hold():
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    run = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout
