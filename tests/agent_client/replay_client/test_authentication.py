"""Tokens and TLS from the client's side: where they come from, where they go, what is refused."""

import ssl
from pathlib import Path

import httpx
import numpy as np
import pytest

from agent_client import ReplayClient
from agent_client.errors import ForbiddenError, ServerUnreachableError, UnauthenticatedError
from tests.agent_client.scripted_server import ScriptedServer, answer_all, replay_response
from tests.certificates import Certificate
from tests.guarded_server import GuardedServer, TokenFile

INFO = replay_response({"tables": []})


def borne(token: str | None = None) -> str | None:
    """The header that a request of a client bears."""
    with (
        ScriptedServer([answer_all(INFO)]) as server,
        ReplayClient(server.url, token=token) as client,
    ):
        client.list_tables()
    return server.requests[0].headers.get("authorization")


def test_a_token_comes_from_the_environment_unless_it_is_given(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REPLAY_TOKEN", raising=False)
    assert borne() is None

    monkeypatch.setenv("REPLAY_TOKEN", "of-the-environment")
    assert borne() == "Bearer of-the-environment"
    assert borne("given") == "Bearer given"


def test_a_client_of_httpx_keeps_its_own_credentials(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REPLAY_TOKEN", "of-the-environment")
    with (
        ScriptedServer([answer_all(INFO)]) as server,
        httpx.Client(base_url=server.url, headers={"authorization": "Bearer its-own"}) as http,
        ReplayClient(http) as client,
    ):
        client.list_tables()

    assert server.requests[0].headers["authorization"] == "Bearer its-own"


@pytest.mark.parametrize("token", ["", "two words", "a\r\nHost: x", "ä"])
def test_what_is_no_token_is_refused_and_not_told(token: str):
    with pytest.raises(ValueError, match="token") as raised:
        ReplayClient("http://127.0.0.1:1", token=token)

    assert not token or token not in str(raised.value)


def test_refusals_are_errors_of_their_own_and_change_nothing(
    guarded: GuardedServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("REPLAY_TOKEN", raising=False)
    tokens = guarded.file.tokens
    with ReplayClient(guarded.url) as nobody, pytest.raises(UnauthenticatedError):
        nobody.list_tables()
    with (
        ReplayClient(guarded.url, token=tokens["actor"]) as actor,
        pytest.raises(ForbiddenError) as forbidden,
    ):
        actor.create_table("mine", {"capacity": 3})

    assert forbidden.value.facts["role"] == "actor"
    assert forbidden.value.facts["needed"] == ["admin"]
    with ReplayClient(guarded.url, token=tokens["viewer"]) as viewer:
        assert "mine" not in [document["name"] for document in viewer.list_tables()]


def test_each_role_does_its_part(guarded: GuardedServer):
    clients = {role: ReplayClient(guarded.url, token=t) for role, t in guarded.file.tokens.items()}
    rows = {"x": np.arange(4, dtype=np.float32)}
    try:
        clients["admin"].create_table("parts", {"capacity": 10})
        assert len(clients["actor"].insert("parts", rows).keys) == 4
        keys = clients["learner"].sample("parts", 2).keys
        assert clients["learner"].update_priorities("parts", keys, [1.0, 2.0]).updated == 2
        assert clients["viewer"].describe_table("parts")["stats"]["size"] == 4
        clients["admin"].delete_table("parts")
    finally:
        for client in clients.values():
            client.close()


def test_https_is_trusted_by_the_authority_that_is_named(tmp_path: Path):
    certificate = Certificate(tmp_path)
    file = TokenFile(tmp_path / "tokens")
    server = GuardedServer(file, f"--tls-cert={certificate.chain}", f"--tls-key={certificate.key}")
    token = file.tokens["viewer"]
    try:
        with ReplayClient(server.url, token=token, tls_ca=certificate.authority) as client:
            assert client.list_tables() == []
        with (
            ReplayClient(server.url, token=token).without_retries() as stranger,
            pytest.raises(ServerUnreachableError, match=r"(?i)certificate"),
        ):
            stranger.list_tables()
        context = ssl.create_default_context(cafile=certificate.authority)
        with ReplayClient(server.url, token=token, ssl_context=context) as client:
            assert client.list_tables() == []
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["no-such-file", __file__])
def test_a_file_without_authorities_is_refused(name: str):
    with pytest.raises(ValueError, match="tls_ca"):
        ReplayClient("https://127.0.0.1:1", tls_ca=name)
