"""SigV4 in the address of a WebSocket, from the service's side."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from local_stack.amazon_servers.signatures import EMPTY_SHA256, REGION, BadSignatureError
from tests.kvs_server.keys import Key, Keys

SERVICE = "kinesisvideo"
_LONGEST_S = 604_800
_SKEW_S = 300


def check_url(host: str, path: str, query: Mapping[str, str], keys: Keys) -> Key:
    """Whose key signed this address. Raises BadSignatureError, which says what is wrong."""
    if query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" or "X-Amz-Signature" not in query:
        raise BadSignatureError("there is no signature")
    key_id, _, scope = query.get("X-Amz-Credential", "").partition("/")
    key = keys.find(key_id)
    if key is None:
        raise BadSignatureError("an unknown key")
    if query.get("X-Amz-Security-Token") != key.token:
        raise BadSignatureError("not the token of this key")
    if key.expires_at_s < time.time():
        raise BadSignatureError("the key has expired")
    signed_at = query.get("X-Amz-Date", "")
    if scope != f"{signed_at[:8]}/{REGION}/{SERVICE}/aws4_request":
        raise BadSignatureError(f"signed for {scope}")
    if query.get("X-Amz-SignedHeaders") != "host":
        raise BadSignatureError("the host alone is to be signed")
    _check_time(signed_at, query.get("X-Amz-Expires", ""))
    signed = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
    canonical_query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(signed.items())
    )
    canonical = "\n".join(("GET", path, canonical_query, f"host:{host}", "", "host", EMPTY_SHA256))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    expected = _signature(
        key.secret, scope, "\n".join(("AWS4-HMAC-SHA256", signed_at, scope, digest))
    )
    if not hmac.compare_digest(expected, query["X-Amz-Signature"]):
        raise BadSignatureError("the signature does not match")
    return key


def _check_time(signed_at: str, expires: str) -> None:
    try:
        moment = datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lasts_s = int(expires)
    except ValueError:
        raise BadSignatureError("no date, or no time to expire") from None
    age_s = (datetime.now(UTC) - moment).total_seconds()
    if not 0 < lasts_s <= _LONGEST_S or not -_SKEW_S < age_s < lasts_s:
        raise BadSignatureError("the address has expired")


def _signature(secret: str, scope: str, to_sign: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
