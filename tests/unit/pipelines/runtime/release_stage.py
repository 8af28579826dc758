"""A talk whose translations are released of sentences, and what its listeners get, through one job
after another: in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.translation import NO_HINTS, TranslationAbilities, TranslationHints
from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from connectors.testing.words import write_silence, write_words
from pipelines.segmentation.step_segmenter import StepSegmenter
from pipelines.sentences.sentence_buffer import SentenceRules
from pipelines.sentences.settings import ReleaseName, ReleaseSettings
from pipelines.transforms.translate import TranslateUtterance
from schemas.values import LedgerEntry, RoutedUtterance, Translation, Utterance
from tests.unit.pipelines.runtime.session_stage import (
    SESSION,
    Job,
    Stage,
    Talk,
    cut_into_chunks,
    flush,
    pass_time,
    run_to_end,
    said,
)

CHUNK_MS = 256
RULES = SentenceRules(pause_s=0.4, bare_pause_s=0.4, bare_after_words=0, bare_cap_words=12)
SETTINGS = ReleaseSettings(ReleaseName.AGREEMENT, sentences=RULES)


class UnsureTranslator:
    """``w12`` becomes ``x12``; the last word of some texts ``y12``, as engines change their minds.
    ``answers``: instead, as long as there are any."""

    def __init__(self, delay_s: float = 0.05) -> None:
        self.delay_s = delay_s
        self.asked: list[str] = []
        self.answers: list[str | Exception] = []
        self.fails = False
        self.error: Exception = PermanentError("scripted")

    @property
    def abilities(self) -> TranslationAbilities:
        return TranslationAbilities()

    def can_translate(self, source: str, target: str) -> bool:
        return True

    async def warm(self, source: str, target: str) -> None:
        """Nothing to load."""

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        self.asked.append(text)
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise self.error
        words = [f"x{word[1:]}" for word in text.split()]
        if len(words) % 3 == 1:
            words[-1] = f"y{words[-1][1:]}"
        return " ".join(words)

    async def close(self) -> None:
        """Nothing is held open."""


@dataclass
class Listening:
    """What listeners are told of one job after another, and the job that tells it."""

    stage: Stage
    job: Job
    told: list[Translation] = field(default_factory=list[Translation])

    def __post_init__(self) -> None:
        self._waiting: list[tuple[Utterance, asyncio.Task[None]]] = []
        self._seen = 0

    def hear(self, chunks: Sequence[object], ms: int) -> None:
        self.job.pane(chunks)  # pyright: ignore[reportArgumentType]
        self.wait(ms)

    def wait(self, ms: int) -> None:
        for _ in range(max(1, ms // 64)):
            pass_time(self.stage, [self.job], 64, tick_ms=64)
            while self._seen < len(self.job.sent):
                utterance = self.job.sent[self._seen]
                self._seen += 1
                if utterance.entry.routes:
                    self.stage.loop.start(self._deliver(utterance))

    async def _deliver(self, utterance: Utterance) -> None:
        host = self.job.host
        item = RoutedUtterance(utterance, utterance.entry.routes or ())
        answers = await run_to_end(TranslateUtterance(), item, self.stage.call_site)
        for answer in answers:
            if isinstance(answer, Translation):
                self.told.append(answer)
                number, language = answer.entry.number, answer.route.language
                host.settled(SESSION, number, language, True)
        if not answers:
            for route in item.routes:
                host.settled(
                    SESSION, utterance.entry.number, route.language, True, is_announced=False
                )

    def once(self, language: str = "es") -> list[Translation]:
        """What a receiver keeps that drops repeats by their number."""
        found: dict[int, Translation] = {}
        for each in self.told:
            if each.route.language == language:
                known = found.setdefault(each.entry.number, each)
                assert (known.text, known.at_ms) == (each.text, each.at_ms)
        return [found[number] for number in sorted(found)]


def listening(
    translator: UnsureTranslator, *languages: str, release: ReleaseSettings = SETTINGS
) -> Listening:
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=0.1), release, translator)
    stage.listen(*(languages or ("es",)))
    return Listening(stage, Job(stage, StepSegmenter()))


def texts(entries: Sequence[LedgerEntry], language: str = "es") -> dict[int, str]:
    """The sentences as they were released."""
    found: dict[int, str] = {}
    for entry in entries:
        outcome = entry.outcome(language)
        if outcome is not None and outcome.release is not None and entry.sentence is not None:
            found[entry.sentence] = found.get(entry.sentence, "") + outcome.text
    return found


def ids(text: str) -> list[str]:
    return [word[1:] for word in text.split()]


def sources(entries: Sequence[LedgerEntry]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for entry in entries:
        if entry.sentence is not None:
            found.setdefault(entry.sentence, []).extend(ids(entry.text))
    return found


def assert_understood(heard: Listening, talk: Talk, language: str = "es") -> None:
    """Each word of the talk was released once, in its sentence, and voiced once."""
    entries = heard.stage.entries()
    assert said(entries) == talk.words
    released = texts(entries, language)
    assert {number: ids(text) for number, text in released.items()} == sources(entries)
    told = [each for each in heard.once(language) if each.skipped is None]
    assert [word for each in told for word in ids(each.text)] == [
        word for text in released.values() for word in ids(text)
    ]
    assert [word for each in told for word in ids(each.source_text)] == ids(" ".join(talk.words))
    times = [each.at_ms for each in told]
    assert times == sorted(set(times))
    numbers = [each.entry.number for each in heard.once(language)]
    assert [each.previous_number for each in heard.once(language)] == [None, *numbers[:-1]]


def two_sentences() -> Talk:
    first, first_words = write_words(0, 11)
    second, second_words = write_words(20, 5)
    pcm = first + write_silence(0.8) + second + write_silence(1.0)
    words = tuple(word.text for word in first_words + second_words)
    return Talk(cut_into_chunks(pcm, (4096,)), words, {1: len(pcm) // 2})


def play(heard: Listening, talk: Talk, *, kills: Sequence[int] = ()) -> None:
    for at, chunk in enumerate(talk.items):
        heard.hear([chunk], CHUNK_MS)
        if at in kills:
            heard.job.crash()
            heard.wait(200)
    heard.hear([flush()], 6_000)
