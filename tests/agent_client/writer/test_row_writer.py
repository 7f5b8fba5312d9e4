"""The row writer: nothing lost, nothing twice, nothing hidden, and no waiting in the loop."""

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_client import (
    ColumnMismatchError,
    ReplayClient,
    RowWriter,
    SchemaMismatchError,
    ServerUnreachableError,
    UnknownTableError,
    WriterClosedError,
    WriterFailedError,
    WriterTimeoutError,
)
from agent_client.writer import delivery
from tests.agent_client.flaky_server import Fault, FlakyServer

FOREVER_S = 600.0


@pytest.fixture
def server() -> Iterator[FlakyServer]:
    with FlakyServer() as server:
        yield server


@pytest.fixture
def client(server: FlakyServer) -> Iterator[ReplayClient]:
    with ReplayClient(server.url) as client:
        yield client


def numbers(server: FlakyServer) -> list[int]:
    return [number for number, _ in server.stored]


def append_range(writer: RowWriter, *bounds: int) -> None:
    for number in range(*bounds):
        writer.append({"number": number})


# --- when rows go out


def test_rows_arrive_once_and_in_order(server: FlakyServer, client: ReplayClient) -> None:
    with RowWriter(client, "t", batch_rows=10) as writer:
        append_range(writer, 1005)

    assert numbers(server) == list(range(1005))
    assert writer.rows_appended == writer.rows_acknowledged == 1005


def test_a_full_batch_goes_out_without_waiting_for_the_interval(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t", batch_rows=3, flush_interval_s=FOREVER_S) as writer:
        append_range(writer, 3)
        assert server.arrived.wait(20)


def test_a_few_rows_go_out_after_the_interval(server: FlakyServer, client: ReplayClient) -> None:
    with RowWriter(client, "t", batch_rows=1000, flush_interval_s=0.01) as writer:
        append_range(writer, 3)
        assert server.arrived.wait(20)


def test_flush_returns_when_all_rows_are_acknowledged(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t", batch_rows=1000, flush_interval_s=FOREVER_S) as writer:
        append_range(writer, 5)
        writer.flush()
        assert numbers(server) == [0, 1, 2, 3, 4]
        assert writer.rows_acknowledged == 5

        writer.flush()
        append_range(writer, 5, 7)
        writer.flush()
        assert numbers(server) == [0, 1, 2, 3, 4, 5, 6]


def test_rows_that_come_while_a_request_is_under_way_go_out_together(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.proceed.set()
    with RowWriter(client, "t", batch_rows=4, flush_interval_s=FOREVER_S) as writer:
        server.proceed.clear()
        append_range(writer, 4)
        assert server.arrived.wait(20)
        append_range(writer, 4, 104)
        server.proceed.set()
        writer.flush()

        assert server.insert_sizes == [4, 100]


@pytest.mark.parametrize(
    ("limiter", "largest"),
    [
        pytest.param({"kind": "min_size", "min_size": 1}, 30, id="capacity"),
        pytest.param({"kind": "queue", "size": 3}, 3, id="queue"),
        pytest.param(
            {
                "kind": "sample_to_insert_ratio",
                "samples_per_insert": 4.0,
                "min_size": 1,
                "error_buffer": 5.0,
            },
            2,
            id="sample_to_insert_ratio",
        ),
        pytest.param({"kind": "queue", "size": 30}, 4, id="no_growth_before_a_queue"),
    ],
)
def test_no_insert_is_larger_than_the_table_can_take(
    server: FlakyServer, client: ReplayClient, limiter: dict[str, Any], largest: int
) -> None:
    server.spec |= {"capacity": 30, "rate_limiter": limiter}
    with RowWriter(client, "t", batch_rows=4, flush_interval_s=FOREVER_S) as writer:
        server.proceed.clear()
        append_range(writer, 4)
        assert server.arrived.wait(20)
        append_range(writer, 4, 200)
        server.proceed.set()

    assert numbers(server) == list(range(200))
    assert max(server.insert_sizes) == largest


def test_priorities_stay_with_their_rows(server: FlakyServer, client: ReplayClient) -> None:
    with RowWriter(client, "t", batch_rows=100, flush_interval_s=FOREVER_S) as writer:
        for number, priority in enumerate([None, None, 2.0, 0, None, 5.0]):
            writer.append({"number": number}, priority)

    assert server.stored == [(0, None), (1, None), (2, 2.0), (3, 0.0), (4, None), (5, 5.0)]


def test_the_first_row_decides_in_a_table_without_columns() -> None:
    with FlakyServer(columns=None) as server, ReplayClient(server.url) as client:
        with RowWriter(client, "t") as writer:
            append_range(writer, 3)
            with pytest.raises(ColumnMismatchError):
                writer.append({"number": 0.5})

        assert numbers(server) == [0, 1, 2]


def test_threads_share_a_writer(server: FlakyServer, client: ReplayClient) -> None:
    with RowWriter(client, "t", batch_rows=7) as writer:
        threads = [
            threading.Thread(target=append_range, args=(writer, start, 4000, 4))
            for start in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(numbers(server)) == list(range(4000))
    for start in range(4):
        assert [n for n in numbers(server) if n % 4 == start] == list(range(start, 4000, 4))


def test_writers_of_one_process_have_different_ids(client: ReplayClient) -> None:
    with RowWriter(client, "t") as first, RowWriter(client, "t") as second:
        assert first.writer_id != second.writer_id


def test_a_writer_started_anew_under_its_id_goes_on(
    server: FlakyServer, client: ReplayClient
) -> None:
    for start in (0, 3, 6):
        with RowWriter(client, "t", writer_id="actor-7") as writer:
            append_range(writer, start, start + 3)

    assert numbers(server) == list(range(9))


# --- when the server is away


TRANSIENT = [fault for fault in Fault if fault is not Fault.REFUSED]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(TRANSIENT), max_size=12), st.integers(1, 40))
def test_faults_of_any_kind_lose_nothing_and_double_nothing(
    faults: list[Fault], batch_rows: int
) -> None:
    with (
        FlakyServer(faults) as server,
        ReplayClient(server.url) as client,
        mock.patch.object(delivery, "pause_after", return_value=0.0),
    ):
        with RowWriter(client, "t", batch_rows=batch_rows) as writer:
            append_range(writer, 200)

        assert numbers(server) == list(range(200))
        assert writer.rows_acknowledged == 200


def test_a_server_that_is_away_for_too_long_fails_the_writer(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.DROP_BEFORE] * 1000)
    writer = RowWriter(client, "t", batch_rows=2, timeout_s=0.1)
    append_range(writer, 5)

    with pytest.raises(WriterFailedError) as raised:
        writer.flush()
    with pytest.raises(WriterClosedError) as closed:
        writer.close()

    assert raised.value.rows_unsent == closed.value.rows_unsent == 5
    assert isinstance(raised.value.__cause__, ServerUnreachableError)
    assert isinstance(closed.value.__cause__, ServerUnreachableError)


def test_append_waits_only_while_too_many_rows_are_unacknowledged(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t", batch_rows=2, max_buffered_rows=6) as writer:
        server.proceed.clear()
        append_range(writer, 6)
        blocked = threading.Thread(target=append_range, args=(writer, 6, 8))
        blocked.start()
        assert server.arrived.wait(20)
        blocked.join(0.1)
        assert blocked.is_alive()
        assert writer.rows_appended == 6

        server.proceed.set()
        blocked.join(20)
        assert not blocked.is_alive()

    assert numbers(server) == list(range(8))


def test_a_buffer_smaller_than_a_batch_still_moves(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(
        client, "t", batch_rows=64, max_buffered_rows=3, flush_interval_s=FOREVER_S
    ) as writer:
        append_range(writer, 50)

    assert numbers(server) == list(range(50))


def test_a_flush_that_takes_too_long_says_so_and_the_writer_goes_on(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t") as writer:
        server.proceed.clear()
        append_range(writer, 3)
        with pytest.raises(WriterTimeoutError) as raised:
            writer.flush(0.02)
        assert raised.value.rows_unsent == 3

        server.proceed.set()
        writer.flush()

    assert numbers(server) == [0, 1, 2]


# --- what the server refuses


def test_a_refusal_surfaces_at_the_next_call_and_at_close(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.NONE, Fault.REFUSED])
    writer = RowWriter(client, "t", batch_rows=2, flush_interval_s=FOREVER_S)
    append_range(writer, 2)
    writer.flush()
    append_range(writer, 2, 5)

    with pytest.raises(WriterFailedError) as flushed:
        writer.flush()
    with pytest.raises(WriterFailedError) as appended:
        writer.append({"number": 9})
    with pytest.raises(WriterClosedError) as closed:
        writer.close()

    for raised in (flushed, appended, closed):
        assert raised.value.rows_unsent == 3
        assert isinstance(raised.value.__cause__, SchemaMismatchError)
    assert numbers(server) == [0, 1]


def test_a_refusal_wakes_an_append_that_waits(server: FlakyServer, client: ReplayClient) -> None:
    server.faults.append(Fault.REFUSED)
    writer = RowWriter(client, "t", batch_rows=2, max_buffered_rows=2)

    with pytest.raises(WriterFailedError):
        append_range(writer, 100)

    with pytest.raises(WriterClosedError):
        writer.close()


def test_a_row_that_does_not_fit_is_refused_and_the_others_go(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t") as writer:
        writer.append({"number": 1})
        with pytest.raises(ColumnMismatchError):
            writer.append({"number": "two"})
        writer.append({"number": 3})

    assert numbers(server) == [1, 3]


# --- closing


def test_close_tells_how_many_rows_could_not_be_sent_and_why(
    server: FlakyServer, client: ReplayClient
) -> None:
    writer = RowWriter(client, "t", batch_rows=2)
    append_range(writer, 2)
    writer.flush()
    server.faults.extend([Fault.DROP_BEFORE] * 1000)
    append_range(writer, 2, 7)

    with pytest.raises(WriterClosedError) as raised:
        writer.close(timeout_s=0.05)

    assert raised.value.rows_unsent == 5
    assert isinstance(raised.value.__cause__, ServerUnreachableError)


def test_close_while_the_limiter_says_no_ends_in_time(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.RATE_LIMITED] * 100_000)
    writer = RowWriter(client, "t", batch_rows=2)
    append_range(writer, 2)
    started_at = time.monotonic()

    with pytest.raises(WriterClosedError) as raised:
        writer.close(timeout_s=0.05)

    assert raised.value.rows_unsent == 2
    assert time.monotonic() - started_at < 10


def test_a_closed_writer_takes_no_rows_and_closes_again_quietly(client: ReplayClient) -> None:
    writer = RowWriter(client, "t")
    writer.close()
    writer.close()

    with pytest.raises(WriterClosedError):
        writer.append({"number": 1})


def test_closing_ends_the_thread(client: ReplayClient) -> None:
    def is_running() -> bool:
        return any(thread.name == "replay-writer-t" for thread in threading.enumerate())

    with RowWriter(client, "t"):
        assert is_running()

    assert not is_running()


def test_an_error_in_the_block_goes_before_the_writers_own(
    server: FlakyServer, client: ReplayClient
) -> None:
    def act() -> None:
        with RowWriter(client, "t", timeout_s=0.05) as writer:
            server.faults.extend([Fault.DROP_BEFORE] * 1000)
            writer.append({"number": 1})
            raise ArithmeticError

    with pytest.raises(ArithmeticError) as raised:
        act()

    assert "1 rows" in raised.value.__notes__[0]


@pytest.mark.parametrize(
    "options",
    [{"batch_rows": 0}, {"max_buffered_rows": 0}, {"flush_interval_s": -1}, {"timeout_s": -1}],
)
def test_senseless_options_are_refused(client: ReplayClient, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        RowWriter(client, "t", **options)


# --- a real server behind a network that breaks


class BreakingProxy:
    """Passes bytes between clients and a server, and cuts every connection off when told to."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone already

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while part := source.recv(65536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            source.close()


def test_connections_cut_at_random_lose_nothing_and_double_nothing(server_url: str) -> None:
    table = f"writer-{uuid.uuid4().hex[:8]}"
    proxy = BreakingProxy(int(server_url.rpartition(":")[2]))
    generator = np.random.default_rng(0)
    total = 20_000
    with ReplayClient(server_url) as direct, ReplayClient(proxy.url) as client:
        columns = {"number": {"dtype": "<i8", "shape": []}}
        direct.create_table(table, {"capacity": total, "columns": columns})
        with RowWriter(client, table, batch_rows=50) as writer:
            next_cut = 0
            for number in range(total):
                writer.append({"number": number})
                if number == next_cut:
                    proxy.cut()
                    next_cut += int(generator.integers(1, 600))

        stored = direct.scan(table, limit=total)
        direct.delete_table(table)
    proxy.close()

    assert stored.columns["number"].tolist() == list(range(total))


def test_a_table_that_is_missing_is_told_at_once(server_url: str) -> None:
    with ReplayClient(server_url) as client, pytest.raises(UnknownTableError):
        RowWriter(client, "no-such-table")
