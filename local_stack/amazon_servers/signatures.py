"""AWS Signature Version 4 from the service's side: of requests, and of events that follow one."""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

KEY_ID = "test"
SECRET = "test"  # noqa: S105 - what any stand-in on this machine takes
REGION = "us-east-1"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_TIME = "%Y%m%dT%H%M%SZ"
_TOLERANCE_S = 300


class BadSignatureError(Exception):
    """What a real service answers with 403; the text says which part is wrong."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """``headers``: names in lower case; ``:authority`` of HTTP/2 stands there as ``host``."""

    method: str
    path: str
    headers: Mapping[str, str]
    body_sha256: str = EMPTY_SHA256


def check_request(request: SignedRequest, service: str) -> bytes:
    """The signature, from which a chain of events begins. Raises BadSignatureError."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        raise BadSignatureError("there is no signature")
    signed_at = request.headers.get("x-amz-date", "")
    scope = f"{signed_at[:8]}/{REGION}/{service}/aws4_request"
    if found["key"] != KEY_ID:
        raise BadSignatureError("an unknown key")
    if found["scope"] != scope:
        raise BadSignatureError(f"signed for {found['scope']}, not {scope}")
    _check_time(signed_at)
    names = found["signed"].split(";")
    if "host" not in names:
        raise BadSignatureError("the host is not signed")
    missing = [name for name in names if name not in request.headers]
    if missing:
        raise BadSignatureError(f"signed headers are missing: {missing}")
    canonical = "\n".join(
        (
            request.method,
            quote(request.path),
            "",
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
            "",
            found["signed"],
            request.body_sha256,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(("AWS4-HMAC-SHA256", signed_at, scope, digest))
    expected = _sign(signed_at[:8], service, to_sign)
    if not hmac.compare_digest(expected.hex(), found["signature"]):
        raise BadSignatureError("the signature does not match")
    return expected


class EventChain:
    """Each event is signed over the one before it, the first over its request's signature."""

    def __init__(self, request_signature: bytes, service: str) -> None:
        self._prior = request_signature
        self._service = service

    def check(self, date_ms: int, signature: bytes, payload: bytes) -> None:
        signed_at = datetime.fromtimestamp(date_ms / 1000, UTC).strftime(_TIME)
        _check_time(signed_at)
        header = b"\x05:date\x08" + struct.pack("!q", date_ms)
        to_sign = "\n".join(
            (
                "AWS4-HMAC-SHA256-PAYLOAD",
                signed_at,
                f"{signed_at[:8]}/{REGION}/{self._service}/aws4_request",
                self._prior.hex(),
                hashlib.sha256(header).hexdigest(),
                hashlib.sha256(payload).hexdigest(),
            )
        )
        expected = _sign(signed_at[:8], self._service, to_sign)
        if not hmac.compare_digest(expected, signature):
            raise BadSignatureError("an event's signature does not match")
        self._prior = expected


def _check_time(signed_at: str) -> None:
    try:
        moment = datetime.strptime(signed_at, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise BadSignatureError("no date") from None
    if abs((datetime.now(UTC) - moment).total_seconds()) > _TOLERANCE_S:
        raise BadSignatureError("the signature has expired")


def _sign(day: str, service: str, to_sign: str) -> bytes:
    key = f"AWS4{SECRET}".encode()
    for part in (day, REGION, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256")
