import pytest

from replay_server.errors import OverloadedError
from replay_server.traffic import Traffic

MEGABYTE = 1 << 20


def test_bytes_beyond_the_limit_are_refused_and_nothing_is_counted():
    traffic = Traffic(4 * MEGABYTE)
    with traffic.account() as account:
        account.take(3 * MEGABYTE)
        with pytest.raises(OverloadedError):
            account.take(1)  # large requests leave a quarter to small ones

        assert traffic.under_way == 3 * MEGABYTE
    assert traffic.under_way == 0


def test_small_requests_get_through_what_large_ones_leave():
    traffic = Traffic(4 * MEGABYTE)
    with traffic.account() as large, traffic.account() as small, traffic.account() as late:
        large.take(3 * MEGABYTE)

        small.take(MEGABYTE)
        with pytest.raises(OverloadedError):
            late.take(1)


def test_what_fails_gives_its_bytes_back_and_what_does_not_keeps_them():
    traffic = Traffic(MEGABYTE)
    with traffic.account() as account:
        with pytest.raises(KeyError), account.taking(9):
            raise KeyError
        assert traffic.under_way == 0

        with account.taking(9):
            pass
        assert traffic.under_way == 9


def test_it_has_ebbed_once_after_a_flood():
    traffic = Traffic(1 << 30)
    with traffic.account() as account:
        account.take(1 << 28)
        assert not traffic.has_ebbed()

    assert [traffic.has_ebbed() for _ in range(2)] == [True, False]


def test_a_flood_ebbs_a_quarter_at_a_time_until_nothing_is_left():
    traffic = Traffic(1 << 30)
    with traffic.account() as account:
        account.take(1 << 28)
        account.take(-(1 << 28) + (1 << 24))
        assert [traffic.has_ebbed() for _ in range(2)] == [True, False]
        account.take(-(1 << 24) + 1000)
        assert [traffic.has_ebbed() for _ in range(2)] == [True, False]

    assert [traffic.has_ebbed() for _ in range(2)] == [True, False]
