"""Blocks on their way: sequences that go on, outages that end, and tables that are gone."""

import time
import uuid
from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_client import (
    ReplayClient,
    RowWriter,
    ServerUnavailableError,
    ServerUnreachableError,
    StaleSequenceError,
    StorageFullError,
    TableExistsError,
    UnknownTableError,
    WriterClosedError,
    WriterFailedError,
)
from agent_client.writer import delivery
from agent_client.writer.row_block import RowBlock
from tests.agent_client.flaky_server import LASTING, Fault, FlakyServer
from tests.agent_client.scripted_server import ScriptedServer, answer_all, problem_response
from tests.agent_client.writer.numbers import (
    COLUMNS,
    FOREVER_S,
    append_range,
    numbers,
    numbers_in,
)

# --- sequences


def test_a_writer_started_anew_under_its_id_goes_on(
    server: FlakyServer, client: ReplayClient
) -> None:
    for start in (0, 3, 6):
        with RowWriter(client, "t", writer_id="actor-7") as writer:
            append_range(writer, start, start + 3)

    assert numbers(server) == list(range(9))


def test_a_writer_started_anew_goes_on_although_the_clock_stands_still(
    server: FlakyServer, client: ReplayClient
) -> None:
    with mock.patch.object(delivery.time, "time_ns", return_value=0):
        for start in (0, 3, 6):
            with RowWriter(client, "t", writer_id="actor-7") as writer:
                append_range(writer, start, start + 3)

    assert numbers(server) == list(range(9))


def test_a_writer_started_anew_goes_on_although_the_clock_was_set_back(
    server: FlakyServer, client: ReplayClient
) -> None:
    client.insert("t", {"number": np.array([0])}, writer=("actor-7", 2**52))

    with RowWriter(client, "t", writer_id="actor-7") as writer:
        append_range(writer, 1, 4)

    assert numbers(server) == [0, 1, 2, 3]


def test_a_writer_s_announcement_survives_lost_answers(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.faults.extend([Fault.DROP_AFTER, Fault.DROP_BEFORE])

    with RowWriter(client, "t", writer_id="actor-7") as writer:
        append_range(writer, 3)

    assert numbers(server) == [0, 1, 2]


def test_a_writer_in_a_table_without_columns_announces_itself_too(server_url: str) -> None:
    table = f"writer-{uuid.uuid4().hex[:8]}"
    with ReplayClient(server_url) as client:
        client.create_table(table, {"capacity": 100})
        for start in (0, 3):
            with RowWriter(client, table, writer_id="actor-7") as writer:
                append_range(writer, start, start + 3)

        assert numbers_in(client, table) == list(range(6))
        client.delete_table(table)


def test_a_writer_without_a_name_does_not_announce_itself(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t") as writer:
        append_range(writer, 3)
        writer.flush()

    assert 0 not in server.insert_sizes


@pytest.mark.parametrize("clock", ["runs", "stands"])
def test_of_two_writers_with_one_id_the_older_fails_and_tells_what_was_lost(
    server: FlakyServer, client: ReplayClient, clock: str
) -> None:
    time_ns = time.time_ns if clock == "runs" else lambda: 0
    with mock.patch.object(delivery.time, "time_ns", time_ns):
        older = RowWriter(client, "t", writer_id="actor-7")
        append_range(older, 3)
        older.flush()
        newer = RowWriter(client, "t", writer_id="actor-7")
    append_range(newer, 3, 6)
    newer.flush()

    append_range(older, 6, 8)
    with pytest.raises(WriterFailedError) as raised:
        older.flush()
    with pytest.raises(WriterClosedError):
        older.close()
    newer.close()

    assert isinstance(raised.value.__cause__, StaleSequenceError)
    unsent = raised.value.unsent
    assert (unsent.table, unsent.writer_id) == ("t", "actor-7")
    assert (unsent.first, unsent.count, unsent.in_doubt) == (3, 2, 2)
    assert numbers(server) == list(range(6))


# --- when the server is away


TRANSIENT = [fault for fault in Fault if fault not in LASTING]


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


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.DROP_BEFORE, ServerUnreachableError),
        (Fault.UNAVAILABLE, ServerUnavailableError),
        (Fault.STORAGE_FULL, StorageFullError),
    ],
)
def test_an_outage_that_lasts_too_long_fails_the_writer(
    server: FlakyServer, client: ReplayClient, fault: Fault, cause: type[Exception]
) -> None:
    server.faults.extend([fault] * 1000)
    writer = RowWriter(client, "t", batch_rows=2, give_up_after_s=0.3)
    append_range(writer, 5)

    with pytest.raises(WriterFailedError) as raised:
        writer.flush()
    with pytest.raises(WriterClosedError) as closed:
        writer.close()

    assert raised.value.rows_unsent == closed.value.rows_unsent == 5
    assert isinstance(raised.value.__cause__, cause)
    assert isinstance(closed.value.__cause__, cause)
    assert len(server.faults) < 999


def test_a_server_that_never_answers_fails_the_writer_in_time(
    server: FlakyServer, client: ReplayClient
) -> None:
    server.proceed.clear()
    writer = RowWriter(client, "t", batch_rows=2, give_up_after_s=0.3)
    append_range(writer, 2)
    started_at = time.monotonic()

    with pytest.raises(WriterFailedError):
        writer.flush()

    assert time.monotonic() - started_at < 10
    server.proceed.set()
    with pytest.raises(WriterClosedError):
        writer.close()


def test_refusals_of_the_limiter_are_no_outage(server: FlakyServer, client: ReplayClient) -> None:
    server.faults.extend([Fault.RATE_LIMITED] * 8)
    with RowWriter(client, "t", batch_rows=2, give_up_after_s=0.0) as writer:
        append_range(writer, 2)
        writer.flush()

    assert numbers(server) == [0, 1]
    assert not server.faults


def test_retry_after_is_obeyed_between_attempts() -> None:
    busy = problem_response("unavailable", 503, retry_after="0.5")
    block = RowBlock({"number": (np.dtype("<i8"), ())}, 1)
    block.append({"number": 1}, None)
    with ScriptedServer([answer_all(busy)]) as server, ReplayClient(server.url) as client:
        started_at = time.monotonic()
        with pytest.raises(ServerUnavailableError):
            delivery.Delivery(client, "t", "w", give_up_after_s=1.2).deliver(block)

        # at 0 s, about 0.5 s and 1 s, and when the time is over
        assert 1.2 <= time.monotonic() - started_at < 5
        assert len(server.requests) <= 4


def test_a_retry_after_beyond_the_patience_is_cut_short() -> None:
    busy = problem_response("unavailable", 503, retry_after="25")
    block = RowBlock({"number": (np.dtype("<i8"), ())}, 1)
    block.append({"number": 1}, None)
    with ScriptedServer([answer_all(busy)]) as server, ReplayClient(server.url) as client:
        started_at = time.monotonic()
        with pytest.raises(ServerUnavailableError):
            delivery.Delivery(client, "t", "w", give_up_after_s=0.3).deliver(block)

        assert 0.3 <= time.monotonic() - started_at < 10
        assert len(server.requests) == 2  # the second when the time was over


def test_an_outage_is_over_when_the_limiter_says_no(
    server: FlakyServer, client: ReplayClient
) -> None:
    away, busy = Fault.DROP_BEFORE, Fault.RATE_LIMITED
    # Refusals for longer than an outage may last; of what is dropped on a connection that was kept
    # the writer hears only the second time.
    server.faults.extend([away, away, *[busy] * 30, away, away])
    with RowWriter(client, "t", give_up_after_s=0.4) as writer:
        append_range(writer, 2)
        writer.flush()

    assert numbers(server) == [0, 1]


# --- when the table is gone


@pytest.fixture
def real(server_url: str) -> Iterator[ReplayClient]:
    with ReplayClient(server_url) as client:
        yield client


@pytest.fixture
def table(real: ReplayClient) -> Iterator[str]:
    name = f"writer-{uuid.uuid4().hex[:8]}"
    yield name
    if any(document["name"] == name for document in real.list_tables()):
        real.delete_table(name)


SPEC = {"capacity": 1000, "columns": COLUMNS}


def test_a_table_that_is_missing_is_told_at_once(real: ReplayClient) -> None:
    with pytest.raises(UnknownTableError):
        RowWriter(real, "no-such-table")


def test_a_table_that_goes_fails_the_writer_and_the_rows_are_named(
    real: ReplayClient, table: str
) -> None:
    real.create_table(table, SPEC)
    writer = RowWriter(real, table)
    append_range(writer, 4)
    writer.flush()
    real.delete_table(table)
    append_range(writer, 4, 9)

    with pytest.raises(WriterFailedError) as raised:
        writer.flush()
    with pytest.raises(WriterClosedError):
        writer.close()

    assert isinstance(raised.value.__cause__, UnknownTableError)
    assert (raised.value.unsent.first, raised.value.unsent.count) == (4, 5)


def test_a_writer_that_may_makes_the_table_where_there_is_none_and_again_when_it_goes(
    real: ReplayClient, table: str
) -> None:
    with RowWriter(real, table, create=SPEC) as writer:
        append_range(writer, 4)
        writer.flush()
        assert numbers_in(real, table) == [0, 1, 2, 3]

        real.delete_table(table)
        append_range(writer, 4, 9)
        writer.flush()

    assert numbers_in(real, table) == [4, 5, 6, 7, 8]


def test_a_writer_that_may_make_a_table_leaves_one_that_stands_as_it_is(
    real: ReplayClient, table: str
) -> None:
    real.create_table(table, {**SPEC, "capacity": 77})

    with RowWriter(real, table, create=SPEC) as writer:
        append_range(writer, 3)

    assert real.describe_table(table)["spec"]["capacity"] == 77
    assert numbers_in(real, table) == [0, 1, 2]


def test_a_table_that_another_makes_differently_in_between_fails_the_writer(
    server: FlakyServer, client: ReplayClient
) -> None:
    with RowWriter(client, "t", create=SPEC, flush_interval_s=FOREVER_S) as writer:
        server.faults.extend([Fault.UNKNOWN_TABLE, Fault.TABLE_EXISTS])
        append_range(writer, 3)
        with pytest.raises(WriterFailedError) as raised:
            writer.flush()
        with pytest.raises(WriterClosedError):
            writer.close()

    assert isinstance(raised.value.__cause__, TableExistsError)
