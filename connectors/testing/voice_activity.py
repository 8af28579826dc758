"""Voice activity of words written into the samples (``scripted_words``): what is not 0 is voice.

Real detectors rightly hear no speech in such samples.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from connectors.interfaces.voice_activity import Voiced
from schemas.values import BYTES_PER_SAMPLE


class ScriptedVoiceActivityFactory:
    """``lag_samples``: the newest samples that are never decided, as real detectors need some."""

    def __init__(self, lag_samples: int = 0) -> None:
        self._lag_samples = lag_samples

    def detector(self) -> ScriptedVoiceActivity:
        return ScriptedVoiceActivity(self._lag_samples)


class ScriptedVoiceActivity:
    """``VoiceActivity``, to the sample: nothing is smoothed, so every gap between words shows."""

    def __init__(self, lag_samples: int = 0) -> None:
        self._lag_bytes = lag_samples * BYTES_PER_SAMPLE
        self._rest = b""
        self._through = 0

    @property
    def through_sample(self) -> int:
        return self._through

    def hear(self, pcm: bytes) -> tuple[Voiced, ...]:
        data = self._rest + pcm
        ready = max(0, len(data) - self._lag_bytes)
        ready -= ready % BYTES_PER_SAMPLE
        self._rest = data[ready:]
        if not ready:
            return ()
        is_voice: NDArray[np.bool_] = np.frombuffer(data[:ready], dtype="<i2") != 0
        edges = [0, *(np.flatnonzero(is_voice[1:] != is_voice[:-1]) + 1).tolist(), len(is_voice)]
        first = self._through
        self._through += len(is_voice)
        return tuple(
            Voiced(first + start, first + end, bool(is_voice[start]))
            for start, end in pairwise(edges)
        )
