"""A browser that all tests of the page share, and servers for it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import Tab, chromium, tab
from tests.server_process import ServerProcess


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def page_tab(browser: Any) -> Iterator[Tab]:
    """A tab of a person who has never been here; nothing may have gone wrong in it."""
    opened = tab(browser)
    yield opened
    errors, stopped = opened.errors, opened.stopped
    opened.page.context.close()
    assert errors == []
    assert stopped == []


@pytest.fixture
def own_server() -> Iterator[ServerProcess]:
    """A server of the test's own."""
    server = ServerProcess("--port=0")
    yield server
    server.stop()
