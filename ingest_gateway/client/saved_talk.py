"""What a listener keeps on disk: messages, clips, the talk as one MP3, captions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from ingest_gateway.client.reports import ReceivedClip, ReceivedMessage
from ingest_gateway.read_side.mp3_join import JoinedMp3
from schemas.captions import Cue, web_vtt

_UNTIMED_S = 3.0


class SavedTalk:
    """``folder/messages.jsonl`` grows as messages come; the talk's files are written at the end."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self._language = language
        self._clips: dict[int, ReceivedClip] = {}
        self._messages_by_number: dict[int, Mapping[str, Any]] = {}
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        self._messages = (folder / "messages.jsonl").open("a", encoding="utf-8")

    def add_message(self, message: ReceivedMessage) -> None:
        line = {"receivedAt": message.received_at_ms, **message.fields}
        self._messages.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._messages.flush()
        if message.type in ("translatedAudio", "skipped") and message.fields.get("transcript"):
            number = int(message.fields["sequenceNumber"])
            self._messages_by_number.setdefault(number, message.fields)

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
        phrases = {clip.sequence_number: _phrase(clip) for clip in clips}
        phrases |= {number: _shown(told) for number, told in self._messages_by_number.items()}
        began_ms = min((phrase.at_ms for phrase in phrases.values()), default=0)
        joined = JoinedMp3()
        with (self._folder / f"{self._language}.mp3").open("wb") as file:
            for clip in clips:
                if clip.body is not None:
                    at_s = (clip.timestamp_ms - began_ms) / 1000
                    file.writelines(joined.add(clip.body, at_s))
        captions = web_vtt(_cues([phrases[number] for number in sorted(phrases)], began_ms))
        (self._folder / f"{self._language}.vtt").write_text(captions, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Phrase:
    at_ms: int
    duration_s: float
    text: str
    sentence: int | None = None


def _phrase(clip: ReceivedClip) -> _Phrase:
    return _Phrase(clip.timestamp_ms, clip.duration_s or _UNTIMED_S, clip.transcript)


def _shown(told: Mapping[str, Any]) -> _Phrase:
    duration_s = float(told.get("duration") or told.get("sourceDuration") or _UNTIMED_S)
    return _Phrase(
        int(told.get("timestamp") or 0), duration_s, str(told["transcript"]), told.get("sentence")
    )


def _cues(phrases: Sequence[_Phrase], began_ms: int) -> Iterator[Cue]:
    """A cue a sentence; a phrase of none is alone."""
    for sentence, group in groupby(phrases, key=lambda phrase: phrase.sentence):
        together = list(group)
        for parts in [together] if sentence is not None else [[part] for part in together]:
            first, last = parts[0], parts[-1]
            end_s = (last.at_ms - began_ms) / 1000 + last.duration_s
            text = " ".join(part.text for part in parts)
            yield Cue((first.at_ms - began_ms) / 1000, end_s, text)
