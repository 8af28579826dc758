"""A speaker's time beside that of a recognition service, which counts silence of its adapter's."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple


class _Silence(NamedTuple):
    """Silence that was only sent to the service; all in seconds."""

    service_s: float
    """When it begins, as the service counts."""
    audio_s: float
    """Where it lies in the audio."""
    duration_s: float

    @property
    def end_s(self) -> float:
        return self.service_s + self.duration_s


class AudioClock:
    """What was sent, as the speaker's audio and as the service counts it; all in seconds.

    The service counts silence that was sent only to keep the stream alive. A stream lives for
    hours, so the owner says what no result can refer to any more (``forget_before``).
    """

    def __init__(self) -> None:
        self.audio_s = 0.0
        self._silences: list[_Silence] = []
        self._known_from_s = self._forgotten_s = 0.0
        """Silences before ``_known_from_s`` of the audio are forgotten; they lasted so long."""

    @property
    def kept_silences(self) -> int:
        return len(self._silences)

    def insert_silence(self, duration_s: float) -> None:
        """Count silence that is sent after all audio that was sent so far."""
        last = self._silences[-1] if self._silences else None
        if last is not None and last.audio_s == self.audio_s:
            self._silences[-1] = last._replace(duration_s=last.duration_s + duration_s)
            return
        inserted_s = self._forgotten_s if last is None else last.end_s - last.audio_s
        self._silences.append(_Silence(self.audio_s + inserted_s, self.audio_s, duration_s))

    def to_audio_s(self, service_s: float) -> float:
        """Where in the audio the service's time lies; inserted silence has no length there. A time
        before what is kept is taken for the beginning of that."""
        index = bisect_right(self._silences, service_s, key=lambda each: each.service_s) - 1
        if index < 0:
            at_s = max(service_s - self._forgotten_s, self._known_from_s)
        else:
            silence = self._silences[index]
            at_s = silence.audio_s + max(0.0, service_s - silence.end_s)
        return min(at_s, self.audio_s)

    def forget_before(self, audio_s: float) -> None:
        """No result will refer to audio before ``audio_s``, which lies within what was sent."""
        if audio_s <= self._known_from_s:
            return
        self._known_from_s = audio_s
        gone = bisect_left(self._silences, audio_s, key=lambda each: each.audio_s)
        self._forgotten_s += sum(each.duration_s for each in self._silences[:gone])
        del self._silences[:gone]
