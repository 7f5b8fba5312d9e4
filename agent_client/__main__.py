"""The command ``agent-client``: `agent_client.command_line.program`, where its libraries are there.

Without the extra ``agent`` the distribution is a server and a client library, and this command can
only say what is missing.
"""

import sys
from collections.abc import Sequence
from typing import Final

from agent_client.command_line.exits import FAILED, complain
from agent_client.run_errors import MissingExtraError

EXTRA: Final = "agent"
_BROUGHT_BY_IT: Final = {
    "gymnasium", "matplotlib", "PIL", "rich", "safetensors", "tensorboard", "tomli_w", "torch",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: without the program's name; those of the process by default.
    """
    try:
        from agent_client.command_line import program

        return program.main(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _BROUGHT_BY_IT:
            raise
        complain(str(MissingExtraError("agent-client", EXTRA)))
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
