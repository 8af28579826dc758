"""What listeners are told (``shared/protocol.md``, "to listener")."""

from __future__ import annotations

from schemas.values import Clip, LedgerEntry, Translation


def translated_audio(translation: Translation, clip: Clip, url: str) -> dict[str, object]:
    entry = translation.entry
    return {
        "type": "translatedAudio",
        "sessionId": entry.session_id,
        "targetLanguage": translation.route.language,
        "url": url,
        "timestamp": entry.captured_at_ms,
        "duration": round(clip.duration_s, 3),
        "transcript": translation.text,
        "sequenceNumber": entry.number,
        "previousSequenceNumber": translation.route.previous_number,
        "sourceTranscript": entry.text,
        "sourceDuration": round(entry.duration_s, 3),
        "contentType": clip.content_type,
        "stages": translation.timeline.as_dict(),
    }


def skipped(translation: Translation, reason: str) -> dict[str, object]:
    entry: LedgerEntry = translation.entry
    return {
        "type": "skipped",
        "sessionId": entry.session_id,
        "targetLanguage": translation.route.language,
        "sequenceNumber": entry.number,
        "previousSequenceNumber": translation.route.previous_number,
        "reason": reason,
    }
