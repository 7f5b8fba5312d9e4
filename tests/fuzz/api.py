"""`python -m tests.fuzz.api SECONDS`: schemathesis against the OpenAPI document of a real server.

It makes requests of what the document says, and holds every answer against it.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.server_process import ServerProcess

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method"),
)


def main() -> int:
    """Return schemathesis' own exit code; 2 where the server has not survived it."""
    server = ServerProcess("--port=0", "--memory-limit-bytes=100000000", "--log-level=warning")
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    options = [f"--max-time={sys.argv[1]}", "--continue-on-failure", f"--checks={','.join(CHECKS)}"]
    told = ["--request-timeout=30", "--suppress-health-check=all", "--no-color"]
    run = [str(program), "run", f"{server.url}/openapi.json", *options, *told]
    code = subprocess.run(run, check=False).returncode
    return code if server.stop() == 0 else 2


if __name__ == "__main__":
    sys.exit(main())
