"""Tokens and TLS from end to end: clients to the gateway and to the shards, gateway to shards."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from agent_client.errors import ForbiddenError, ServerUnreachableError, UnauthenticatedError
from agent_client.replay_client import ReplayClient
from replay_server.token_file import add_token
from replay_wire.roles import Role
from replay_wire.sharding.shard_keys import MAX_SHARDS
from tests.certificates import Certificate
from tests.cluster_process import ClusterUnderTest

WAYS = pytest.mark.parametrize("direct", [True, False], ids=["direct", "through_the_gateway"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    return Certificate(folder)


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[Role, str]:
    return {role: add_token(folder / "tokens", role.value, role) for role in Role}


@pytest.fixture(scope="module")
def closed(
    folder: Path, certificate: Certificate, tokens: dict[Role, str]
) -> Iterator[ClusterUnderTest]:
    """Two shards and a gateway that speak TLS, and ask for tokens."""
    with ClusterUnderTest(
        2,
        options=(f"--tokens={folder / 'tokens'}",),
        token=tokens[Role.ADMIN],
        certificate=certificate,
    ) as cluster:
        yield cluster


@WAYS
def test_rows_go_in_and_out_over_tls_with_a_token(
    closed: ClusterUnderTest, certificate: Certificate, tokens: dict[Role, str], direct: bool
):
    def client(role: Role) -> ReplayClient:
        return ReplayClient(
            closed.url, token=tokens[role], tls_ca=certificate.authority, direct=direct
        )

    with client(Role.ADMIN) as admin, client(Role.ACTOR) as actor, client(Role.LEARNER) as learner:
        admin.create_table("t", {"capacity": 100})
        keys = [int(actor.insert("t", {"x": np.arange(5)}).keys[0]) for _ in range(4)]
        batch = learner.sample("t", 16)
        assert learner.update_priorities("t", batch.keys, np.ones(16)).updated == 16
        with pytest.raises(ForbiddenError):
            actor.sample("t", 1)
        with pytest.raises(ForbiddenError):
            learner.insert("t", {"x": np.arange(5)})
        with pytest.raises(ForbiddenError):
            learner.delete_table("t")
        admin.delete_table("t")

    assert {key % MAX_SHARDS for key in keys} == {0, 1}
    assert all(shard.url.startswith("https://") for shard in closed.directory.current())


def test_without_a_token_nothing_but_the_page_and_health_is_told(
    closed: ClusterUnderTest, certificate: Certificate
):
    trust = ssl.create_default_context(cafile=certificate.authority)
    with httpx.Client(base_url=closed.url, verify=trust) as stranger:
        for path in ("/v1/info", "/v1/tables", "/v1/activity", "/metrics", "/v1/parameters"):
            answer = stranger.get(path)
            assert (path, answer.status_code) == (path, 401)
            assert answer.json()["code"] == "unauthenticated"
        for path in ("/", "/healthz", "/readyz", "/docs"):
            assert stranger.get(path).status_code == 200
    with (
        ReplayClient(closed.url, token="wrong", tls_ca=certificate.authority) as guess,
        pytest.raises(UnauthenticatedError),
    ):
        guess.sample("t", 1)


def test_whoever_trusts_others_does_not_talk_to_it(closed: ClusterUnderTest, tmp_path: Path):
    other = Certificate(tmp_path)
    with (
        ReplayClient(closed.url, tls_ca=other.authority, attempts=1) as client,
        pytest.raises(ServerUnreachableError),
    ):
        client.info()


def test_a_shard_that_joins_gets_the_tables_by_the_gateways_own_token(
    closed: ClusterUnderTest, certificate: Certificate, tokens: dict[Role, str]
):
    with ReplayClient(
        closed.url, token=tokens[Role.ADMIN], tls_ca=certificate.authority, direct=False
    ) as client:
        client.create_table("t", {"capacity": 100})
        new = closed.grow()
        keys = [int(client.insert("t", {"x": np.arange(2)}).keys[0]) for _ in range(60)]
        client.delete_table("t")

    assert new in {key % MAX_SHARDS for key in keys}
