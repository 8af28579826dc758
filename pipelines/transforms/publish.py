"""Step 7: store the clip, then tell the listeners of its language."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any
from urllib.parse import quote

import apache_beam as beam
from apache_beam.metrics import Metrics

from connectors.policy import call
from pipelines.core.messages import skipped, translated_audio
from pipelines.transforms.calls import CallOptions, RunCalls
from pipelines.worker.calls import CallSite
from schemas.names import RECOGNISED_STAGES, clip_key
from schemas.values import Clip, DeadLetter, Outcome, Timeline, Translation, VoicedTranslation

_log = logging.getLogger(__name__)

URL_EXPIRES_S = 600
TRANSCRIPT_METADATA_BYTES = 1_500


class Publish(beam.PTransform[Any, Any]):
    """VoicedTranslation -> main: Outcome; dead_letters."""

    def __init__(self, options: CallOptions, ticks: beam.PCollection[int] | None = None) -> None:
        super().__init__()
        self._options = options
        self._ticks = ticks

    def expand(self, voiced: beam.PCollection[VoicedTranslation]) -> Any:
        return voiced | "Publish calls" >> RunCalls(
            PublishClip(), VoicedTranslation, Outcome, self._options, self._ticks
        )


class PublishClip:
    stage = "publish"

    def call_id(self, item: VoicedTranslation) -> str:
        translation = item.translation
        entry = translation.entry
        return f"{entry.session_id}/{entry.number}/{translation.route.language}"

    async def answers(
        self, item: VoicedTranslation, at: CallSite
    ) -> AsyncIterator[Outcome | DeadLetter]:
        translation = item.translation
        if item.clip is None:
            yield await self._skip(translation, translation.skipped or "failed", at)
            return
        entry, language = translation.entry, translation.route.language
        key = clip_key(entry.session_id, language, entry.captured_at_ms)
        url = await self._store(key, item.clip, translation, at)
        timeline = translation.timeline.mark("publish", at.now_ms())
        message = translated_audio(translation, item.clip, url)
        message["stages"] = timeline.as_dict()
        delivery = await call(
            at.connectors.policies.notify,
            lambda: at.connectors.notifier.notify(entry.session_id, language, message),
        )
        yield Outcome(
            entry.session_id,
            entry.number,
            language,
            key,
            None,
            delivery.delivered,
            delivery.listeners,
            timeline,
        )

    def failed(
        self, item: VoicedTranslation, error: Exception, at: CallSite
    ) -> Iterable[Outcome | DeadLetter]:
        entry = item.translation.entry
        yield DeadLetter(
            self.stage,
            type(error).__name__,
            self.call_id(item),
            at.now_ms(),
            session_id=entry.session_id,
        )

    async def _store(self, key: str, clip: Clip, translation: Translation, at: CallSite) -> str:
        entry = translation.entry
        metadata = {
            "sessionId": entry.session_id,
            "targetLanguage": translation.route.language,
            "sequenceNumber": str(entry.number),
            "transcript": metadata_text(translation.text),
        }
        store = at.connectors.clip_store
        await call(
            at.connectors.policies.store_clip,
            lambda: store.put(key, clip.body, content_type=clip.content_type, metadata=metadata),
        )
        return await store.presign(key, expires_s=URL_EXPIRES_S)

    async def _skip(self, translation: Translation, reason: str, at: CallSite) -> Outcome:
        entry, language = translation.entry, translation.route.language
        message = skipped(translation, reason)
        delivery = await call(
            at.connectors.policies.notify,
            lambda: at.connectors.notifier.notify(entry.session_id, language, message),
        )
        timeline: Timeline = translation.timeline.mark("publish", at.now_ms())
        return Outcome(
            entry.session_id,
            entry.number,
            language,
            None,
            reason,
            delivery.delivered,
            delivery.listeners,
            timeline,
        )


def metadata_text(text: str) -> str:
    """Percent-encoded, at most 1,500 bytes, never cut inside an escape or a character."""
    out: list[str] = []
    room = TRANSCRIPT_METADATA_BYTES
    for character in text:
        encoded = quote(character, safe="")
        room -= len(encoded)
        if room < 0:
            break
        out.append(encoded)
    return "".join(out)


class Report(beam.DoFn):
    """One log line per clip, and the latency of every stage as a metric."""

    def __init__(self) -> None:
        self._stages = {stage: Metrics.distribution("stages", stage) for stage in RECOGNISED_STAGES}
        self._total = Metrics.distribution("stages", "total")
        self._skipped = Metrics.counter("outcomes", "skipped")
        self._clips = Metrics.counter("outcomes", "clips")

    def process(self, outcome: Outcome) -> Iterator[Outcome]:
        if outcome.skipped is None:
            self._clips.inc()
            for stage, spent_ms in outcome.timeline.stages:
                if stage in self._stages:
                    self._stages[stage].update(spent_ms)
            total_ms = outcome.timeline.marked_at_ms - outcome.timeline.started_at_ms
            self._total.update(total_ms)
        else:
            self._skipped.inc()
        _log.info(
            "outcome session=%s number=%d language=%s skipped=%s notified=%d of %d",
            outcome.session_id,
            outcome.number,
            outcome.language,
            outcome.skipped,
            outcome.notified,
            outcome.listeners,
        )
        yield outcome
