"""Outages are told once each, and only those that last."""

from unittest import mock

import pytest

from agent_client.transport import outages
from agent_client.transport.outages import OutageLog


def test_an_outage_that_lasts_is_told_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = OutageLog("the writer", 60.0)
    with mock.patch.object(outages.time, "monotonic", side_effect=iter([0.0, 1.0, 3.0, 9.0, 12.4])):
        for _ in range(4):
            log.failed(ConnectionError("nobody there"))
        log.answered()
        log.answered()

    assert [record.getMessage() for record in caplog.records] == [
        "the writer: nobody there; asking again for up to 60 s",
        "the writer: the server is there again after 12 s",
    ]


def test_a_short_outage_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    log = OutageLog("the writer", 60.0)
    for _ in range(3):
        log.failed(ConnectionError("nobody there"))
        log.answered()

    assert caplog.records == []
