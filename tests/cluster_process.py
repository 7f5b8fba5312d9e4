"""A cluster for tests: shards in processes of their own, and a gateway on a thread."""

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from replay_server.cluster import Shard, ShardDirectory, create_gateway_app
from replay_server.tls import client_context
from tests.certificates import Certificate
from tests.server_process import ServerProcess


class GatewayThread:
    """A gateway that serves once this object exists.

    Attributes:
        url: where it serves.
    """

    def __init__(
        self,
        directory: ShardDirectory,
        token: str | None = None,
        certificate: Certificate | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        listener = socket.create_server(address)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://{address[0]}:{listener.getsockname()[1]}"
        trust = None if certificate is None else client_context(certificate.authority)
        config = uvicorn.Config(
            create_gateway_app(directory, token=token, ssl_context=trust),
            log_config=None,
            access_log=False,
            ssl_certfile=None if certificate is None else certificate.chain,
            ssl_keyfile=None if certificate is None else certificate.key,
            timeout_keep_alive=75,  # as a replay server's: tests may rest for a while
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


_GATEWAY = """
import json, socket, sys
import uvicorn
from replay_server.cluster import Shard, ShardDirectory, create_gateway_app
host, port, shards = json.loads(sys.argv[1])
app = create_gateway_app(ShardDirectory(Shard(number, url) for number, url in shards))
listener = socket.create_server((host, port))
print("ready", listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run([listener])
"""


class GatewayProcess:
    """A gateway in a process of its own, which can be killed.

    Attributes:
        port: where it listens.
    """

    def __init__(self, directory: ShardDirectory, host: str, port: int = 0) -> None:
        shards = [(shard.number, shard.url) for shard in directory.current()]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _GATEWAY, json.dumps([host, port, shards])],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().split()[1])

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class ClusterUnderTest:
    """Shards and a gateway.

    Attributes:
        directory: of the shards; a test changes it.
        processes: the shards' by number.
        gateway: the gateway.
    """

    def __init__(
        self,
        shards: int,
        *,
        data: Path | None = None,
        options: tuple[str, ...] = (),
        token: str | None = None,
        certificate: Certificate | None = None,
    ):
        self._data, self._options = data, options
        if certificate is not None:
            files = f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}"
            self._options = (*options, *files)
        with ThreadPoolExecutor(shards) as threads:
            made = list(threads.map(self._start, range(shards)))
        self.processes = dict(enumerate(made))
        self.directory = ShardDirectory(
            Shard(number, process.url) for number, process in self.processes.items()
        )
        self.gateway = GatewayThread(self.directory, token, certificate)

    @property
    def url(self) -> str:
        return self.gateway.url

    def kill(self, number: int) -> None:
        """End a shard at once; the directory does not know."""
        self.processes[number].kill()

    def restart(self, number: int) -> None:
        """Start a shard on its data, at another address, and tell the directory."""
        self.processes[number] = self._start(number)
        self.tell(Shard(number, self.processes[number].url))

    def grow(self) -> int:
        """Add an empty shard; return its number."""
        number = max(self.processes) + 1
        self.processes[number] = self._start(number)
        self.tell(Shard(number, self.processes[number].url))
        return number

    def tell(self, shard: Shard) -> None:
        """Let the directory have a shard like this."""
        others = [s for s in self.directory.current() if s.number != shard.number]
        self.directory.replace([*others, shard])

    def drain(self, number: int) -> None:
        """Let a shard take no inserts any more."""
        self.tell(replace(self.directory.current()[number], state="draining"))

    def _start(self, number: int) -> ServerProcess:
        place = () if self._data is None else (f"--data-dir={self._data / str(number)}",)
        return ServerProcess("--port=0", *place, *self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.gateway.stop()
        for process in self.processes.values():
            process.kill()
