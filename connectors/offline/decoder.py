"""What a decoder process does with samples: gate silence, decode speech, end at natural pauses.

Pure of processes and sockets. pocketsphinx' search grows with its utterance, so the utterance must
end now and then; ending it inside a word costs that word. It therefore ends where the voice
activity detector hears a pause, and is content with shorter pauses the longer the utterance lasts.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.interfaces.speech_to_text import Recognition, Word

_BYTES_PER_SAMPLE = 2
_FRAME_S = 0.01
"""pocketsphinx' feature frames; its segments are counted in them."""
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_VARIANT = re.compile(r"\(\d+\)$")


class Decoder(Protocol):
    """The part of ``pocketsphinx.Decoder`` that is used here."""

    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes, no_search: bool = False, full_utt: bool = False) -> int: ...
    def end_utt(self) -> None: ...
    def seg(self) -> Any: ...


class VoiceDetector(Protocol):
    """The part of ``pocketsphinx.Vad`` that is used here."""

    @property
    def frame_bytes(self) -> int: ...
    @property
    def frame_length(self) -> float: ...
    def is_speech(self, frame: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class PauseRule:
    """When speech begins and ends.

    It begins when ``onset_ratio`` of the last ``window_s`` is voice; the decoder then also gets
    ``preroll_s`` of audio in front of that window, for soft beginnings. It ends when the last
    ``pause_s`` are not voice; ``pauses`` maps an utterance's age to the pause that is then enough,
    and an age at which it ends in any case, so that noise cannot make the search grow for ever.
    """

    window_s: float = 0.3
    onset_ratio: float = 0.7
    preroll_s: float = 0.21
    pauses: tuple[tuple[float, float], ...] = ((0.0, 0.3), (10.0, 0.18), (20.0, 0.06), (40.0, 0.0))

    def enough_s(self, age_s: float) -> float:
        return next(pause for age, pause in reversed(self.pauses) if age_s >= age)


@dataclass(slots=True)
class StreamingRecogniser:
    """Samples in, Recognition out, for one stream. ``report_every_s`` counts audio, not time."""

    decoder: Decoder
    detector: VoiceDetector
    sample_rate_hz: int
    report_every_s: float
    rule: PauseRule = field(default_factory=PauseRule)
    _rest: bytes = b""
    _through: int = 0
    _reported: int = 0
    _began: int | None = None
    _ended: int = 0
    _voiceless_s: float = 0.0
    _recent: deque[tuple[bytes, bool]] = field(default_factory=deque[tuple[bytes, bool]])

    def feed(self, pcm: bytes) -> Iterator[Recognition]:
        """Every result due within ``pcm``."""
        data = self._rest + pcm
        size = self.detector.frame_bytes
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        for at in range(0, whole, size):
            frame = data[at : at + size]
            yield from self._hear(frame, self.detector.is_speech(frame))

    def finish(self) -> Iterator[Recognition]:
        """The last result: final, and through all audio."""
        if self._began is not None and self._rest:
            self.decoder.process_raw(self._rest)
        self._through += len(self._rest) // _BYTES_PER_SAMPLE
        self._rest = b""
        yield self._end() if self._began is not None else self._result((), is_final=True)

    def _hear(self, frame: bytes, is_voice: bool) -> Iterator[Recognition]:
        self._through += len(frame) // _BYTES_PER_SAMPLE
        if self._began is None:
            self._wait_for_speech(frame, is_voice)
        else:
            self.decoder.process_raw(frame)
            self._voiceless_s = 0.0 if is_voice else self._voiceless_s + self.detector.frame_length
            age_s = (self._through - self._began) / self.sample_rate_hz
            if self._voiceless_s >= self.rule.enough_s(age_s) - 1e-6:
                yield self._end()
                return
        if self._through - self._reported >= self.report_every_s * self.sample_rate_hz:
            yield self._result(self._words(), is_final=False)

    def _wait_for_speech(self, frame: bytes, is_voice: bool) -> None:
        self._recent.append((frame, is_voice))
        window = round(self.rule.window_s / self.detector.frame_length)
        kept = window + round(self.rule.preroll_s / self.detector.frame_length)
        while len(self._recent) > kept:
            self._recent.popleft()
        voiced = sum(voice for _, voice in list(self._recent)[-window:])
        if voiced < self.rule.onset_ratio * window:
            return
        speech = b"".join(frame for frame, _ in self._recent)
        self._recent.clear()
        self._began = self._through - len(speech) // _BYTES_PER_SAMPLE
        self._voiceless_s = 0.0
        self.decoder.start_utt()
        self.decoder.process_raw(speech)

    def _end(self) -> Recognition:
        self.decoder.end_utt()
        words = self._words()
        self._began = None
        return self._result(words, is_final=True)

    def _result(self, words: tuple[Word, ...], *, is_final: bool) -> Recognition:
        self._reported = self._through
        return Recognition(words, is_final, self._through / self.sample_rate_hz)

    def _words(self) -> tuple[Word, ...]:
        if self._began is None:
            return ()
        began_s = self._began / self.sample_rate_hz
        through_s = self._through / self.sample_rate_hz
        words: list[Word] = []
        for segment in self.decoder.seg() or ():
            if _FILLER.fullmatch(segment.word):
                continue
            start_s = min(began_s + segment.start_frame * _FRAME_S, through_s)
            end_s = min(began_s + (segment.end_frame + 1) * _FRAME_S, through_s)
            words.append(Word(_VARIANT.sub("", segment.word), start_s, end_s))
        return tuple(words)
