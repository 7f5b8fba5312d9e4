"""The row writer: nothing lost, nothing twice, nothing hidden, and no waiting in the loop."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agent_client import (
    ColumnMismatchError,
    ReplayClient,
    RowWriter,
    SchemaMismatchError,
    ServerUnreachableError,
    WriterClosedError,
    WriterFailedError,
    WriterTimeoutError,
)
from tests.agent_client.flaky_server import Fault, FlakyServer
from tests.agent_client.writer.numbers import FOREVER_S, append_range, numbers

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


# --- when there are too many


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


def test_an_append_without_room_in_time_says_so_and_the_row_was_not_taken(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t", batch_rows=2, max_buffered_rows=4, append_timeout_s=0.1) as writer:
        server.proceed.clear()
        append_range(writer, 4)
        with pytest.raises(WriterTimeoutError) as raised:
            writer.append({"number": 99})
        assert raised.value.rows_unsent == writer.rows_appended == 4

        server.proceed.set()
        writer.flush()
        append_range(writer, 4, 6)

    assert numbers(server) == [0, 1, 2, 3, 4, 5]


def append_wide_rows(writer: RowWriter) -> None:
    for _ in range(100):
        writer.append({"number": np.zeros(1000, np.int64)})


def test_bytes_are_bounded_as_rows_are(server: FlakyServer, client: ReplayClient) -> None:
    server.spec["columns"] = {"number": {"dtype": "<i8", "shape": [1000]}}
    with RowWriter(
        client, "t", batch_rows=64, max_buffered_bytes=40_000, append_timeout_s=0.05
    ) as writer:
        server.proceed.clear()
        with pytest.raises(WriterTimeoutError):
            append_wide_rows(writer)
        assert writer.rows_appended == 5
        server.proceed.set()


def test_bytes_of_rows_without_columns_before_the_first_are_bounded_too() -> None:
    with FlakyServer(columns=None) as server, ReplayClient(server.url) as client:
        server.proceed.clear()
        writer = RowWriter(
            client, "t", max_buffered_bytes=40_000, append_timeout_s=0.05, flush_interval_s=0.0
        )
        with pytest.raises(WriterTimeoutError):
            append_wide_rows(writer)
        assert writer.rows_appended == 5
        server.proceed.set()
        writer.close()


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


def test_close_tells_which_rows_could_not_be_sent_and_why(
    server: FlakyServer, client: ReplayClient
) -> None:
    writer = RowWriter(client, "t", batch_rows=2, writer_id="actor-7")
    append_range(writer, 2)
    writer.flush()
    server.faults.extend([Fault.DROP_BEFORE] * 1000)
    server.proceed.clear()
    server.arrived.clear()
    append_range(writer, 2, 4)
    assert server.arrived.wait(20)
    append_range(writer, 4, 7)
    server.proceed.set()

    with pytest.raises(WriterClosedError) as raised:
        writer.close(timeout_s=0.05)

    unsent = raised.value.unsent
    assert (unsent.table, unsent.writer_id) == ("t", "actor-7")
    assert (unsent.first, unsent.count, unsent.in_doubt) == (2, 5, 2)
    assert unsent.sequence is not None
    assert isinstance(raised.value.__cause__, ServerUnreachableError)


def test_rows_that_could_not_be_sent_can_be_sent_by_hand_and_are_there_once(
    server: FlakyServer, client: ReplayClient
) -> None:
    writer = RowWriter(client, "t", batch_rows=2)
    server.faults.extend([Fault.DROP_AFTER] * 1000)  # stored, and nobody knows
    server.proceed.clear()
    append_range(writer, 2)
    assert server.arrived.wait(20)
    for number in (2, 3, 4):
        writer.append({"number": number}, priority=float(number), stream=number)
    with pytest.raises(ValueError, match="close"):
        writer.unsent_inserts()
    server.proceed.set()
    with pytest.raises(WriterClosedError) as raised:
        writer.close(timeout_s=0.1)
    assert raised.value.unsent.in_doubt == 2

    server.faults.clear()
    inserts = writer.unsent_inserts()
    for insert in inserts:
        client.insert(
            "t",
            insert.columns,
            priorities=insert.priorities,
            streams=insert.streams,
            writer=insert.writer,
        )

    assert server.stored == [(0, None), (1, None), (2, 2.0), (3, 3.0), (4, 4.0)]
    streams = inserts[1].streams
    assert streams is not None
    assert streams.tolist() == [2, 3, 4]


def test_close_does_not_wait_for_a_server_that_never_answers(server: FlakyServer) -> None:
    with ReplayClient(server.url) as client:
        writer = RowWriter(client, "t", batch_rows=2)
        server.proceed.clear()
        append_range(writer, 2)
        assert server.arrived.wait(20)
        started_at = time.monotonic()

        with pytest.raises(WriterClosedError) as raised:
            writer.close(timeout_s=0.1)

        assert time.monotonic() - started_at < 5
        assert raised.value.unsent.in_doubt == 2
        server.proceed.set()
        wait_for_thread_end()

    assert numbers(server) == [0, 1]
    assert writer.rows_acknowledged == 0  # as `close` told


def test_a_client_closed_after_the_writer_gave_up_disturbs_nobody(server: FlakyServer) -> None:
    with ReplayClient(server.url) as client:
        server.faults.extend([Fault.DROP_BEFORE] * 1000)
        server.proceed.clear()
        writer = RowWriter(client, "t", batch_rows=2)
        append_range(writer, 2)
        assert server.arrived.wait(20)
        with pytest.raises(WriterClosedError):
            writer.close(timeout_s=0.0)

    server.proceed.set()
    wait_for_thread_end()  # an error in it would be a warning, and a warning an error


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


def is_sending() -> bool:
    return any(thread.name == "replay-writer-t" for thread in threading.enumerate())


def wait_for_thread_end() -> None:
    for thread in threading.enumerate():
        if thread.name == "replay-writer-t":
            thread.join(20)
    assert not is_sending()


def test_closing_ends_the_thread(client: ReplayClient) -> None:
    with RowWriter(client, "t"):
        assert is_sending()

    assert not is_sending()


UNCLOSED = """
import logging, os
from agent_client import ReplayClient, RowWriter
logging.basicConfig(format="%(message)s")
client = ReplayClient({url!r})
writer = RowWriter(client, "t", flush_interval_s=600.0, give_up_after_s=0.2)
writer.append({{"number": 1}})
{more}
"""


def test_a_program_that_ends_without_closing_sends_its_rows(
    server: FlakyServer, run_python: Callable[[str], str]
) -> None:
    run_python(UNCLOSED.format(url=server.url, more=""))

    assert numbers(server) == [1]


def test_a_program_that_ends_without_closing_logs_what_it_could_not_send(
    server: FlakyServer,
) -> None:
    server.faults.extend([Fault.DROP_BEFORE] * 1000)
    program = UNCLOSED.format(url=server.url, more="")

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert "never closed: 1 rows" in done.stderr


def test_a_forked_process_leaves_its_parent_s_rows_alone(server: FlakyServer) -> None:
    more = "if os.fork():\n    os.wait()\n    writer.close()\n    print('parent')"
    program = UNCLOSED.format(url=server.url, more=more)

    # From 3.12 on Python warns of a fork beside threads.
    quiet = ("-W", "ignore:This process:DeprecationWarning")
    done = subprocess.run(
        [sys.executable, *quiet, "-c", program],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("parent\n", "")
    assert numbers(server) == [1]


def test_room_for_more_rows_than_there_can_be_is_all_of_it(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t", max_buffered_rows=2, append_timeout_s=5.0) as writer:
        writer.wait_for_room(3)
        append_range(writer, 3)

    assert numbers(server) == [0, 1, 2]


def test_an_error_in_the_block_goes_before_the_writers_own(
    server: FlakyServer, client: ReplayClient
) -> None:
    def act() -> None:
        with RowWriter(client, "t", give_up_after_s=0.05) as writer:
            server.faults.extend([Fault.DROP_BEFORE] * 1000)
            writer.append({"number": 1})
            raise ArithmeticError

    with pytest.raises(ArithmeticError) as raised:
        act()

    assert "1 rows" in raised.value.__notes__[0]


@pytest.mark.parametrize(
    "options",
    [
        {"batch_rows": 0},
        {"max_buffered_rows": 0},
        {"flush_interval_s": -1},
        {"give_up_after_s": -1},
        {"append_timeout_s": -1},
        {"max_buffered_bytes": 0},
    ],
)
def test_senseless_options_are_refused(client: ReplayClient, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        RowWriter(client, "t", **options)
