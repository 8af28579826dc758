"""JSON bodies of HTTP requests, and JSON answers."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from litestar import MediaType, Response

from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.routes.callers import AnyRequest

T = TypeVar("T")
_MAX_BODY_BYTES = 16 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


async def read_body(request: AnyRequest, kind: type[T]) -> T:
    """Raises Refusal: TOO_LARGE, BAD_FIELD, BAD_JSON."""
    body = await request.body()
    if len(body) > _MAX_BODY_BYTES:
        raise Refusal("TOO_LARGE", f"send at most {_MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(body.removeprefix(_BYTE_ORDER_MARK) or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Refusal("BAD_FIELD", str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("BAD_JSON", "send one JSON object") from None


def json_answer(value: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), status_code=status, media_type=MediaType.JSON)
