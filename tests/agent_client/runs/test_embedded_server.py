"""A server of the agent's own comes up, goes down, and says why it did not come up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent_client.replay_client import ReplayClient
from agent_client.run_errors import EmbeddedServerError
from agent_client.runs.embedded_server import EmbeddedServer

WAIT_S = 20.0


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process_id}/stat").read_text().split()[2]


def test_ready_line_tells_the_url() -> None:
    command = python(
        "import time; print('starting', flush=True);"
        "print('replay-server ready on http://127.0.0.1:1234', flush=True); time.sleep(60)"
    )

    with EmbeddedServer(command=command) as server:
        assert server.url == "http://127.0.0.1:1234"


def test_options_meant_for_another_server_do_not_reach_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPLAY_SERVER_DATA_DIR", "/somewhere")
    command = python(
        "import os; print('replay-server ready on', 'REPLAY_SERVER_DATA_DIR' in os.environ,"
        "flush=True); input()"
    )

    with EmbeddedServer(command=command) as server:
        assert server.url == "False"


def test_child_that_ends_early_is_reported_with_what_it_wrote() -> None:
    command = python("import sys; sys.stderr.write('no such option: --port'); sys.exit(2)")

    with pytest.raises(EmbeddedServerError) as caught, EmbeddedServer(command=command):
        pass

    assert "exit code 2" in caught.value.reason
    assert caught.value.stderr == "no such option: --port"
    assert "no such option: --port" in str(caught.value)


def test_child_that_never_gets_ready_is_given_up_and_stopped() -> None:
    command = python("import os, sys, time; sys.stderr.write(f'{os.getpid()}\\n'); time.sleep(60)")

    with (
        pytest.raises(EmbeddedServerError) as caught,
        EmbeddedServer(command=command, ready_timeout_s=1.0),
    ):
        pass

    assert "not ready within 1 seconds" in caught.value.reason
    assert not is_running(int(caught.value.stderr))


def test_child_that_ignores_sigterm_is_killed() -> None:
    command = python(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('replay-server ready on http://127.0.0.1:1', flush=True); time.sleep(60)"
    )

    started = time.monotonic()
    with EmbeddedServer(command=command, stop_timeout_s=0.2):
        pass

    assert time.monotonic() - started < WAIT_S


def test_stopping_twice_does_nothing() -> None:
    command = python("print('replay-server ready on http://127.0.0.1:1', flush=True); input()")
    server = EmbeddedServer(command=command)
    with server:
        server.stop()

    server.stop()


@pytest.mark.slow
def test_real_server_serves_and_stops() -> None:
    with EmbeddedServer() as server, ReplayClient(server.url) as client:
        assert client.list_tables() == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_real_server_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        python(
            "from agent_client.runs.embedded_server import EmbeddedServer\n"
            "import time\n"
            "with EmbeddedServer() as server:\n"
            "    print(server._process.pid, flush=True)\n"
            "    time.sleep(600)\n"
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    server_id = int(parent.stdout.readline())
    assert is_running(server_id)

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + WAIT_S
    while is_running(server_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(server_id)
