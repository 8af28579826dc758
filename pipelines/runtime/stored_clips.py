"""A clip as an object of the store: how it is put there, and how it is found there again.

What could not be brought to its listeners is told again, in a long outage several times. Its clip
is stored by then, as a rule: two requests to the store take the place of another synthesis and
another upload. The object says in its metadata which words it speaks, for an engine that lost
against another may have stored its own.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, unquote

from connectors.calls.policy import call
from connectors.interfaces.errors import PermanentError
from connectors.registry import Connectors
from schemas.names import clip_key
from schemas.session_info import KEEP_DAYS
from schemas.values import Clip, Translation

TRANSCRIPT_METADATA_BYTES = 1_500
_TRANSCRIPT, _DURATION_MS = "transcript", "durationMs"


async def store_clip(connectors: Connectors, translation: Translation, clip: Clip) -> None:
    """Put the clip under its key. Raises ``ConnectorError``."""
    entry, language = translation.entry, translation.route.language
    metadata = {
        "sessionId": entry.session_id,
        "targetLanguage": language,
        "sequenceNumber": str(entry.number),
        _TRANSCRIPT: metadata_text(translation.text),
        _DURATION_MS: str(round(clip.duration_s * 1000)),
        KEEP_DAYS: str(entry.keep_days),
    }
    await call(
        connectors.policies.store_clip,
        lambda: connectors.clip_store.put(
            _key(translation), clip.body, content_type=clip.content_type, metadata=metadata
        ),
    )


async def stored_clip(connectors: Connectors, translation: Translation) -> Clip | None:
    """The clip that lies under the translation's key and speaks its text; None: there is none, or
    this job may not look. RetryableError: the store could not be asked."""
    store, policy, key = connectors.clip_store, connectors.policies.store_clip, _key(translation)
    try:
        metadata, body = await asyncio.gather(
            call(policy, lambda: store.metadata(key)), call(policy, lambda: store.get(key))
        )
    except PermanentError:
        return None
    if metadata is None or body is None:
        return None
    duration_ms = metadata.get(_DURATION_MS.lower(), "")
    if unquote(metadata.get(_TRANSCRIPT, "")) != translation.text or not duration_ms.isdecimal():
        return None  # of other words, cut off, or of a version that did not say how long it is
    return Clip(body, int(duration_ms) / 1000)


def _key(translation: Translation) -> str:
    entry = translation.entry
    return clip_key(entry.session_id, translation.route.language, translation.at_ms)


def metadata_text(text: str) -> str:
    """Percent-encoded, at most 1,500 bytes, never cut inside an escape or a character."""
    out: list[str] = []
    room = TRANSCRIPT_METADATA_BYTES
    for character in text:
        encoded = quote(character, safe="")
        room -= len(encoded)
        if room < 0:
            break
        out.append(encoded)
    return "".join(out)
