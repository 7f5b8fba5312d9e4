"""What `/openapi.json` says of each endpoint: its bodies, its errors, examples of both.

The schemas come from the message types themselves.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from replay_server.api.error_replies import problem
from replay_server.api.examples import EXAMPLES, PROBLEM_DETAILS
from replay_wire import endpoints, messages
from replay_wire.endpoints import (
    PARAMETERS_VERSION_HEADER,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    Endpoint,
    MediaType,
)
from replay_wire.errors import ErrorCode
from replay_wire.roles import EVERY_ROLE

__all__ = ["SECURITY_SCHEMES", "operation", "schemas"]

SECURITY_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Made by `replay-server token`; asked for where the server runs with "
        "`--tokens`.",
    }
}

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (ErrorCode.INVALID_REQUEST,)
_WITH_BODY: Final = (ErrorCode.MALFORMED, ErrorCode.TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE)


def operation(
    endpoint: Endpoint, handler: Callable[..., Any], tag: str, errors: tuple[ErrorCode, ...]
) -> dict[str, Any]:
    """Return FastAPI's arguments that describe an endpoint.

    Args:
        endpoint: its messages become schemas.
        handler: the first line of its docstring becomes the summary, the rest the description.
        tag: heading.
        errors: codes that can come of it, beside those of every endpoint.
    """
    access = endpoint.access
    summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n")
    codes = (
        *errors,
        *(_WITH_BODY if endpoint.request else ()),
        *(_ALWAYS if "{" in endpoint.path else ()),
        *(() if access.is_public else (ErrorCode.UNAUTHENTICATED,)),
        *(() if access.roles == EVERY_ROLE.roles else (ErrorCode.FORBIDDEN,)),
    )
    extra: dict[str, Any] = {
        "parameters": [*_path_parameters(endpoint.path), *_query_parameters(endpoint)],
        "security": [] if access.is_public else [{name: [] for name in SECURITY_SCHEMES}],
    }
    if endpoint.request is not None:
        extra["requestBody"] = {
            "required": not endpoint.body_optional,
            "content": _content(endpoint, endpoint.request),
        }
    return {
        "tags": [tag],
        "summary": summary.rstrip("."),
        "description": description.strip(),
        "status_code": _status_of(endpoint),
        "responses": _responses(endpoint, codes),
        "openapi_extra": extra,
    }


def schemas() -> dict[str, Any]:
    """Return the schema of every message, for the document's components."""
    known = {
        message
        for endpoint in vars(endpoints).values()
        if isinstance(endpoint, Endpoint)
        for message in (endpoint.request, endpoint.reply)
        if message is not None and issubclass(message, msgspec.Struct)
    }
    _, components = msgspec.json.schema_components(
        [*sorted(known, key=lambda message: message.__name__), messages.Problem],
        ref_template=_REF,
        schema_hook=_bytes_schema,
    )
    components["Array"]["properties"]["data"] = {
        "description": "The elements in C order, little-endian; in JSON a nested list.",
        "oneOf": [{"type": "string", "format": "binary"}, {"type": "array", "items": {}}],
    }
    components["Array"]["properties"]["pad"] = {
        "description": "Zeros that put `data` on a boundary; to be skipped.",
        "type": ["string", "null"],
        "format": "binary",
    }
    facts = components["Problem"]["properties"].pop("facts", None)
    assert facts is not None
    components["Problem"]["additionalProperties"] = True
    components["Problem"]["properties"]["code"] = {"enum": [code.value for code in ErrorCode]}
    return components


def _bytes_schema(kind: type) -> dict[str, Any]:
    if kind is memoryview:
        return {"type": "string", "format": "binary"}
    raise TypeError(kind)


def _status_of(endpoint: Endpoint) -> int:
    """Return the status of an answer that all went well."""
    if endpoint is endpoints.WRITE_CHECKPOINT:
        return 201
    return 200 if endpoint.reply else 204


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
            "example": "transitions",
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    return [
        {
            "name": field.encode_name,
            "in": "query",
            "required": field.required,
            "schema": {**msgspec.json.schema(field.type), "default": field.default},
        }
        for field in msgspec.structs.fields(endpoint.query)
    ]


def _responses(endpoint: Endpoint, codes: tuple[ErrorCode, ...]) -> dict[int | str, dict[str, Any]]:
    header = {PROTOCOL_HEADER: {"schema": {"const": str(PROTOCOL_VERSION)}}}
    success: dict[str, Any] = {"description": "Done.", "headers": header}
    if endpoint.reply is not None:
        success["content"] = _content(endpoint, endpoint.reply)
    responses: dict[int | str, dict[str, Any]] = {_status_of(endpoint): success}
    if endpoint is endpoints.CREATE_TABLE:
        responses[201] = {**success, "description": "Made."}
        responses[200] = {**success, "description": "One of an equal spec stood already."}
    if endpoint is endpoints.GET_PARAMETERS:
        version = {"schema": {"type": "integer", "minimum": 1}}
        success["headers"] = {
            **header,
            PARAMETERS_VERSION_HEADER: version,
            "etag": {"schema": {"type": "string", "pattern": '^"[0-9]+"$'}},
        }
        responses[304] = {
            "description": "There is no other than the client has.",
            "headers": success["headers"],
        }
    for status in sorted({code.status for code in codes}):
        same = [code for code in codes if code.status == status]
        responses[status] = _error_response(same, header)
    return responses


def _error_response(codes: list[ErrorCode], header: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="Problem")}
    examples = {
        str(code): {
            "value": problem(
                code, *PROBLEM_DETAILS[code][:1], **PROBLEM_DETAILS[code][1]
            ).document()
        }
        for code in codes
    }
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": header,
        "content": {
            MediaType.PROBLEM_JSON.value: {"schema": schema, "examples": examples},
            MediaType.MSGPACK.value: {"schema": schema},
        },
    }


def _content(
    endpoint: Endpoint, message: type[msgspec.Struct] | type[bytes] | type[str]
) -> dict[str, Any]:
    if issubclass(message, str):
        return {MediaType.TEXT.value: {"schema": {"type": "string"}}}
    if not issubclass(message, msgspec.Struct):
        return {MediaType.BYTES.value: {"schema": {"type": "string", "format": "binary"}}}
    schema = {"$ref": _REF.format(name=message.__name__)}
    in_json: dict[str, Any] = {"schema": schema, "example": EXAMPLES[message]}
    forms = {MediaType.JSON.value: in_json, MediaType.MSGPACK.value: {"schema": schema}}
    return dict(sorted(forms.items(), key=lambda form: form[0] != endpoint.default.value))
