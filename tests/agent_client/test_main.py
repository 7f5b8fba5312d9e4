"""`agent-client` where the extra `agent` is not installed."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from agent_client.__main__ import main
sys.exit(main({arguments!r}))
"""


@pytest.mark.parametrize("missing", ["rich", "gymnasium", "torch"])
def test_a_missing_extra_is_told_in_one_sentence(missing: str):
    program = WITHOUT.format(missing=missing, arguments=["train", "--env", "CartPole-v1"])

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "agent-client: agent-client needs packages that are not installed: "
        "pip install 'replay-server[agent]'"
    ]


def test_a_module_that_no_extra_brings_is_a_fault_and_not_explained_away():
    program = WITHOUT.format(missing="agent_client.command_line.tune", arguments=[])

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert "ModuleNotFoundError" in done.stderr
