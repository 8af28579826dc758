"""Frames that are each voice or not, made into runs of voice: what all detectors share.

A single frame says little: a click is no speech, and the stop in "hap-py" is no pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from connectors.interfaces.voice_activity import Voiced
from schemas.values import BYTES_PER_SAMPLE


@dataclass(frozen=True, slots=True)
class SmoothingRule:
    """When voice begins and when it ends, in frames.

    It begins when ``onset_frames`` of the last ``onset_window_frames`` are voice, the newest among
    them; it then began ``margin_frames`` in front of the first of those, because speech begins
    more softly than a detector hears. It ends when ``hangover_frames`` in a row are not voice; it
    then ended ``tail_frames`` behind the last that was. So what is shorter than the hangover is no
    pause, and neither a run of voice nor a pause is decided later than ``lag_frames``.
    """

    onset_frames: int
    onset_window_frames: int
    margin_frames: int
    hangover_frames: int
    tail_frames: int

    def __post_init__(self) -> None:
        if not 1 <= self.onset_frames <= self.onset_window_frames:
            raise ValueError(f"{self}: the onset's frames must fit into its window")
        if not 0 <= self.tail_frames < self.hangover_frames or self.margin_frames < 0:
            raise ValueError(f"{self}: the tail must be shorter than the hangover")

    @property
    def held_frames(self) -> int:
        """In silence, the newest frames that a beginning voice may still claim."""
        return self.onset_window_frames - 1 + self.margin_frames

    @property
    def lag_frames(self) -> int:
        """At most so many of the frames heard are not decided."""
        return max(self.held_frames, self.hangover_frames - 1)


class Smoother:
    """One flag a frame in; how many more frames are decided out, and as what."""

    def __init__(self, rule: SmoothingRule) -> None:
        self._rule = rule
        self._is_voice = False
        self._undecided = 0
        self._window: deque[bool] = deque(maxlen=rule.onset_window_frames)

    def hear(self, is_voice: bool) -> tuple[tuple[int, bool], ...]:
        """(frames, whether they are voice) of the next decided frames, in order."""
        self._undecided += 1
        return self._speaking(is_voice) if self._is_voice else self._waiting(is_voice)

    def _speaking(self, is_voice: bool) -> tuple[tuple[int, bool], ...]:
        if is_voice:
            return (self._decide(self._undecided, True),)
        rule = self._rule
        if self._undecided < rule.hangover_frames:
            return ()
        self._is_voice = False
        self._window.clear()
        tail = ((rule.tail_frames, True),) if rule.tail_frames else ()
        self._undecided -= rule.tail_frames
        return (*tail, *self._silence())

    def _waiting(self, is_voice: bool) -> tuple[tuple[int, bool], ...]:
        rule, window = self._rule, self._window
        window.append(is_voice)
        if not is_voice or window.count(True) < rule.onset_frames:
            return self._silence()
        self._is_voice = True
        claimed = len(window) - window.index(True) + rule.margin_frames
        before = self._undecided - claimed
        silence = (self._decide(before, False),) if before > 0 else ()
        return (*silence, self._decide(self._undecided, True))

    def _silence(self) -> tuple[tuple[int, bool], ...]:
        over = self._undecided - self._rule.held_frames
        return (self._decide(over, False),) if over > 0 else ()

    def _decide(self, frames: int, is_voice: bool) -> tuple[int, bool]:
        self._undecided -= frames
        return frames, is_voice


class FramedVoiceActivity:
    """``VoiceActivity`` of a detector that judges one frame after another.

    ``is_speech`` gets ``frame_samples`` samples (mono s16le) a call, in order.
    """

    def __init__(
        self, is_speech: Callable[[bytes], bool], frame_samples: int, rule: SmoothingRule
    ) -> None:
        self._is_speech = is_speech
        self._samples = frame_samples
        self._bytes = frame_samples * BYTES_PER_SAMPLE
        self._smoother = Smoother(rule)
        self._rest = b""
        self._through = 0

    @property
    def through_sample(self) -> int:
        return self._through

    def hear(self, pcm: bytes) -> tuple[Voiced, ...]:
        data = self._rest + pcm
        size, is_speech, smooth = self._bytes, self._is_speech, self._smoother.hear
        runs: list[Voiced] = []
        whole = len(data) - len(data) % size
        for at in range(0, whole, size):
            for frames, is_voice in smooth(is_speech(data[at : at + size])):
                self._extend(runs, frames * self._samples, is_voice)
        self._rest = data[whole:]
        return tuple(runs)

    def _extend(self, runs: list[Voiced], samples: int, is_voice: bool) -> None:
        first = self._through
        self._through += samples
        if runs and runs[-1].is_voice == is_voice:
            first = runs.pop().first_sample
        runs.append(Voiced(first, self._through, is_voice))
