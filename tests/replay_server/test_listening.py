import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay_server.listening import is_loopback, listen, url_of


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    bound = listen("127.0.0.1", 0, None)
    yield bound
    bound.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.200.0.9", "localhost", "::1"])
def test_loopback(host: str):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "no-such.invalid", "", "2001:db8::1"]
)
def test_what_others_can_reach_or_nobody_is_no_loopback(host: str):
    assert not is_loopback(host)


def test_port_0_takes_a_free_one_that_the_url_tells(listener: socket.socket):
    port = listener.getsockname()[1]

    assert port > 0
    assert url_of(listener, "127.0.0.1", tls=False) == f"http://127.0.0.1:{port}"
    assert url_of(listener, "localhost", tls=True) == f"https://localhost:{port}"
    assert url_of(listener, "::1", tls=False) == f"http://[::1]:{port}"


def test_it_accepts_connections_at_once(listener: socket.socket):
    with socket.create_connection(listener.getsockname(), timeout=10):
        pass


def test_a_port_that_is_taken_is_an_error(listener: socket.socket):
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1], None)


def test_the_url_of_a_socket_file_is_its_path_quoted(tmp_path: Path):
    path = tmp_path / "a b"

    bound = listen("", 0, path)
    url = url_of(bound, "", tls=False)
    bound.close()

    assert url == "http+unix://" + str(path).replace("/", "%2F").replace(" ", "%20")


def test_a_socket_file_of_nobody_is_replaced_and_one_of_somebody_is_not(tmp_path: Path):
    path = tmp_path / "s"
    listen("", 0, path).close()
    again = listen("", 0, path)
    again.listen()

    with pytest.raises(OSError, match="in use"):
        listen("", 0, path)

    again.close()
    assert path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path):
    path = tmp_path / "notes"
    path.write_text("mine")

    with pytest.raises(OSError, match="in use"):
        listen("", 0, path)

    assert path.read_text() == "mine"


def test_a_socket_file_whose_listener_takes_nobody_in_is_somebodys(tmp_path: Path):
    path = tmp_path / "s"
    with contextlib.ExitStack() as stack:
        stubborn = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        stubborn.bind(str(path))
        stubborn.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                one = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                one.setblocking(False)
                one.connect(str(path))

        with pytest.raises(OSError, match="in use"):
            listen("", 0, path)

    assert path.exists()
