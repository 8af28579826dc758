"""A listener without a browser: downloads clips, saves them, reconnects where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from ingest_gateway.client.reports import ListenReport, ReceivedClip, ReceivedMessage


async def listen(
    url: str,
    session_id: str,
    language: str,
    *,
    token: str | None = None,
    inline_audio: bool = False,
    partial_captions: bool = False,
    download: bool = True,
    save_to: Path | None = None,
    on_joined: Callable[[], None] | None = None,
    on_message: Callable[[ReceivedMessage], None] | None = None,
    on_clip: Callable[[ReceivedClip], None] | None = None,
    linger_s: float = 20.0,
    stop: asyncio.Event | None = None,
) -> ListenReport:
    """Listen until the session has ended and nothing came for ``linger_s``, or until ``stop``.

    Every clip is downloaded once (``download`` False: for load tests) and given to ``on_clip``;
    every message to ``on_message``. ``on_joined`` is called after each (re)join. ``save_to``
    receives ``messages.jsonl``, ``clips/000012.mp3``, ``{language}.mp3`` and ``{language}.vtt``.
    Raises ListenerRefusedError when the gateway refuses for good (no session, no such language).
    """
    raise NotImplementedError
