"""HTTPS: what is served, to whom, and what a plain knock does."""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay_server.settings import ServerSettings
from replay_server.tls import TlsFilesError, reload_certificate, server_context
from tests.certificates import Certificate
from tests.server_process import ServerProcess

PATIENCE_S = 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def port(certificate: Certificate) -> Iterator[int]:
    server = ServerProcess(
        "--port=0", f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}"
    )
    prefix = "https://127.0.0.1:"
    assert server.url.startswith(prefix)
    yield int(server.url.removeprefix(prefix))
    assert server.stop() == 0


def health(port: int, context: ssl.SSLContext, host: str = "127.0.0.1") -> int:
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.authority)


def test_it_is_served_to_who_trusts_its_authority(port: int, certificate: Certificate):
    assert health(port, trusting(certificate)) == 200


def test_who_does_not_know_the_authority_is_warned(port: int):
    with pytest.raises(ssl.SSLCertVerificationError):
        health(port, ssl.create_default_context())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_from_1_2_on_are_spoken(
    port: int, certificate: Certificate, version: ssl.TLSVersion
):
    context = trusting(certificate)
    context.minimum_version = context.maximum_version = version

    assert health(port, context) == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_versions_are_refused_by_the_server(certificate: Certificate):
    client = trusting(certificate)
    client.set_ciphers("ALL:@SECLEVEL=0")  # this client would
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    server = server_context(certificate.chain, certificate.key)
    server.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the version alone that is too low

    with pytest.raises(ssl.SSLError) as refused:
        shake_hands(server, client)
    assert refused.value.reason == "UNSUPPORTED_PROTOCOL"

    server.minimum_version = ssl.TLSVersion.TLSv1
    shake_hands(server, client)


@pytest.mark.parametrize(
    "knock",
    [b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00", b"\x00" * 100_000, b""],
    ids=["http", "half_a_hello", "zeros", "nothing"],
)
def test_a_knock_that_is_no_tls_does_no_harm(port: int, certificate: Certificate, knock: bytes):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
        try:
            plain.sendall(knock)
            plain.shutdown(socket.SHUT_WR)
            assert b"200" not in plain.recv(4096)
        except ConnectionError:
            pass

    assert health(port, trusting(certificate)) == 200


def test_a_certificate_that_is_read_again_is_presented(tmp_path: Path):
    first, second = Certificate(tmp_path, "first"), Certificate(tmp_path, "second")
    context = server_context(first.chain, first.key)
    assert presented(context, first)
    assert not presented(context, second)

    reload_certificate(context, second.chain, second.key)

    assert presented(context, second)


def test_half_of_a_pair_does_not_get_in(tmp_path: Path):
    first, second = Certificate(tmp_path, "first"), Certificate(tmp_path, "second")
    context = server_context(first.chain, first.key)

    with pytest.raises(TlsFilesError, match="not that of the certificate"):
        reload_certificate(context, second.chain, first.key)

    assert presented(context, first)


def test_a_key_under_a_passphrase_is_refused_and_nobody_asked(tmp_path: Path):
    from cryptography.hazmat.primitives import serialization

    certificate = Certificate(tmp_path)
    key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
    certificate.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )

    with pytest.raises(TlsFilesError, match="passphrase"):
        server_context(certificate.chain, certificate.key)


def presented(context: ssl.SSLContext, certificate: Certificate) -> bool:
    """Whether a context shows a certificate of the authority that vouches for `certificate`."""
    try:
        shake_hands(context, trusting(certificate))
    except ssl.SSLCertVerificationError:
        return False
    return True


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Shake hands in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in ends[:]:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)


# -- handshakes that never end ---------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def hurried(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[ServerProcess]:
    """A server that lets a handshake take a second."""
    server = ServerProcess(
        "--port=0",
        f"--tls-cert={certificate.chain}",
        f"--tls-key={certificate.key}",
        "--request-timeout=1",
        fast=request.param,
    )
    yield server
    assert server.stop() == 0


def open_files(server: ServerProcess) -> int:
    return len([*Path(f"/proc/{server.pid}/fd").iterdir()])


def knock(server: ServerProcess, count: int) -> list[socket.socket]:
    """Connect, and never say a word of TLS."""
    port = int(server.url.rpartition(":")[2])
    return [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) for _ in range(count)]


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_handshake_that_does_not_end_is_broken_off(hurried: ServerProcess):
    began = time.monotonic()
    silent, garbled = knock(hurried, 2)
    garbled.sendall(b"\x16\x03\x01")

    with silent, garbled:
        assert is_closed(silent)
        assert is_closed(garbled)
    assert time.monotonic() - began < PATIENCE_S / 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a system that tells no open files")
def test_thousands_of_handshakes_keep_nobody_out(hurried: ServerProcess, certificate: Certificate):
    before = open_files(hurried)
    most_handshakes = ServerSettings().limits.max_handshakes
    kept: list[socket.socket] = []
    found = []
    try:
        for _ in range(10):
            kept += knock(hurried, 200)
            port = int(hurried.url.rpartition(":")[2])
            assert health(port, trusting(certificate)) == 200
            found.append(open_files(hurried))
        assert max(found) < before + most_handshakes + 100  # what is being closed takes a moment
        assert all(is_closed(one) for one in kept)
    finally:
        for one in kept:
            one.close()
    deadline = time.monotonic() + PATIENCE_S
    while open_files(hurried) > before + 3 and time.monotonic() < deadline:
        assert health(port, trusting(certificate)) == 200
    assert open_files(hurried) <= before + 3  # those of the last question, at most
