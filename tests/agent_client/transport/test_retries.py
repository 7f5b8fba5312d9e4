"""Pauses between attempts."""

import time

import pytest

from agent_client.errors import ServerUnreachableError
from agent_client.transport.retries import RetryRule, pause_after


def unreachable(retry_after_s: float | None = None) -> ServerUnreachableError:
    return ServerUnreachableError("u", "r", may_have_happened=False, retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 0.2), (3, 0.8), (4, 1.6), (5, 2.0), (99, 2.0)]
)
def test_pauses_double_up_to_two_seconds_and_are_spread_over_half(
    failures: int, longest: float
) -> None:
    pauses = [pause_after(unreachable(), failures) for _ in range(200)]

    assert longest / 2 <= min(pauses) < 0.6 * longest
    assert 0.9 * longest < max(pauses) <= longest


@pytest.mark.parametrize(
    ("said", "shortest", "longest"), [(0, 0, 0.1), (10, 10, 11.1), (86400, 60, 66.1)]
)
def test_what_the_server_says_is_waited_for_and_a_little_more_up_to_a_minute(
    said: float, shortest: float, longest: float
) -> None:
    pauses = [pause_after(unreachable(said), 9) for _ in range(200)]

    assert shortest <= min(pauses) < max(pauses) <= longest
    assert max(pauses) - min(pauses) > (longest - shortest) / 2


def test_a_rule_counts_the_failures_of_its_call() -> None:
    rule = RetryRule(repeatable=False, deadline=time.monotonic() + 100)

    pauses = [rule(unreachable()) for _ in range(6)]

    assert pauses[0] <= 0.2
    assert 1.0 <= pauses[5] <= 2.0


def test_no_attempt_begins_after_the_deadline() -> None:
    rule = RetryRule(repeatable=True, deadline=time.monotonic() + 0.01)

    assert rule(unreachable()) is False
