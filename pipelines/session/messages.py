"""What listeners and speakers are told (``docs/protocol.md``)."""

from __future__ import annotations

import base64

from schemas.values import Clip, LedgerEntry, Translation

ONLY_READ, UNVOICED = "captions", "unvoiced"
"""Why a text is told without a clip: its listeners only read; no voice speaks its language."""

INLINE_AUDIO_BYTES = 64 * 1024
"""Of a clip inside a message, in base64."""


def inline_audio(clip: Clip) -> str | None:
    """The clip in base64; None: it is too big to go inside a message."""
    if -(-len(clip.body) // 3) * 4 > INLINE_AUDIO_BYTES:
        return None
    return base64.b64encode(clip.body).decode()


def translated_audio(
    translation: Translation, clip: Clip, url: str, *, audio: str | None = None
) -> dict[str, object]:
    """``audio``: the clip itself, for listeners who take it inside the message."""
    entry = translation.entry
    inside = _sentence(translation)
    inside |= {} if audio is None else {"audio": audio}
    return {
        "type": "translatedAudio",
        "sessionId": entry.session_id,
        "targetLanguage": translation.route.language,
        "url": url,
        "timestamp": translation.at_ms,
        "duration": round(clip.duration_s, 3),
        "transcript": translation.text,
        "sequenceNumber": entry.number,
        "previousSequenceNumber": translation.previous_number,
        "sourceTranscript": translation.source_text,
        "sourceDuration": round(translation.source_duration_s, 3),
        "contentType": clip.content_type,
        "stages": translation.timeline.as_dict(),
        **inside,
    }


def skipped(translation: Translation, reason: str) -> dict[str, object]:
    """There will be no clip. What was translated all the same is shown as a caption."""
    entry: LedgerEntry = translation.entry
    caption: dict[str, object] = {}
    if translation.text:
        caption = {
            "transcript": translation.text,
            "sourceTranscript": translation.source_text,
            "timestamp": translation.at_ms,
            "sourceDuration": round(translation.source_duration_s, 3),
            **_sentence(translation),
        }
    return {
        "type": "skipped",
        "sessionId": entry.session_id,
        "targetLanguage": translation.route.language,
        "sequenceNumber": entry.number,
        "previousSequenceNumber": translation.previous_number,
        "reason": reason,
        **caption,
    }


def _sentence(translation: Translation) -> dict[str, object]:
    """Which sentence it belongs to, and whether it ends it."""
    if translation.phrase is None or translation.phrase.release.sentence < 0:
        return {}
    release = translation.phrase.release
    fields: dict[str, object] = {"sentence": release.sentence, "endsSentence": release.ends}
    return {**fields, "catchesUp": True} if release.catches_up else fields


def translated_caption(
    entry: LedgerEntry, language: str, sentence: int, text: str, preview: str, *, is_final: bool
) -> dict[str, object]:
    """The open sentence in ``language``: what is released of it by now, and in ``preview`` the rest
    of its draft, which may still change. It is ahead of the voice."""
    return {
        "type": "translatedCaption",
        "sessionId": entry.session_id,
        "targetLanguage": language,
        "sequenceNumber": entry.number,
        "sentence": sentence,
        "text": text,
        "preview": preview,
        "final": is_final,
    }


def partial_caption(number: int, text: str, language: str) -> dict[str, object]:
    """What the speaker seems to be saying, in the speaker's ``language``; it may still change."""
    return {"type": "partialCaption", "sequenceNumber": number, "text": text, "language": language}


def own_caption(number: int, text: str, *, final: bool) -> dict[str, object]:
    return {"type": "ownCaption", "sequenceNumber": number, "text": text, "final": final}
