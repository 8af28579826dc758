"""Ids that a person can say aloud: joyful-mountain-789."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from coolname import generate_slug


def memorable_id() -> str:
    return f"{generate_slug(2)}-{secrets.randbelow(900) + 100}"


def new_connection_id() -> str:
    return secrets.token_urlsafe(12)


def new_listener_id() -> str:
    return secrets.token_urlsafe(12)


def is_listener_id(text: str) -> bool:
    return re.fullmatch(r"[\w-]{16}", text, re.ASCII) is not None


NewId = Callable[[], str]
