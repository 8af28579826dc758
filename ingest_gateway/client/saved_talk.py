"""What a listener keeps on disk: messages, clips, the talk as one MP3, captions."""

from __future__ import annotations

import json
from pathlib import Path

from ingest_gateway.client.reports import ReceivedClip, ReceivedMessage
from ingest_gateway.read_side.mp3_join import JoinedMp3
from schemas.captions import Cue, web_vtt


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
        joined = JoinedMp3()
        with (self._folder / f"{self._language}.mp3").open("wb") as file:
            for clip in clips:
                if clip.body is not None:
                    file.writelines(joined.add(clip.body, _at_s(clip, clips[0])))
        captions = web_vtt(_cue(clip, clips[0]) for clip in clips)
        (self._folder / f"{self._language}.vtt").write_text(captions, encoding="utf-8")


def _at_s(clip: ReceivedClip, first: ReceivedClip) -> float:
    """Its time in the talk, from its first utterance here."""
    return (clip.timestamp_ms - first.timestamp_ms) / 1000


def _cue(clip: ReceivedClip, first: ReceivedClip) -> Cue:
    start_s = _at_s(clip, first)
    return Cue(start_s, start_s + (clip.duration_s or 3.0), clip.transcript)
