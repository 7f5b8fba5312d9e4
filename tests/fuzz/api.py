"""`python -m tests.fuzz.api SECONDS`: schemathesis against the OpenAPI document of a real server.

It makes requests of what the document says, in JSON and in MessagePack, and holds every answer
against it. The tables of the document's examples stand from the beginning, in memory; checkpoints
are in a directory that is removed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from replay_server.api.examples import EXAMPLES
from replay_wire.endpoints import MediaType
from replay_wire.messages import InsertRequest
from replay_wire.specs import TableSpec
from tests.server_process import ServerProcess

CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method"),
)
NAMES: Final = ("transitions", "other")
_MEMORY_BYTES: Final = 20_000_000


def main() -> int:
    """Return schemathesis' own exit code; 2 where the server has not survived it."""
    with tempfile.TemporaryDirectory() as directory:
        server = ServerProcess(
            *("--port=0", f"--memory-limit-bytes={_MEMORY_BYTES}", "--log-level=warning"),
            *(f"--data-dir={directory}", "--durability=memory"),
        )
        for name in NAMES:
            _put_example(f"{server.url}/v1/tables/{name}")
        program = Path(sysconfig.get_path("scripts")) / "schemathesis"
        options = [f"--max-time={sys.argv[1]}", "--continue-on-failure"]
        told = ["--request-timeout=30", "--suppress-health-check=all", "--no-color"]
        run = [str(program), "run", f"{server.url}/openapi.json", f"--checks={','.join(CHECKS)}"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.api_forms"}
        code = subprocess.run([*run, *options, *told], check=False, env=environment).returncode
        return code if server.stop() == 0 else 2


def _put_example(url: str) -> None:
    """Make the table of the examples, and insert their rows."""
    kinds = (("PUT", "", TableSpec), ("POST", "/insert", InsertRequest))
    for method, verb, kind in kinds:
        body = json.dumps(EXAMPLES[kind]).encode()
        headers = {"content-type": MediaType.JSON.value}
        request = urllib.request.Request(url + verb, body, headers, method=method)
        urllib.request.urlopen(request).close()


if __name__ == "__main__":
    sys.exit(main())
