"""What could not be brought to its listeners is told again: how often, and what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from connectors.interfaces.errors import RetryableError
from connectors.interfaces.notifier import INLINE_AUDIO, Audience, Delivery
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.notifier import MemoryNotifier
from connectors.testing.speech_synthesis import ScriptedSynthesizer
from pipelines.runtime.worker import CallSite
from pipelines.segmentation.step_segmenter import StepSegmenter
from pipelines.session.outbox import DELIVER_AGAIN_S
from pipelines.transforms.publish import PublishClip
from pipelines.transforms.synthesize import SynthesizeTranslation
from pipelines.transforms.translate import TranslateUtterance
from schemas.values import (
    ControlKind,
    DeadLetter,
    RoutedUtterance,
    Translation,
    Utterance,
    VoicedTranslation,
)
from tests.unit.pipelines.runtime.release_stage import SETTINGS, UnsureTranslator, two_sentences
from tests.unit.pipelines.runtime.session_stage import (
    LOG,
    SESSION,
    Job,
    Stage,
    Talk,
    pass_time,
    run_to_end,
    talk_of,
)

pytestmark = pytest.mark.unit

STEP_MS = 500


class AwayNotifier(MemoryNotifier):
    """``is_away``: nobody can be asked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.tries: dict[int, list[float]] = {}

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        if "sequenceNumber" in message and message["type"] == "translatedAudio":
            number = int(str(message["sequenceNumber"]))
            self.tries.setdefault(number, []).append(asyncio.get_running_loop().time())
        if self.is_away:
            raise RetryableError("scripted: the gateway is away")
        return await super().notify(session_id, language, message, audience=audience)


class AwayStore(MemoryClipStore):
    is_away = False

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        self._refuse()
        await super().put(key, body, content_type=content_type, metadata=metadata)

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        self._refuse()
        return await super().metadata(key)

    def _refuse(self) -> None:
        if self.is_away:
            raise RetryableError("scripted: the store is away")


@dataclass
class Delivering:
    """A talk through session, translation, synthesis and publishing, with what they cost."""

    stage: Stage
    job: Job
    notifier: AwayNotifier = field(default_factory=AwayNotifier)
    store: AwayStore = field(default_factory=AwayStore)
    synthesizer: ScriptedSynthesizer = field(default_factory=ScriptedSynthesizer)
    letters: list[DeadLetter] = field(default_factory=list[DeadLetter])

    def __post_init__(self) -> None:
        self._seen = 0
        self.stage.connectors = replace(
            self.stage.connectors,
            notifier=self.notifier,
            clip_store=self.store,
            synthesizer=self.synthesizer,
        )
        self.stage.speculation._connectors = self.stage.connectors  # pyright: ignore[reportPrivateUsage]
        self.notifier.connect(SESSION, "es", "inline", [INLINE_AUDIO])
        self.notifier.connect(SESSION, "es", "link")

    def settled(self, *told: object, **more: object) -> None:
        self.job.host.settled(*told, **more)  # type: ignore[arg-type]
        _, number, language, is_delivered = told
        if self.stage.releases is not None and is_delivered:
            self.stage.releases.settled(SESSION, number, language)  # type: ignore[arg-type]

    def speak(self, talk: Talk) -> None:
        for chunk in talk.items:
            self.job.pane([chunk])
            self.wait(0.256)
        self.job.pane([LOG.control(ControlKind.END, 1, len(talk.items) - 1)])
        self.wait(6)

    def wait(self, for_s: float) -> None:
        step_ms = min(STEP_MS, round(for_s * 1000))
        for _ in range(round(for_s * 1000) // step_ms):
            pass_time(self.stage, [self.job], step_ms, tick_ms=step_ms)
            for utterance in self.job.sent[self._seen :]:
                self.stage.loop.start(self._deliver(utterance))
            self._seen = len(self.job.sent)

    async def _deliver(self, utterance: Utterance) -> None:
        at = replace(self.stage.call_site, settled=self.settled)
        item = RoutedUtterance(utterance, utterance.entry.routes or ())
        for translated in await self._answers(TranslateUtterance(), item, at):
            assert isinstance(translated, Translation)
            for voiced in await self._answers(SynthesizeTranslation(), translated, at):
                assert isinstance(voiced, VoicedTranslation)
                await self._answers(PublishClip(), voiced, at)

    async def _answers(self, handler: object, item: object, at: CallSite) -> list[object]:
        answers = await run_to_end(handler, item, at)
        self.letters += [each for each in answers if isinstance(each, DeadLetter)]
        return [each for each in answers if not isinstance(each, DeadLetter)]

    def clips(self) -> list[int]:
        """The numbers under which the ledger holds a clip."""
        outcomes = [(entry.number, entry.outcome("es")) for entry in self.stage.entries()]
        return [number for number, each in outcomes if each is not None and each.is_voiced]

    def got(self, receiver: str) -> dict[int, str]:
        """By number what a receiver keeps that drops repeats."""
        kept: dict[int, str] = {}
        for message in self.notifier.inboxes[receiver]:
            kept.setdefault(int(str(message["sequenceNumber"])), str(message["type"]))
        return kept


def delivering(*, releases: bool = False) -> tuple[Delivering, Talk]:
    if releases:
        stage = Stage(release=SETTINGS, translator=UnsureTranslator())
        stage.listen("es")
        return Delivering(stage, Job(stage, StepSegmenter())), two_sentences()
    stage = Stage()
    stage.listen("es")
    return Delivering(stage, Job(stage)), talk_of(10, seed=3)


@pytest.mark.parametrize("releases", [False, True], ids=["utterances", "releases"])
@pytest.mark.parametrize("is_killed", [False, True], ids=["one job", "killed in the outage"])
def test_an_outage_of_the_gateway_costs_no_second_translation_nor_voice(
    releases: bool, is_killed: bool
) -> None:
    heard, talk = delivering(releases=releases)
    heard.notifier.is_away = True
    heard.speak(talk)
    numbers, asked = heard.clips(), heard.synthesizer.calls_made
    assert len(numbers) > 2
    assert asked == len(numbers), "each is voiced once"
    translator = heard.stage.connectors.translator
    translated = len(translator.asked) if isinstance(translator, UnsureTranslator) else asked
    if is_killed:
        heard.wait(120)
        heard.job.crash(forgets_mark=True)
    heard.wait(600)
    heard.notifier.is_away = False
    heard.wait(400)
    kept = dict.fromkeys(numbers, "translatedAudio")
    assert (heard.got("inline"), heard.got("link")) == (kept, kept)
    assert heard.synthesizer.calls_made == asked
    if isinstance(translator, UnsureTranslator):
        assert len(translator.asked) == translated
    else:
        assert translator.calls_made == asked  # type: ignore[attr-defined]
    assert heard.job.host.sessions == 0, "nothing is owed, and the talk has ended"


def test_each_attempt_waits_longer_than_the_one_before() -> None:
    heard, talk = delivering()
    heard.notifier.is_away = True
    heard.speak(talk)
    heard.wait(1_000)
    for tries in heard.notifier.tries.values():
        # Each attempt is several tries within seconds, to two audiences.
        begun = [
            at_s
            for before, at_s in zip([-60.0, *tries], tries, strict=False)
            if at_s - before > DELIVER_AGAIN_S / 2
        ]
        waits = [after - before for before, after in pairwise(begun)]
        assert waits == pytest.approx([30, 60, 120, 240, 300], abs=12)


def test_nothing_is_voiced_while_the_store_is_away_and_once_more_when_it_is_back() -> None:
    heard, talk = delivering()
    heard.store.is_away = True
    heard.speak(talk)
    numbers, asked = heard.clips(), heard.synthesizer.calls_made
    assert heard.got("inline") == dict.fromkeys(numbers, "translatedAudio")
    assert heard.got("link") == {}
    heard.wait(600)
    assert heard.synthesizer.calls_made == asked
    heard.store.is_away = False
    heard.wait(400)
    assert heard.got("link") == dict.fromkeys(numbers, "translatedAudio")
    assert heard.synthesizer.calls_made == asked + len(numbers)


@pytest.mark.parametrize("releases", [False, True], ids=["utterances", "releases"])
def test_a_talk_that_is_deleted_while_it_is_owed_is_forgotten(releases: bool) -> None:
    heard, talk = delivering(releases=releases)
    fix = heard.stage.ledger.fix
    heard.stage.ledger.fix = _away  # type: ignore[method-assign]
    heard.speak(talk)
    heard.stage.ledger.forget(SESSION)
    heard.stage.ledger.fix = fix  # type: ignore[method-assign]
    heard.wait(60)
    asked = heard.synthesizer.calls_made
    heard.wait(600)
    assert heard.letters == []
    assert (heard.got("inline"), heard.got("link")) == ({}, {})
    assert heard.synthesizer.calls_made == asked
    assert heard.job.host.sessions == 0


async def _away(*_: object) -> None:
    raise RetryableError("scripted: ledger unreachable")
