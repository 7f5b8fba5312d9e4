"""What importing the client brings along."""

import subprocess
import sys

import agent_client


def test_importing_the_client_loads_neither_torch_nor_the_server() -> None:
    program = (
        "import sys, agent_client\n"
        "print(*sorted({'torch', 'fastapi', 'uvicorn', 'replay_server'} & set(sys.modules)))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout

    assert loaded.strip() == ""


def test_exports_are_sorted_and_exist() -> None:
    assert agent_client.__all__ == sorted(agent_client.__all__)
    assert all(hasattr(agent_client, name) for name in agent_client.__all__)
