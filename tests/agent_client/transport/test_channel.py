"""The channel against a scripted server: what is sent, sent again, given up, and understood."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
import stamina
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from agent_client import (
    Draw,
    InvalidReplyError,
    NotAReplayServerError,
    RateLimitedError,
    ReplayClient,
    ReplayClientError,
    ServerRejectedError,
    ServerUnavailableError,
    ServerUnreachableError,
    StaleSequenceError,
    UnauthenticatedError,
)
from replay_wire.arrays import Array
from replay_wire.codec import decode
from replay_wire.json_codec import encode_json
from replay_wire.messages import InsertReply, InsertRequest, SampleRequest, UpdateReply
from tests.agent_client.scripted_server import (
    Peer,
    ScriptedServer,
    answer_all,
    drop,
    http_response,
    problem_response,
    replay_response,
)

UPDATED = replay_response(UpdateReply(updated=1, stale=0))
INSERTED = replay_response(InsertReply(keys=Array.from_numpy(np.array([7])), duplicate=False))
LONG_S = 30.0


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """Let retries follow one another without a pause."""
    stamina.set_testing(True, attempts=5, cap=True)
    yield
    stamina.set_testing(False)


def insert_one(client: ReplayClient, **options: Any) -> Any:
    return client.insert("t", {"a": np.array([1])}, **options)


# --- what is sent again


KEYS = np.array([1])
Call = Callable[[ReplayClient], object]
MAY_HAPPEN_TWICE: dict[str, Call] = {
    "info": lambda client: client.info(),
    "list_tables": lambda client: client.list_tables(),
    "describe_table": lambda client: client.describe_table("t"),
    "create_table": lambda client: client.create_table("t", {"capacity": 1}),
    "change_sampler": lambda client: client.change_table("t", sampler={"alpha": 1}),
    "scan": lambda client: client.scan("t"),
    "update_priorities": lambda client: client.update_priorities("t", KEYS, [1.0]),
    "stamped_insert": lambda client: insert_one(client, writer=("w", 1)),
}
MUST_NOT_HAPPEN_TWICE: dict[str, Call] = {
    "delete_table": lambda client: client.delete_table("t"),
    "reset_table": lambda client: client.reset_table("t"),
    "change_rate_limiter": lambda client: client.change_table("t", rate_limiter={"min_size": 2}),
    "delete": lambda client: client.delete("t", KEYS),
    "insert": insert_one,
    "sample": lambda client: client.sample("t", 1),
    "sample_mixed": lambda client: client.sample_mixed([Draw(table="t", batch_size=1)]),
}
ALL_CALLS = MAY_HAPPEN_TWICE | MUST_NOT_HAPPEN_TWICE


def attempts_of(call: Call, *scripts: Callable[[Peer], None]) -> int:
    """Return how often a call went out before it ended in an error."""
    with ScriptedServer(list(scripts)) as server, ReplayClient(server.url) as client:
        with pytest.raises(ReplayClientError):
            call(client)
        return len(server.requests)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("call", MAY_HAPPEN_TWICE.values(), ids=MAY_HAPPEN_TWICE.keys())
def test_what_may_happen_twice_goes_out_again_after_a_lost_answer(call: Call) -> None:
    assert attempts_of(call, drop) == 5


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("call", MUST_NOT_HAPPEN_TWICE.values(), ids=MUST_NOT_HAPPEN_TWICE.keys())
def test_what_must_not_happen_twice_goes_out_once_where_its_answer_was_lost(call: Call) -> None:
    assert attempts_of(call, drop) == 1


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("call", ALL_CALLS.values(), ids=ALL_CALLS.keys())
def test_what_is_unavailable_for_the_moment_goes_out_again_whatever_it_is(call: Call) -> None:
    busy = problem_response("unavailable", 503, retry_after="0")

    assert attempts_of(call, answer_all(busy)) == 5


@pytest.mark.parametrize(
    ("code", "status"), [("rate_limited", 429), ("internal", 500), ("nothing_to_draw", 409)]
)
@pytest.mark.parametrize("call", ALL_CALLS.values(), ids=ALL_CALLS.keys())
def test_other_refusals_are_told_at_once(call: Call, code: str, status: int) -> None:
    assert attempts_of(call, answer_all(problem_response(code, status, retry_after="0"))) == 1


@pytest.mark.usefixtures("no_pauses")
def test_a_draw_that_broke_off_while_it_was_sent_goes_out_again() -> None:
    def break_amid_body(peer: Peer) -> None:
        peer.read_head()
        peer.reset()

    with (
        ScriptedServer([break_amid_body, answer_all(problem_response("teapot", 418))]) as server,
        ReplayClient(server.url) as client,
    ):
        many = np.arange(4_000_000)
        with pytest.raises(ServerRejectedError, match="teapot"):
            client.sample("t", 1, update=(many, many))

        assert len(server.requests) == 2


def test_a_draw_from_a_server_that_is_not_there_yet_waits_for_it() -> None:
    with ScriptedServer([drop]) as gone:
        port = gone.port
    late = ScriptedServer([answer_all(problem_response("teapot", 418))], port=port)
    hooks = get_on_retry_hooks()

    def start(details: RetryDetails) -> None:
        if details.retry_num == 2:
            late.__enter__()

    set_on_retry_hooks([start])
    try:
        with (
            ReplayClient(f"http://127.0.0.1:{port}") as client,
            pytest.raises(ServerRejectedError, match="teapot"),
        ):
            client.sample("t", 1)
    finally:
        set_on_retry_hooks(hooks)
        late.__exit__(None, None, None)

    assert len(late.requests) == 1


def test_a_client_told_to_try_once_sends_once() -> None:
    with ScriptedServer([drop]) as server, ReplayClient(server.url, attempts=1) as client:
        with pytest.raises(ServerUnreachableError):
            client.info()

        assert len(server.requests) == 1


# --- how long it waits


def seconds_of(call: Callable[[], object]) -> float:
    started_at = time.monotonic()
    with pytest.raises(ReplayClientError):
        call()
    return time.monotonic() - started_at


@pytest.mark.parametrize("over_date", [False, True], ids=["seconds", "date"])
def test_retry_after_is_obeyed(over_date: bool) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    said = format_datetime(soon, usegmt=True) if over_date else "0.5"
    busy = problem_response("unavailable", 503, retry_after=said)

    def recover(peer: Peer) -> None:
        for response in (busy, INSERTED):
            peer.read_request()
            peer.send(response)

    started_at = time.monotonic()
    with ScriptedServer([recover]) as server, ReplayClient(server.url) as client:
        insert_one(client)

    assert time.monotonic() - started_at >= 0.5


def test_a_gateways_retry_after_is_obeyed() -> None:
    def recover(peer: Peer) -> None:
        for response in (http_response(b"", 503, retry_after="0.5"), UPDATED):
            peer.read_request()
            peer.send(response)

    started_at = time.monotonic()
    with ScriptedServer([recover]) as server, ReplayClient(server.url) as client:
        client.update_priorities("t", KEYS, [1.0])

    assert time.monotonic() - started_at >= 0.5


def test_a_retry_after_beyond_the_total_time_is_not_waited_for() -> None:
    busy = problem_response("unavailable", 503, retry_after="25")
    with (
        ScriptedServer([answer_all(busy)]) as server,
        ReplayClient(server.url, total_timeout_s=20.0) as client,
    ):
        assert seconds_of(client.info) < 10
        assert len(server.requests) == 1


def drip(answer: bytes, whole: int) -> Callable[[Peer], None]:
    """Return a script that sends part of an answer at once and the rest byte by byte."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(answer[:whole])
        for place in range(whole, len(answer)):
            peer.send(answer[place : place + 1])
            if peer.waits_for_end(0.05):
                return

    return script


DRIPPING = replay_response({"filler": "x" * 1000})


@pytest.mark.parametrize("whole", [0, DRIPPING.index(b"filler")], ids=["head", "body"])
def test_an_answer_that_comes_byte_by_byte_ends_with_the_total_time(whole: int) -> None:
    with (
        ScriptedServer([drip(DRIPPING, whole)]) as server,
        ReplayClient(server.url, timeout_s=LONG_S, total_timeout_s=0.3) as client,
    ):
        assert seconds_of(client.info) < 5
        assert len(server.requests) == 1


def test_a_server_that_reads_too_slowly_ends_with_the_total_time() -> None:
    over = threading.Event()

    def sip(peer: Peer) -> None:
        peer.read_head()
        while not over.wait(0.02):
            peer.sock.recv(20_000)

    with (
        ScriptedServer([sip]) as server,
        ReplayClient(server.url, timeout_s=LONG_S, total_timeout_s=0.5) as client,
    ):
        rows = np.zeros(40_000_000, np.uint8)
        assert seconds_of(lambda: client.insert("t", {"a": rows})) < 5
        over.set()


def test_a_server_that_stays_silent_ends_with_the_total_time_whatever_the_attempts() -> None:
    def stay_silent(peer: Peer) -> None:
        peer.read_request()
        peer.wait_closed()

    with (
        ScriptedServer([stay_silent]) as server,
        ReplayClient(server.url, timeout_s=0.2, total_timeout_s=0.7, attempts=100) as client,
    ):
        assert 0.2 < seconds_of(client.info) < 1.5
        assert 2 <= len(server.requests) <= 4


def test_a_host_that_does_not_answer_ends_with_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:  # fill its queue, so that the next connection gets no answer
            sock.setblocking(False)
            sock.connect_ex(address)
        with ReplayClient(
            f"http://127.0.0.1:{address[1]}", connect_timeout_s=0.2, attempts=1
        ) as client:
            started_at = time.monotonic()
            with pytest.raises(ServerUnreachableError) as raised:
                client.sample("t", 1)
        for sock in waiting:
            sock.close()

    assert time.monotonic() - started_at < 5
    assert not raised.value.may_have_happened


@pytest.mark.parametrize(
    "limits",
    [{"timeout_s": 0}, {"connect_timeout_s": 0}, {"total_timeout_s": -1}, {"attempts": 0}],
    ids=lambda limits: next(iter(limits)),
)
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ReplayClient(**limits)


@pytest.mark.usefixtures("no_pauses")
def test_a_stamped_insert_whose_answer_was_lost_is_sent_again_as_it_was() -> None:
    with (
        ScriptedServer([drop, drop, answer_all(INSERTED)]) as server,
        ReplayClient(server.url) as client,
    ):
        assert insert_one(client, writer=("w", 3)).keys.tolist() == [7]

        bodies = [decode(request.body, InsertRequest) for request in server.requests]
        assert [body.writer.sequence for body in bodies if body.writer] == [3, 3, 3]


@pytest.mark.usefixtures("no_pauses")
def test_an_update_whose_answer_was_lost_is_sent_again() -> None:
    with ScriptedServer([drop, answer_all(UPDATED)]) as server, ReplayClient(server.url) as client:
        assert client.update_priorities("t", [1], [1.0]).updated == 1


@pytest.mark.usefixtures("no_pauses")
def test_what_stays_unavailable_is_told_after_five_attempts() -> None:
    busy = problem_response("unavailable", 503, retry_after="0")
    with ScriptedServer([answer_all(busy)]) as server, ReplayClient(server.url) as client:
        with pytest.raises(ServerUnavailableError) as raised:
            client.info()

        assert raised.value.retry_after_s == 0
        assert len(server.requests) == 5


def test_a_client_without_retries_sends_once() -> None:
    with ScriptedServer([drop]) as server, ReplayClient(server.url) as client:
        with pytest.raises(ServerUnreachableError):
            client.without_retries().info()

        assert len(server.requests) == 1


@pytest.mark.usefixtures("no_pauses")
def test_nobody_there_is_unreachable_and_nothing_happened() -> None:
    with ScriptedServer([drop]) as server:
        url = server.url

    with ReplayClient(url) as client, pytest.raises(ServerUnreachableError) as raised:
        client.sample("t", 1)
    assert not raised.value.may_have_happened


@pytest.mark.usefixtures("no_pauses")
def test_a_gateway_without_a_server_behind_it_is_unreachable() -> None:
    with (
        ScriptedServer([answer_all(http_response(b"<html>", 502))]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(ServerUnreachableError),
    ):
        client.info()


# --- what is sent


def test_a_request_bears_token_media_types_and_no_wish_for_compression() -> None:
    with (
        ScriptedServer([answer_all(UPDATED)]) as server,
        ReplayClient(server.url, token="secret") as client,
    ):
        client.update_priorities("t", [1], [1.0])

        headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer secret"
    assert headers["content-type"] == headers["accept"] == "application/msgpack"
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == f"127.0.0.1:{server.port}"


def test_a_wait_for_the_limiter_is_added_to_the_limits() -> None:
    over = threading.Event()

    def slow(peer: Peer) -> None:
        peer.read_request()
        over.wait(0.15)
        peer.send(problem_response("rate_limited", 429, retry_after="1"))

    with (
        ScriptedServer([slow]) as server,
        ReplayClient(server.url, timeout_s=0.1, total_timeout_s=0.1) as client,
    ):
        with pytest.raises(RateLimitedError) as raised:
            client.sample("t", 1, timeout_s=10.0)
        assert raised.value.retry_after_s == 1.0
        assert decode(server.requests[0].body, SampleRequest).timeout == 10.0

        with pytest.raises(ServerUnreachableError):
            client.sample("t", 1)
        over.set()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host", "http://"])
def test_a_url_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="server's URL"):
        ReplayClient(url)


@pytest.mark.parametrize("table", ["", "..", "a/b", "a?b", "x" * 65])
def test_a_name_that_no_table_can_have_is_refused_before_sending(table: str) -> None:
    with ReplayClient("http://127.0.0.1:1") as client, pytest.raises(ValueError, match="table"):
        client.describe_table(table)


def test_keys_that_are_no_integers_are_refused() -> None:
    with ReplayClient("http://127.0.0.1:1") as client, pytest.raises(ValueError, match="integer"):
        client.update_priorities("t", [1.0], [1.0])


# --- what comes back


def test_an_answer_without_the_protocol_header_is_of_another_server() -> None:
    with (
        ScriptedServer([answer_all(http_response(b"welcome"))]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(NotAReplayServerError) as raised,
    ):
        client.info()
    assert raised.value.actual is None


def test_an_answer_of_another_version_is_refused() -> None:
    other = UPDATED.replace(b"x-replay-protocol: 1", b"x-replay-protocol: 2")
    with (
        ScriptedServer([answer_all(other)]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(NotAReplayServerError) as raised,
    ):
        client.update_priorities("t", [1], [1.0])
    assert (raised.value.expected, raised.value.actual) == (1, "2")


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(replay_response({"updated": "many"}), id="wrong_field"),
        pytest.param(http_response(b"\xc1", x_replay_protocol="1"), id="no_document"),
        pytest.param(http_response(b"oops", 500, x_replay_protocol="1"), id="no_problem"),
        pytest.param(http_response(b"", 302, x_replay_protocol="1", location="/"), id="redirect"),
    ],
)
def test_an_answer_that_makes_no_sense_is_told(response: bytes) -> None:
    with (
        ScriptedServer([answer_all(response)]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(InvalidReplyError),
    ):
        client.update_priorities("t", [1], [1.0])


def test_a_problem_in_json_is_understood() -> None:
    document = {"type": "t", "title": "T", "status": 409, "detail": "d", "code": "stale_sequence"}
    response = http_response(
        encode_json({**document, "last": 12}),
        409,
        x_replay_protocol="1",
        content_type="application/problem+json; charset=utf-8",
    )
    with (
        ScriptedServer([answer_all(response)]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(StaleSequenceError) as raised,
    ):
        insert_one(client, writer=("w", 3))
    assert raised.value.last == 12


def test_a_code_from_the_future_is_a_plain_rejection() -> None:
    with (
        ScriptedServer([answer_all(problem_response("teapot", 418))]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(ServerRejectedError) as raised,
    ):
        client.info()
    assert raised.value.code == "teapot"


def test_a_refused_token_is_told() -> None:
    with (
        ScriptedServer([answer_all(problem_response("unauthenticated", 401))]) as server,
        ReplayClient(server.url) as client,
        pytest.raises(UnauthenticatedError),
    ):
        client.info()
