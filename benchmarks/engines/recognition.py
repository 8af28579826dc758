"""How well the job hears a long read talk, by where it cuts: word errors and words cut in two.

python -m benchmarks.engines.recognition

The demo's five sentences, over and over, through the offline recogniser: the whole file in one
stream; ``window`` and ``pause`` as the worker runs them; and a recogniser of its own for every 3 s,
as in the flow that the job replaces. A word counts as cut where the text of one utterance ends and
the next begins more than 50 ms inside it, by forced alignment with the transcript.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import math
import statistics
import tempfile
import time
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines.offline import recognise
from benchmarks.engines.session_alone import hear_session
from benchmarks.engines.voice_material import Span, read_sentences
from benchmarks.tables import save, show
from connectors.offline.speech_to_text import OfflineSpeechToText
from local_stack.talk import PAUSE_S, make_talk, word_error_rate
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from schemas.values import SAMPLE_RATE_HZ, EntryKind

WINDOW_BYTES = 3 * SAMPLE_RATE_HZ * 2
SETTLE_SAMPLES = SAMPLE_RATE_HZ // 4
"""The job's default (docs/decisions/0002)."""
WINDOW_PANE_CHUNKS = 12
"""3 s, the job's default."""
PAUSE_PANE_CHUNKS = 1
"""Its panes of 200 ms hold a chunk each."""
EDGE_SAMPLES = SAMPLE_RATE_HZ // 20


@dataclass(frozen=True, slots=True)
class Talk:
    """``words``: where each word of ``reference`` stands, in samples."""

    pcm: bytes
    reference: str
    words: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / 2 / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Transcription:
    """``boundaries``: the samples where the text of one utterance ends. ``sent_s``: audio that the
    recogniser was given."""

    text: str
    boundaries: tuple[int, ...]
    lengths_s: tuple[float, ...]
    sent_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """``wer``: errors a word of the reference. ``utterance_s``: the median length of those with
    words. ``took_s`` of decoding, the talk's length being ``audio_s``."""

    wer: float
    errors: int
    words_said: int
    words_cut: int
    utterances: int
    utterance_s: float
    sent_s: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """``wer_*`` and ``words_cut_*`` once more as flat keys, for ``make bench``."""

    audio_s: float
    reference_words: int
    wer_whole_file: float
    wer_window: float
    wer_pause: float
    wer_fresh_windows: float
    words_cut_window: int
    words_cut_pause: int
    words_cut_fresh_windows: int
    scores: dict[str, Score]


def long_talk(at_least_s: float) -> Talk:
    """The demo's talk, as often as that takes."""
    with tempfile.TemporaryDirectory() as folder:
        once = make_talk(Path(folder) / "talk.wav")
        with wave.open(str(once.wav)) as recording:
            pcm = recording.readframes(recording.getnframes())
    words: list[Span] = []
    at = 0
    for sentence in read_sentences():
        words += [(at + start, at + end) for start, end in sentence.words]
        at += len(sentence.pcm) // 2 + round(PAUSE_S * SAMPLE_RATE_HZ)
    samples = len(pcm) // 2
    assert at == samples, "the talk is not joined as its words are counted"
    times = math.ceil(at_least_s / once.duration_s)
    return Talk(
        pcm * times,
        " ".join([once.reference] * times),
        tuple(
            (n * samples + start, n * samples + end) for n in range(times) for start, end in words
        ),
    )


def words_cut(words: Sequence[Span], boundaries: Iterable[int]) -> int:
    """How many of ``words``, which stand in order, have a boundary well inside."""
    starts = [start for start, _ in words]
    cut: set[int] = set()
    for boundary in boundaries:
        number = bisect.bisect_right(starts, boundary) - 1
        if number < 0:
            continue
        start, end = words[number]
        if start + EDGE_SAMPLES < boundary < end - EDGE_SAMPLES:
            cut.add(number)
    return len(cut)


def whole_file(talk: Talk) -> Transcription:
    async def hear() -> str:
        recogniser = OfflineSpeechToText()
        stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
        results = await recognise(stream, talk.pcm)
        await recogniser.close()
        return " ".join(word.text for each in results if each.is_final for word in each.words)

    return Transcription(asyncio.run(hear()), (), (talk.duration_s,), talk.duration_s)


def fresh_windows(talk: Talk) -> Transcription:
    """A recogniser for every 3 s, that knows nothing of the others."""

    async def hear() -> list[str]:
        recogniser = OfflineSpeechToText()
        texts: list[str] = []
        for at in range(0, len(talk.pcm), WINDOW_BYTES):
            stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
            results = await recognise(stream, talk.pcm[at : at + WINDOW_BYTES])
            words = [word.text for each in results if each.is_final for word in each.words]
            texts.append(" ".join(words))
        await recogniser.close()
        return texts

    texts = asyncio.run(hear())
    edges = range(WINDOW_BYTES // 2, len(talk.pcm) // 2, WINDOW_BYTES // 2)
    window_s = WINDOW_BYTES / 2 / SAMPLE_RATE_HZ
    lengths = tuple(window_s for text in texts if text)
    return Transcription(
        " ".join(text for text in texts if text), tuple(edges), lengths, talk.duration_s
    )


def session(cutter: Segmenter, pane_chunks: int, talk: Talk) -> Transcription:
    heard = hear_session(talk.pcm, cutter, OfflineSpeechToText(), pane_chunks=pane_chunks)
    spoken = [entry for entry in heard.entries if entry.kind is EntryKind.SPEECH]
    return Transcription(
        heard.text,
        tuple(entry.resume_sample for entry in spoken),
        tuple((entry.end_sample - entry.first_sample) / SAMPLE_RATE_HZ for entry in spoken),
        heard.sent_s,
    )


WAYS: dict[str, Callable[[Talk], Transcription]] = {
    "whole file": whole_file,
    "window": lambda talk: session(
        WindowSegmenter(settle_samples=SETTLE_SAMPLES), WINDOW_PANE_CHUNKS, talk
    ),
    "pause": lambda talk: session(PauseSegmenter(), PAUSE_PANE_CHUNKS, talk),
    "fresh 3 s": fresh_windows,
}


def score(talk: Talk, said: Transcription, took_s: float) -> Score:
    wer = word_error_rate(talk.reference, said.text)
    return Score(
        wer,
        round(wer * len(talk.words)),
        len(said.text.split()),
        words_cut(talk.words, said.boundaries),
        len(said.lengths_s),
        statistics.median(said.lengths_s),
        said.sent_s,
        took_s,
    )


def measure(talk: Talk) -> Report:
    scores: dict[str, Score] = {}
    for name, way in WAYS.items():
        started_s = time.perf_counter()
        said = way(talk)
        scores[name] = score(talk, said, time.perf_counter() - started_s)
        print(f"{name}: {scores[name].wer:.3f}", flush=True)
    return Report(
        talk.duration_s,
        len(talk.words),
        scores["whole file"].wer,
        scores["window"].wer,
        scores["pause"].wer,
        scores["fresh 3 s"].wer,
        scores["window"].words_cut,
        scores["pause"].words_cut,
        scores["fresh 3 s"].words_cut,
        scores,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/recognition.json"))
    parser.add_argument("--minutes", type=float, default=5.0, help="at least so long a talk")
    options = parser.parse_args()
    found = measure(long_talk(options.minutes * 60))
    show(
        f"{found.audio_s:.0f} s of read speech, {found.reference_words} words",
        ("cut", "WER", "errors", "said", "words cut", "utterances", "median s", "took s"),
        [
            (
                name,
                f"{each.wer:.3f}",
                each.errors,
                each.words_said,
                each.words_cut,
                each.utterances,
                each.utterance_s,
                each.took_s,
            )
            for name, each in found.scores.items()
        ],
    )
    save(options.out, found)


if __name__ == "__main__":
    main()
