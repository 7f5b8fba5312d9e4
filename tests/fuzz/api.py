"""`python -m tests.fuzz.api SECONDS`: schemathesis against the OpenAPI document of a real server.

It makes requests of what the document says, in JSON and in MessagePack, and holds every answer
against it. Tables are in memory, checkpoints in a directory that is removed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from tests.server_process import ServerProcess

CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method"),
)
_MEMORY_BYTES: Final = 20_000_000


def main() -> int:
    """Return schemathesis' own exit code; 2 where the server has not survived it."""
    with tempfile.TemporaryDirectory() as directory:
        server = ServerProcess(
            *("--port=0", f"--memory-limit-bytes={_MEMORY_BYTES}", "--log-level=warning"),
            *(f"--data-dir={directory}", "--durability=memory"),
        )
        program = Path(sysconfig.get_path("scripts")) / "schemathesis"
        options = [f"--max-time={sys.argv[1]}", "--continue-on-failure"]
        told = ["--request-timeout=30", "--suppress-health-check=all", "--no-color"]
        run = [str(program), "run", f"{server.url}/openapi.json", f"--checks={','.join(CHECKS)}"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.api_forms"}
        code = subprocess.run([*run, *options, *told], check=False, env=environment).returncode
        return code if server.stop() == 0 else 2


if __name__ == "__main__":
    sys.exit(main())
