"""Whose table it is, and what becomes of it."""

import re
from collections.abc import Mapping
from typing import Any, cast

import pytest
from gymnasium import spaces

from agent_client.dqn.config import DQNConfig
from agent_client.errors import ReplayClientError, ServerUnreachableError, UnknownTableError
from agent_client.learning.replay_table import transition_table_spec
from agent_client.replay_client import ReplayClient
from agent_client.run_errors import UnsuitableTableError
from agent_client.runs.table import open_run_table, own_table_name
from replay_wire.messages import Problem


def spec_of(observation_size: int, config: DQNConfig | None = None) -> dict[str, Any]:
    space = spaces.Box(-1.0, 1.0, (observation_size,))
    return transition_table_spec(config or DQNConfig(), space, spaces.Discrete(2), seed=0)


SPEC = spec_of(4)


class FakeTables:
    """The tables of a server, as far as a run asks about them."""

    def __init__(self, **tables: Mapping[str, Any]) -> None:
        self.documents: dict[str, dict[str, Any]] = {
            name: {"spec": dict(spec), "stats": {"size": 77, "rows": 99}}
            for name, spec in tables.items()
        }

    def create_table(self, table: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        self.documents[table] = {"spec": dict(spec), "stats": {"size": 0, "rows": 0}}
        return self.documents[table]

    def describe_table(self, table: str) -> dict[str, Any]:
        if table not in self.documents:
            raise UnknownTableError(_problem(table))
        return self.documents[table]

    def ensure_table(self, table: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        return self.documents.get(table) or self.create_table(table, spec)

    def delete_table(self, table: str) -> None:
        del self.documents[table]


def _problem(table: str) -> Problem:
    return Problem(
        type="about:blank",
        title="Unknown table",
        status=404,
        detail=f"there is no table {table!r}",
        code="unknown_table",
    )


def as_client(tables: FakeTables) -> ReplayClient:
    return cast("ReplayClient", tables)


def test_own_table_is_dropped_at_the_end() -> None:
    tables = FakeTables()

    with open_run_table(as_client(tables), SPEC, name=None, own_name="own", keep=False) as table:
        assert (table.name, table.size) == ("own", 0)
        assert list(tables.documents) == ["own"]

    assert tables.documents == {}


def test_own_table_is_dropped_when_the_run_fails() -> None:
    tables = FakeTables()

    with (
        pytest.raises(RuntimeError),
        open_run_table(as_client(tables), SPEC, name=None, own_name="own", keep=False),
    ):
        raise RuntimeError

    assert tables.documents == {}


def test_own_table_stays_when_asked() -> None:
    tables = FakeTables()

    with open_run_table(as_client(tables), SPEC, name=None, own_name="own", keep=True):
        pass

    assert list(tables.documents) == ["own"]


def test_named_table_is_made_and_stays() -> None:
    tables = FakeTables()

    with open_run_table(
        as_client(tables), SPEC, name="shared", own_name="own", keep=False
    ) as table:
        assert (table.name, table.size) == ("shared", 0)

    assert list(tables.documents) == ["shared"]


def test_named_table_that_fits_is_used_with_its_rows() -> None:
    tables = FakeTables(shared=SPEC | {"capacity": 7, "sampler": {"kind": "uniform"}})

    with open_run_table(
        as_client(tables), SPEC, name="shared", own_name="own", keep=False
    ) as table:
        assert (table.name, table.size) == ("shared", 77)

    assert tables.documents["shared"]["spec"]["capacity"] == 7


def test_named_table_without_a_signature_yet_is_used() -> None:
    tables = FakeTables(shared=SPEC | {"columns": None})

    with open_run_table(
        as_client(tables), SPEC, name="shared", own_name="own", keep=False
    ) as table:
        assert table.name == "shared"


def test_named_table_of_other_columns_is_refused_and_left_alone() -> None:
    other = spec_of(8)
    tables = FakeTables(shared=other)

    with (
        pytest.raises(UnsuitableTableError) as caught,
        open_run_table(as_client(tables), SPEC, name="shared", own_name="own", keep=False),
    ):
        pass

    assert caught.value.table == "shared"
    assert caught.value.actual["columns"] == other["columns"]
    assert list(tables.documents) == ["shared"]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(DQNConfig(n_step=3), id="n_step"),
        pytest.param(DQNConfig(discount=0.9), id="discount"),
        pytest.param(DQNConfig(frame_stack=2), id="frame_stack"),
    ],
)
def test_named_table_of_other_transitions_is_refused(config: DQNConfig) -> None:
    tables = FakeTables(shared=spec_of(4, config))

    with (
        pytest.raises(UnsuitableTableError, match="items"),
        open_run_table(as_client(tables), SPEC, name="shared", own_name="own", keep=False),
    ):
        pass


@pytest.mark.parametrize("environment", ["CartPole-v1", "ALE/Pong-v5", "x" * 100, "__"])
def test_own_names_are_names_of_tables_and_never_the_same(environment: str) -> None:
    names = {own_table_name(environment, "dqn", 2**32 - 1) for _ in range(20)}

    assert len(names) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) for name in names)


class LostTables(FakeTables):
    """A server that makes a table and is away, or without the table, when it is to be dropped."""

    def __init__(self, error: ReplayClientError) -> None:
        super().__init__()
        self.error = error

    def delete_table(self, table: str) -> None:
        raise self.error


AWAY = ServerUnreachableError("http://x", "refused", may_have_happened=False)


def test_a_table_that_cannot_be_dropped_does_not_hide_why_the_run_failed() -> None:
    client = as_client(LostTables(AWAY))

    with (
        pytest.raises(RuntimeError, match="the real reason"),
        open_run_table(client, SPEC, name=None, own_name="own", keep=False),
    ):
        raise RuntimeError("the real reason")


def test_a_run_does_not_fail_because_its_table_is_left(caplog: pytest.LogCaptureFixture) -> None:
    with open_run_table(as_client(LostTables(AWAY)), SPEC, name=None, own_name="own", keep=False):
        pass

    assert "'own'" in caplog.text


def test_a_table_that_has_gone_already_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    gone = UnknownTableError(_problem("own"))
    with open_run_table(as_client(LostTables(gone)), SPEC, name=None, own_name="own", keep=False):
        pass

    assert caplog.text == ""
