"""Headless speaker and listener of the gateway, for people, demos, tests and load.

``python -m ingest_gateway.client speak talk.wav`` and ``... listen SESSION --language es`` are
these functions with a command line around them.
"""

from ingest_gateway.client.account import (
    GatewayRefusedError,
    create_session,
    end_session,
    fetch_token,
)
from ingest_gateway.client.listener import listen
from ingest_gateway.client.reports import (
    ListenReport,
    ReceivedClip,
    ReceivedMessage,
    ReceivedSkip,
    SpeakReport,
)
from ingest_gateway.client.speaker import speak

__all__ = [
    "GatewayRefusedError",
    "ListenReport",
    "ReceivedClip",
    "ReceivedMessage",
    "ReceivedSkip",
    "SpeakReport",
    "create_session",
    "end_session",
    "fetch_token",
    "listen",
    "speak",
]
