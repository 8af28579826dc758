"""Voice activity: in which of a stream's samples there is speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Voiced:
    """A run of samples, ``first_sample`` to ``end_sample`` (exclusive), all voice or all not."""

    first_sample: int
    end_sample: int
    is_voice: bool


class VoiceActivity(Protocol):
    """Of one stream of mono s16le at 16 kHz. Pure computation, no waiting; cheap enough for 1,000
    streams. Samples count from the first that this detector heard.

    What is decided stays. The runs of all calls together leave no hole and overlap nowhere; within
    a call they alternate. How the audio is cut into calls changes neither where voice is nor when,
    in samples, it is decided.
    """

    def hear(self, pcm: bytes) -> tuple[Voiced, ...]:
        """The runs that these bytes decide, in order; a run may go on in the next call's first.

        Any number of bytes: what is left of a frame, or of a sample, waits for the next call.
        """
        ...

    @property
    def through_sample(self) -> int:
        """Decided up to here. It lags behind what was heard: voice and its end are smoothed."""
        ...


class VoiceActivityFactory(Protocol):
    """Thread-safe."""

    def detector(self) -> VoiceActivity:
        """A detector for a stream that begins."""
        ...
