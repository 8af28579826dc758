"""An engine process for tests that reads scripted words out of a line, as Whisper's would."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.local.engine_process import serve
from connectors.local.whisper_process import WhisperServer
from connectors.testing.words import WordReader


@dataclass(frozen=True, slots=True)
class Segment:
    text: str
    avg_logprob: float = -0.1
    no_speech_prob: float = 0.05


def transcribe(samples: Any) -> Iterable[Segment]:
    pcm = (samples * 32_768).round().astype("<i2").tobytes()
    words = WordReader().read(pcm)
    if sys.argv[2] == "dies" and len(words) > 5:
        os._exit(1)
    if sys.argv[2] == "hangs" and len(words) > 5:
        time.sleep(60)
    return [Segment(f" {' '.join(word.text for word in words)}")] if words else []


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: WhisperServer(transcribe))
