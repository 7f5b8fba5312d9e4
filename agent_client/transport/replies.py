"""A response made into the reply that it bears, or into the error of its refusal."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from agent_client.errors import (
    InvalidReplyError,
    NotAReplayServerError,
    ReplayClientError,
    ServerUnreachableError,
    rejection,
)
from agent_client.transport.replay_transport import BODY_EXTENSION
from replay_wire.codec import Buffer, decode
from replay_wire.endpoints import PROTOCOL_HEADER, PROTOCOL_VERSION, Endpoint, MediaType
from replay_wire.errors import WireFormatError
from replay_wire.json_codec import decode_json
from replay_wire.messages import Problem

__all__ = ["Reader", "read_body", "read_reply"]

_GATEWAY_STATUSES: Final = (502, 503, 504)
Reader: TypeAlias = Callable[[Buffer], Any]


def read_body(response: httpx.Response) -> Buffer:
    """Return a response's body, where our own transport brought it without a copy."""
    received: memoryview | None = response.extensions.get(BODY_EXTENSION)
    if received is None or "content-encoding" in response.headers:
        return response.read()
    return received


def read_reply(
    url: str, endpoint: Endpoint, response: httpx.Response, body: Buffer, reader: Reader | None
) -> Any:
    """Return the reply that a response bears.

    Raises:
        ReplayClientError: it bears a refusal, or nothing that the protocol knows.
    """
    version = response.headers.get(PROTOCOL_HEADER)
    status = response.status_code
    if version != str(PROTOCOL_VERSION):
        if version is None and status in _GATEWAY_STATUSES:
            reason = f"a gateway before it answered {status}"
            raise ServerUnreachableError(
                url, reason, may_have_happened=True, retry_after_s=_retry_after_s(response)
            )
        raise NotAReplayServerError(url, PROTOCOL_VERSION, version, status)
    if status >= 400:
        raise _refusal(url, response, body)
    if endpoint.reply is None or status == 204:
        return None
    if not 200 <= status < 300:
        raise InvalidReplyError(url, f"status {status}")
    try:
        if reader is not None:
            return reader(body)
        if _is_json(response):
            return decode_json(body, endpoint.reply)
        return decode(body, endpoint.reply)
    except WireFormatError as error:
        raise InvalidReplyError(url, str(error)) from error


def _refusal(url: str, response: httpx.Response, body: Buffer) -> ReplayClientError:
    try:
        document = (msgspec.json if _is_json(response) else msgspec.msgpack).decode(body, type=dict)
        problem = Problem.from_document(document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return InvalidReplyError(url, f"status {response.status_code} without a problem: {error}")
    return rejection(problem, _retry_after_s(response))


def _is_json(response: httpx.Response) -> bool:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in (MediaType.JSON, MediaType.PROBLEM_JSON)


def _retry_after_s(response: httpx.Response) -> float | None:
    """Return what Retry-After says: seconds from the server, perhaps a date from a gateway."""
    said = response.headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except ValueError:
            return None
    return seconds if 0 <= seconds < float("inf") else None
