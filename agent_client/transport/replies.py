"""A response made into the reply that it bears, or into the error of its refusal."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, TypeAlias

import httpx
import msgspec

from agent_client.errors import (
    InvalidReplyError,
    NotAReplayServerError,
    ReplayClientError,
    ServerUnreachableError,
    rejection,
)
from agent_client.transport.connection import RawResponse
from agent_client.transport.replay_transport import BODY_EXTENSION, as_response
from replay_wire.codec import Buffer, decode
from replay_wire.endpoints import (
    PARAMETERS_VERSION_HEADER,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    Endpoint,
    MediaType,
)
from replay_wire.errors import WireFormatError
from replay_wire.json_codec import decode_json
from replay_wire.messages import Problem

__all__ = ["Answer", "Reader", "read_reply"]

_GATEWAY_STATUSES: Final = (502, 503, 504)
Reader: TypeAlias = Callable[[Buffer], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, by whatever transport.

    Attributes:
        status: the HTTP status.
        headers: by name in lower case.
        body: all of it, as it was before any compression.
    """

    status: int
    headers: Mapping[str, str]
    body: Buffer

    @classmethod
    def of_raw(cls, raw: RawResponse) -> Self:
        """Return what our own transport received, without a copy where it is not compressed.

        Raises:
            httpx.DecodingError: it does not decompress.
        """
        fields = raw.head.fields
        body = as_response(raw).read() if "content-encoding" in fields else raw.body
        return cls(raw.head.status, fields, body)

    @classmethod
    def of_response(cls, response: httpx.Response) -> Self:
        """Return what an httpx.Client received.

        Raises:
            httpx.RequestError: the body does not come whole, or does not decompress.
        """
        received: memoryview | None = response.extensions.get(BODY_EXTENSION)
        if received is None or "content-encoding" in response.headers:
            return cls(response.status_code, response.headers, response.read())
        return cls(response.status_code, response.headers, received)


def read_reply(url: str, endpoint: Endpoint, answer: Answer, reader: Reader | None) -> Any:
    """Return the reply that an answer bears.

    Raises:
        ReplayClientError: it bears a refusal, or nothing that the protocol knows.
    """
    version = answer.headers.get(PROTOCOL_HEADER)
    status = answer.status
    if version != str(PROTOCOL_VERSION):
        if version is None and status in _GATEWAY_STATUSES:
            reason = f"a gateway before it answered {status}"
            raise ServerUnreachableError(
                url, reason, may_have_happened=True, retry_after_s=_retry_after_s(answer)
            )
        raise NotAReplayServerError(url, PROTOCOL_VERSION, version, status)
    if status >= 400:
        raise _refusal(url, answer)
    if endpoint.reply is bytes:
        return _versioned(url, answer)
    if endpoint.reply is None or status == 204:
        return None
    if not 200 <= status < 300:
        raise InvalidReplyError(url, f"status {status}")
    try:
        if reader is not None:
            return reader(answer.body)
        if _is_json(answer):
            return decode_json(answer.body, endpoint.reply)
        return decode(answer.body, endpoint.reply)
    except WireFormatError as error:
        raise InvalidReplyError(url, str(error)) from error


def _versioned(url: str, answer: Answer) -> tuple[int, Buffer] | None:
    """Return version and bytes of parameters; None where the server has no newer ones."""
    if answer.status == 304:
        return None
    version = answer.headers.get(PARAMETERS_VERSION_HEADER, "")
    if answer.status != 200 or not version.isdecimal():
        raise InvalidReplyError(url, f"status {answer.status}, version {version!r}")
    return int(version), answer.body


def _refusal(url: str, answer: Answer) -> ReplayClientError:
    try:
        document = (msgspec.json if _is_json(answer) else msgspec.msgpack).decode(
            answer.body, type=dict
        )
        problem = Problem.from_document(document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return InvalidReplyError(url, f"status {answer.status} without a problem: {error}")
    return rejection(problem, _retry_after_s(answer))


def _is_json(answer: Answer) -> bool:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in (MediaType.JSON, MediaType.PROBLEM_JSON)


def _retry_after_s(answer: Answer) -> float | None:
    """Return what Retry-After says: seconds from the server, perhaps a date from a gateway."""
    said = answer.headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except ValueError:
            return None
    return seconds if 0 <= seconds < float("inf") else None
