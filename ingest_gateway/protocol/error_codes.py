"""Why something is refused, as clients are told."""

from __future__ import annotations

from typing import Literal

ErrorCode = Literal[
    "BAD_JSON",
    "UNKNOWN_ACTION",
    "BAD_FIELD",
    "BAD_AUDIO",
    "TOO_LARGE",
    "NO_SESSION",
    "SESSION_ENDED",
    "NOT_SPEAKER",
    "SPEAKER_TAKEN",
    "BAD_LANGUAGE",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NO_ROOM",
    "WRONG_CODE",
    "ROOM_LOCKED",
    "ROOM_FULL",
    "STAGE_TAKEN",
    "TALK_OVER",
    "ACCESS_CODE",
    "LOCKED",
    "REMOVED",
    "RATE_LIMITED",
    "SLOW_DOWN",
    "INTERNAL",
]
