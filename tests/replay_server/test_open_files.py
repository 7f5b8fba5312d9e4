"""Who goes without first when as many files are open as may be."""

import pytest

from replay_server.open_files import (
    leaves_to_connections,
    leaves_to_moments,
    most_open_files,
    raise_limit,
)

resource = pytest.importorskip("resource")


class Limits:
    """The limits of a process, of which a system may refuse some."""

    def __init__(self, soft: int, hard: int, refused_from: int = 1 << 62) -> None:
        self.now = (soft, hard)
        self._refused_from = refused_from

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.now

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        if limits[0] >= self._refused_from:
            raise ValueError("not allowed to raise maximum limit")
        self.now = limits


def take(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> None:
    monkeypatch.setattr(resource, "getrlimit", limits.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", limits.setrlimit)


def test_the_limit_is_raised_as_far_as_the_system_lets_it(monkeypatch: pytest.MonkeyPatch):
    limits = Limits(1024, 300_000)
    take(monkeypatch, limits)

    raise_limit(5000)

    assert limits.now == (300_000, 300_000)
    assert most_open_files() == 300_000


def test_a_system_that_tells_no_limit_and_has_one_gives_the_least(monkeypatch: pytest.MonkeyPatch):
    limits = Limits(256, resource.RLIM_INFINITY, refused_from=10_000)
    take(monkeypatch, limits)

    raise_limit(5000)

    assert limits.now == (5000, resource.RLIM_INFINITY)


@pytest.mark.parametrize("soft", [resource.RLIM_INFINITY, 2000])
def test_a_limit_that_is_high_enough_stays(monkeypatch: pytest.MonkeyPatch, soft: int):
    limits = Limits(soft, 2000 if soft == 2000 else resource.RLIM_INFINITY, refused_from=0)
    take(monkeypatch, limits)

    raise_limit(5000)

    assert limits.now[0] == soft


@pytest.mark.parametrize(
    ("most", "tables", "connections"),
    [(1024, 832, 960), (256, 192, 224), (1 << 20, (1 << 20) - 192, (1 << 20) - 64)],
)
def test_tables_leave_files_to_connections_and_these_to_moments(
    monkeypatch: pytest.MonkeyPatch, most: int, tables: int, connections: int
):
    take(monkeypatch, Limits(most, most))

    assert leaves_to_connections(tables - 1)
    assert not leaves_to_connections(tables)
    assert leaves_to_moments(connections - 1)
    assert not leaves_to_moments(connections)


def test_where_there_is_no_limit_nobody_goes_without(monkeypatch: pytest.MonkeyPatch):
    take(monkeypatch, Limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    assert leaves_to_connections(100_000)
    assert leaves_to_moments(100_000)
