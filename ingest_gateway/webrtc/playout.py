"""What a continuous stream plays next: clips in order, joined without clicks, silence between.

Pure: messages and samples in, frames of 20 ms out. A clip whose predecessor in its language has
not been heard of waits for it, but not for ever. When more than ``MOST_WAITING_S`` wait, all but
the newest clip are left out: a stream cannot be made to play faster by its listener.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 24_000
FRAME_SAMPLES = RATE_HZ // 50
MOST_WAITING_S = 15.0
LONGEST_HOLD_MS = 3_000
_FADE_SAMPLES = RATE_HZ * 3 // 1000
_FULL_SCALE = 32767

Samples = NDArray[np.float32]
Frame = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Turn:
    """A number's turn has come: ``samples`` to play, or None where it was skipped.

    ``previous``: the number before it in this language; None: it is not known, or there is none.
    """

    number: int
    previous: int | None
    samples: Samples | None


@dataclass(frozen=True, slots=True)
class Begun:
    """The first sample of this utterance's clip is in the frame that was made last."""

    number: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Queued:
    number: int
    samples: Samples


class ClipOrder:
    """Each number once, after its predecessor and what is being loaded before it, or when it was
    held for long enough. Nothing up to ``last`` is played: a job that was killed sends numbers
    again."""

    def __init__(self, last: int = -1) -> None:
        self._last = last
        self._began = False
        self._loading: set[int] = set()
        self._held: dict[int, tuple[Turn, int]] = {}

    def expect(self, number: int) -> None:
        """A message with this number has arrived; its turn is added when its clip is loaded. Higher
        numbers wait for it, also at the beginning of a stream: clips load in any order."""
        if number > self._last:
            self._loading.add(number)

    def add(self, turn: Turn, now_ms: int) -> list[Turn]:
        self._loading.discard(turn.number)
        if turn.number > self._last and turn.number not in self._held:
            self._held[turn.number] = (turn, now_ms)
        return self.ready(now_ms)

    def ready(self, now_ms: int) -> list[Turn]:
        """Those that may go on at this time; ask again at least once a second."""
        turns: list[Turn] = []
        while self._held:
            turn, since_ms = self._held[min(self._held)]
            follows = not self._began or turn.previous is None or turn.previous <= self._last
            is_next = follows and all(number > turn.number for number in self._loading)
            if not is_next and now_ms - since_ms < LONGEST_HOLD_MS:
                break
            del self._held[turn.number]
            self._last = turn.number
            self._loading = {number for number in self._loading if number > self._last}
            self._began = True
            turns.append(turn)
        return turns


class Playout:
    def __init__(self) -> None:
        self.left_out = 0
        """Clips that were not played since too much waited."""
        self._playing: Samples = np.zeros(0, np.float32)
        self._waiting: deque[_Queued] = deque()
        self._begun: list[Begun] = []

    @property
    def waiting_s(self) -> float:
        """What is queued behind the clip that is playing."""
        return sum(len(clip.samples) for clip in self._waiting) / RATE_HZ

    @property
    def idle(self) -> bool:
        return not self._waiting and not len(self._playing)

    def add(self, number: int, samples: Samples, volume: float = 1.0) -> int:
        """Queue mono samples (n,) in [-1, 1] at ``RATE_HZ``. How many clips it left out."""
        self._waiting.append(_Queued(number, _with_soft_edges(samples) * np.float32(volume)))
        left_out = 0
        if self.waiting_s > MOST_WAITING_S:
            while len(self._waiting) > 1:
                self._waiting.popleft()
                left_out += 1
        self.left_out += left_out
        return left_out

    def next_frame(self) -> Frame:
        """The next ``FRAME_SAMPLES``; silence when nothing waits."""
        while len(self._playing) < FRAME_SAMPLES and self._waiting:
            clip = self._waiting.popleft()
            self._begun.append(Begun(clip.number, len(clip.samples) / RATE_HZ))
            self._playing = np.concatenate([self._playing, clip.samples])
        frame, self._playing = self._playing[:FRAME_SAMPLES], self._playing[FRAME_SAMPLES:]
        frame = np.pad(frame, (0, FRAME_SAMPLES - len(frame)))
        return (np.clip(frame, -1, 1) * _FULL_SCALE).astype(np.int16)

    def take_begun(self) -> list[Begun]:
        """Clips that began since this was asked last. One that is left out never begins."""
        begun, self._begun = self._begun, []
        return begun


def _with_soft_edges(samples: Samples) -> Samples:
    """3 ms in and out: whatever a clip begins and ends with, the join is silent."""
    soft = samples.astype(np.float32, copy=True)
    edge = min(_FADE_SAMPLES, len(soft) // 2)
    if edge:
        ramp = np.linspace(0, 1, edge, endpoint=False, dtype=np.float32)
        soft[:edge] *= ramp
        soft[-edge:] *= ramp[::-1]
    return soft
