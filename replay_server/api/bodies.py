"""Bodies: from the socket to a message, and from a message to the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec
from starlette.types import Receive, Send

from replay_server.api.compression import SMALLEST_COMPRESSED_BYTES, compress, decompress
from replay_server.api.headers import RequestHeaders
from replay_server.errors import TooLargeError
from replay_server.traffic import Account
from replay_wire import codec, json_codec
from replay_wire.codec import Buffer
from replay_wire.endpoints import MediaType
from replay_wire.json_codec import MAX_JSON_ELEMENTS
from replay_wire.messages import Problem

__all__ = [
    "ByteBody",
    "ClientGoneError",
    "client_gone",
    "read_bytes",
    "read_message",
    "send_answer",
    "send_body",
    "send_pieces",
]

_JOINED_BELOW_BYTES: Final = 1 << 16
_THREADED_FROM_BYTES: Final = 1 << 18


class ClientGoneError(Exception):
    """The client hung up before its request was whole."""


class ByteBody(NamedTuple):
    """A body that is no message, on its way in.

    Attributes:
        chunks: its bytes as they come, decompressed; raises what `read_bytes` does.
        size: how many will come, where that is known.
    """

    chunks: AsyncIterator[bytes]
    size: int | None


async def read_message(
    receive: Receive,
    headers: RequestHeaders,
    message_type: type[msgspec.Struct],
    default: MediaType,
    limit: int,
    account: Account,
    turn: Callable[[], Awaitable[None]],
    *,
    may_be_empty: bool = False,
) -> Any:
    """Return the message of a request's body, as an instance of `message_type`.

    Args:
        receive: gives the body, as it comes.
        headers: of the request.
        message_type: what is expected.
        default: the form of a body that does not say which it has.
        limit: bytes that it may have, before and after decompression.
        account: takes the bytes as they come.
        turn: to be awaited once they are there, before any work is done on them.
        may_be_empty: whether no body at all asks for the message's defaults.

    Raises:
        UnsupportedMediaTypeError: neither MessagePack nor JSON, or compressed in an unknown way.
        TooLargeError: more than `limit` bytes, before or after decompression.
        OverloadedError: too many bytes of others are under way, or `turn` says so.
        WireFormatError: the bytes are no such message.
        ClientGoneError: the client hung up on the way.
    """
    form, coding = headers.body_form(default), headers.body_coding()
    body = await _read(receive, headers.content_length, limit, account)
    if coding is not None:
        body = await asyncio.to_thread(decompress, body, coding, limit, account.take)
    await turn()
    if not body and may_be_empty:
        return message_type()
    decode = codec.decode if form is MediaType.MSGPACK else json_codec.decode_json
    return decode(body, message_type)


async def read_bytes(
    receive: Receive, headers: RequestHeaders, limit: int, account: Account
) -> ByteBody:
    """Return a body of bytes, to be taken in as it comes; a compressed one is read whole first.

    Raises:
        UnsupportedMediaTypeError: compressed in an unknown way.
        TooLargeError: more than `limit` bytes, before or after decompression.
        MalformedBodyError: it does not decompress.
        ClientGoneError: the client hung up on the way.
    """
    coding = headers.body_coding()
    _check_length(headers.content_length, limit)
    if coding is not None:
        body = await _read(receive, headers.content_length, limit, account)
        plain = await asyncio.to_thread(decompress, body, coding, limit, account.take)
        return ByteBody(_once(bytes(plain)), len(plain))
    length = headers.content_length
    return ByteBody(_chunks(receive, limit, account), None if length is None else int(length))


async def send_answer(
    send: Send,
    headers: RequestHeaders,
    default: MediaType,
    status: int,
    message: object,
    extra_headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a message in the form that the client likes best; None is an answer without a body."""
    if message is None:
        await _send(send, status, [], [*extra_headers])
        return
    form = headers.answer_form(default)
    if form is MediaType.JSON and json_codec.element_count(message) > MAX_JSON_ELEMENTS:
        form = default  # an Accept that can't be met
    body: list[Buffer]
    if form is MediaType.MSGPACK:
        body = codec.encode(message)
    else:
        body = [json_codec.encode_json(message)]
        form = MediaType.PROBLEM_JSON if isinstance(message, Problem) else form
    await send_body(send, headers, status, body, form, extra_headers)


async def send_body(
    send: Send,
    headers: RequestHeaders,
    status: int,
    body: list[Buffer],
    content_type: str,
    extra_headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a body of that type, compressed where the client asks for it."""
    coding = headers.answer_coding()
    sent = [(b"content-type", content_type.encode()), *extra_headers]
    size = sum(memoryview(part).nbytes for part in body)
    if coding is not None and size >= SMALLEST_COMPRESSED_BYTES:
        whole = b"".join(body)
        body = [
            compress(whole, coding)
            if size < _THREADED_FROM_BYTES
            else await asyncio.to_thread(compress, whole, coding)
        ]
        size = len(body[0])
        sent += [(b"content-encoding", coding), (b"vary", b"accept-encoding")]
    elif size < _JOINED_BELOW_BYTES:
        body = [b"".join(body)]
    await _send(send, status, body, [(b"content-length", str(size).encode()), *sent])


async def send_pieces(
    send: Send,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    pieces: AsyncIterator[Buffer] | None,
) -> None:
    """Send an answer piece by piece, no faster than the client takes it; None is no body.

    An error of the pieces is passed on: the answer stays cut short, and the connection ends.
    """
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    if pieces is not None:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def client_gone(receive: Receive) -> None:
    """Return when the client has hung up. To be awaited once its body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(
    receive: Receive, content_length: bytes | None, limit: int, account: Account
) -> Buffer:
    """Return the whole body; refuse one that says, or proves, to be too large."""
    _check_length(content_length, limit)
    body: bytes | bytearray = b""
    async for chunk in _chunks(receive, limit, account):
        if not body:
            body = chunk
        else:  # a bytearray: however small the chunks are, it takes no more than them
            body = body if isinstance(body, bytearray) else bytearray(body)
            body += chunk
    return body


def _check_length(content_length: bytes | None, limit: int) -> None:
    if content_length is not None and int(content_length) > limit:
        raise TooLargeError("bytes of a request's body", limit, int(content_length))


async def _chunks(receive: Receive, limit: int, account: Account) -> AsyncIterator[bytes]:
    """Give a body chunk by chunk; refuse one that proves to be too large."""
    size = 0
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = event.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLargeError("bytes of a request's body", limit, f"more than {limit}")
        account.take(len(chunk))
        more = event.get("more_body", False)
        yield chunk


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _send(
    send: Send, status: int, body: list[Buffer], headers: list[tuple[bytes, bytes]]
) -> None:
    """Send an answer. When this returns, what is left of a large one is soon taken.

    Each `send` waits until the client has taken what was sent before: so a large part is followed
    by an empty one.
    """
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if len(body) > 1:
        for part in body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        body = []
    await send({"type": "http.response.body", "body": body[0] if body else b""})
