"""What a headless client saw, as values. Times are this machine's, UTC milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message of the gateway as it came; ``fields`` is the JSON object, ``type`` included."""

    received_at_ms: int
    type: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReceivedClip:
    """A ``translatedAudio``, announced live or found in ``history`` after a (re)join.

    ``body`` is the MP3: it came inside the message (``came_inline``) or was downloaded; None when
    the download failed for good, and ``failure`` then says why. ``stages_ms`` is empty for clips
    from history.
    """

    session_id: str
    language: str
    sequence_number: int
    previous_sequence_number: int | None
    timestamp_ms: int
    duration_s: float | None
    transcript: str
    source_transcript: str
    url: str
    received_at_ms: int
    downloaded_at_ms: int
    body: bytes | None
    from_history: bool = False
    stages_ms: Mapping[str, int] = field(default_factory=dict)
    failure: str | None = None
    came_inline: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedSkip:
    """A ``skipped`` notice: this utterance will not be heard in this language."""

    sequence_number: int
    previous_sequence_number: int | None
    reason: str
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class SpeakReport:
    """How a talk went in. ``acknowledged_sequence`` -1: nothing became durable.

    ``first_sent_at_ms`` is when sample 0 was due by the speaker's clock: sample n was spoken at
    ``first_sent_at_ms + n / 16``, unless the connection was down.
    """

    session_id: str
    stream_id: str
    epoch: int
    chunks: int
    samples: int
    acknowledged_sequence: int
    acknowledged_samples: int
    first_sent_at_ms: int
    reconnects: int
    resent_chunks: int
    errors: tuple[ReceivedMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class ListenReport:
    """What a listener got: each number once, in the order of arrival."""

    session_id: str
    language: str
    clips: tuple[ReceivedClip, ...]
    skips: tuple[ReceivedSkip, ...]
    repeats: int
    reconnects: int
    errors: tuple[ReceivedMessage, ...] = ()

    @property
    def inline_clips(self) -> int:
        """How many came inside their message."""
        return sum(clip.came_inline for clip in self.clips)
