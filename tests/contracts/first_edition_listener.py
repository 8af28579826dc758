"""What a listener of commit 9bc5d6e made of the messages that it got: its client and its page.

Listeners of that commit stay connected while the job is updated, so that their reading is part of
the protocol. Copied, with nothing added but the types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FirstEditionListener:
    """``transcripts`` by number, as both showed them in the order of numbers; ``clips`` are links
    of what was played, ``skips`` (number, reason)."""

    transcripts: dict[int, str] = field(default_factory=dict[int, str])
    times: dict[int, int] = field(default_factory=dict[int, int])
    clips: list[str] = field(default_factory=list[str])
    skips: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    partial: str = ""
    repeats: int = 0
    _previous: dict[int, int | None] = field(default_factory=dict[int, "int | None"])
    _heard_before: int = -1

    def receive(self, fields: Mapping[str, Any]) -> None:
        match fields["type"]:
            case "sessionJoined":
                for caption in fields["history"]:
                    self.transcripts[int(caption["sequenceNumber"])] = caption["transcript"] or ""
                if fields["history"]:
                    self._heard_before = int(fields["history"][-1]["sequenceNumber"])
            case "translatedAudio" | "skipped":
                self._take(fields)
            case "partialCaption":
                self.partial = str(fields["text"])
            case _:
                pass  # of types that it did not know it took no notice

    def complete_until(self) -> int:
        """The last number before which nothing is missing, by the chain of previous numbers."""
        until = self._heard_before
        for number in sorted(self._previous):
            if until not in (self._heard_before, self._previous[number]):
                break
            until = number
        return until

    def _take(self, fields: Mapping[str, Any]) -> None:
        number = int(fields["sequenceNumber"])
        if number in self._previous:
            self.repeats += 1
            return
        self._previous[number] = fields.get("previousSequenceNumber")
        self.transcripts[number] = str(fields.get("transcript") or "")
        reason = fields.get("skipped") or fields.get("reason")
        if reason is not None:
            self.skips.append((number, str(reason)))
            return
        self.times[number] = int(fields["timestamp"])
        self.clips.append(str(fields["url"]))
