"""What a listener keeps on disk: messages, clips, the talk as one MP3, captions."""

from __future__ import annotations

import json
from pathlib import Path

from ingest_gateway.client.reports import ReceivedClip, ReceivedMessage
from ingest_gateway.mp3_join import audio_frames
from ingest_gateway.talk import Line, web_vtt


class SavedTalk:
    """``folder/messages.jsonl`` grows as messages come; the talk's files are written at the end."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self._language = language
        self._clips: dict[int, ReceivedClip] = {}
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        self._messages = (folder / "messages.jsonl").open("a", encoding="utf-8")

    def add_message(self, message: ReceivedMessage) -> None:
        line = {"receivedAt": message.received_at_ms, **message.fields}
        self._messages.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._messages.flush()

    def add_clip(self, clip: ReceivedClip) -> None:
        """A number that is there already stays as it is: it may be told more than once."""
        if self._clips.setdefault(clip.sequence_number, clip) is not clip:
            return
        if clip.body is not None:
            name = f"{clip.sequence_number:06d}.mp3"
            (self._folder / "clips" / name).write_bytes(clip.body)

    def finish(self) -> None:
        self._messages.close()
        clips = sorted(self._clips.values(), key=lambda clip: clip.sequence_number)
        joined = b"".join(audio_frames(clip.body) for clip in clips if clip.body is not None)
        (self._folder / f"{self._language}.mp3").write_bytes(joined)
        captions = web_vtt(_lines(clips))
        (self._folder / f"{self._language}.vtt").write_text(captions, encoding="utf-8")


def _lines(clips: list[ReceivedClip]) -> tuple[Line, ...]:
    """Times of the talk, from its first utterance here."""
    if not clips:
        return ()
    started_at_ms = clips[0].timestamp_ms
    lines: list[Line] = []
    for clip in clips:
        start_s = (clip.timestamp_ms - started_at_ms) / 1000
        lines.append(Line(start_s, start_s + (clip.duration_s or 3.0), clip.transcript))
    return tuple(lines)
