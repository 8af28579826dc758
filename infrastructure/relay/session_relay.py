"""Lambda: hand a session's event to the WebRTC worker, which only the VPC can reach.

It raises when the worker did not take the event; the event bus then tells it again.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

KEY_HEADER = "x-events-key"
TIMEOUT_S = 10


def request_of(event: Mapping[str, Any], url: str, key: str) -> urllib.request.Request:
    """The event as an API destination of the bus would post it."""
    return urllib.request.Request(  # noqa: S310 - the address is the stack's own
        url,
        data=json.dumps(event).encode(),
        headers={"content-type": "application/json", KEY_HEADER: key},
        method="POST",
    )


@cache
def events_key(secret_id: str) -> str:
    # Lambda brings it along; nothing but this call needs it.
    client: Any = import_module("boto3").client("secretsmanager")
    return str(client.get_secret_value(SecretId=secret_id)["SecretString"])


def handler(event: Mapping[str, Any], _context: object) -> None:
    request = request_of(event, os.environ["WORKER_URL"], events_key(os.environ["KEY_SECRET"]))
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
        """Raises HTTPError for all that is not a success."""
