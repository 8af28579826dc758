"""A speaker without a browser: real time, resends what was not acknowledged, reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest_gateway.client.reports import ReceivedMessage, SpeakReport

CHUNK_SAMPLES = 4096


async def speak(
    url: str,
    audio: Path | bytes,
    *,
    session_id: str | None = None,
    token: str | None = None,
    source_language: str = "en",
    target_languages: Sequence[str] = (),
    stream_id: str | None = None,
    chunk_samples: int = CHUNK_SAMPLES,
    pace: float = 1.0,
    end_session: bool = True,
    on_session: Callable[[str], None] | None = None,
    on_message: Callable[[ReceivedMessage], None] | None = None,
    stop: asyncio.Event | None = None,
) -> SpeakReport:
    """Speak ``audio`` into a session and return when all of it is acknowledged.

    ``audio``: a WAV file of 16 kHz mono s16le, or such samples. ``session_id`` None: create one;
    ``on_session`` gets its id as soon as it is joined. ``token`` None: ask the gateway's local
    issuer. ``pace`` 1 is real time, 2 twice as fast. Without ``end_session`` the session goes on
    and can be spoken into again. ``stop`` ends early: what was sent is still acknowledged first.
    Raises ConnectionRefusedError-like OSError only when the gateway was never reached within 30 s,
    SpeakerRefusedError when it refuses for good (another speaker, session ended).
    """
    raise NotImplementedError
