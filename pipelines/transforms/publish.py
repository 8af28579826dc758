"""Step 7: bring the clip to the listeners of its language, and store it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import apache_beam as beam
from apache_beam.metrics import Metrics

from connectors.errors import ConnectorError
from connectors.notifier import Audience, Delivery
from connectors.policy import call
from pipelines.core.messages import inline_audio, skipped, translated_audio
from pipelines.worker.calls import CallSite
from schemas.names import RECOGNISED_STAGES, clip_key
from schemas.values import (
    Clip,
    DeadLetter,
    Outcome,
    Timeline,
    Translation,
    VoicedTranslation,
)

_log = logging.getLogger(__name__)

URL_EXPIRES_S = 600
TRANSCRIPT_METADATA_BYTES = 1_500


class PublishClip:
    stage = "publish"

    def call_id(self, item: VoicedTranslation) -> str:
        translation = item.translation
        entry = translation.entry
        return f"{entry.session_id}/{entry.number}/{translation.route.language}"

    async def answers(
        self, item: VoicedTranslation, at: CallSite
    ) -> AsyncIterator[Outcome | DeadLetter]:
        publication = Publication(item.translation, at)
        if item.clip is None:
            await publication.skip(item.translation.skipped or "failed")
        else:
            await publication.publish(item.clip)
        if publication.error is not None:
            yield self._letter(item, publication.error, at)
        if publication.told:
            outcome = publication.outcome()
            at.connectors.traces.tell(outcome)
            yield outcome

    def failed(
        self, item: VoicedTranslation, error: Exception, at: CallSite
    ) -> Iterable[Outcome | DeadLetter]:
        yield self._letter(item, error, at)

    def _letter(self, item: VoicedTranslation, error: Exception, at: CallSite) -> DeadLetter:
        return DeadLetter(
            self.stage,
            type(error).__name__,
            self.call_id(item),
            at.now_ms(),
            session_id=item.translation.entry.session_id,
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """One message to one audience, as of when it was sent."""

    has_clip: bool
    delivery: Delivery
    timeline: Timeline


class Publication:
    """One utterance in one language on its way to the listeners.

    A clip that fits goes at once, inside a message, to those who take it so. The others are told
    its link when the upload beside it is done. Neither waits for the other or fails with it.
    ``error`` is the first that no retry mended.
    """

    def __init__(self, translation: Translation, at: CallSite) -> None:
        self.told: list[_Told] = []
        self.error: ConnectorError | None = None
        self._translation = translation
        self._at = at
        self._session_id = translation.entry.session_id
        self._language = translation.route.language
        self._key: str | None = None
        self._skipped: str | None = None

    async def publish(self, clip: Clip) -> None:
        key = clip_key(self._session_id, self._language, self._translation.entry.captured_at_ms)
        url = await self._at.connectors.clip_store.presign(key, expires_s=URL_EXPIRES_S)
        audio = inline_audio(clip)
        notifier = self._at.connectors.notifier
        if audio is None or notifier.knows_nobody_inline(self._session_id, self._language):
            await self._store_and_tell(key, url, clip, Audience.ALL)
            return
        await asyncio.gather(
            self._tell(
                translated_audio(self._translation, clip, url, audio=audio), Audience.INLINE
            ),
            self._store_and_tell(key, url, clip, Audience.LINK),
        )

    async def skip(self, reason: str, audience: Audience = Audience.ALL) -> None:
        self._skipped = reason
        await self._tell(skipped(self._translation, reason), audience)

    def outcome(self) -> Outcome:
        """Of everything that was told; as of the last message that anybody listened to."""
        clip_went_out = any(each.has_clip and each.delivery.delivered for each in self.told)
        last = max(
            self.told,
            key=lambda each: (each.delivery.listeners > 0, each.timeline.marked_at_ms),
        )
        return Outcome(
            self._session_id,
            self._translation.entry.number,
            self._language,
            self._key,
            None if clip_went_out else self._skipped,
            sum(each.delivery.delivered for each in self.told),
            sum(each.delivery.listeners for each in self.told),
            last.timeline,
        )

    async def _store_and_tell(self, key: str, url: str, clip: Clip, audience: Audience) -> None:
        try:
            await self._store(key, clip)
        except ConnectorError as error:
            self._note(error)
            await self.skip("failed", audience)
            return
        self._key = key
        await self._tell(translated_audio(self._translation, clip, url), audience)

    async def _store(self, key: str, clip: Clip) -> None:
        metadata = {
            "sessionId": self._session_id,
            "targetLanguage": self._language,
            "sequenceNumber": str(self._translation.entry.number),
            "transcript": metadata_text(self._translation.text),
        }
        store = self._at.connectors.clip_store
        await call(
            self._at.connectors.policies.store_clip,
            lambda: store.put(key, clip.body, content_type=clip.content_type, metadata=metadata),
        )

    async def _tell(self, message: dict[str, object], audience: Audience) -> None:
        timeline = self._translation.timeline.mark("publish", self._at.now_ms())
        has_clip = "stages" in message
        if has_clip:
            message["stages"] = timeline.as_dict()
        notifier = self._at.connectors.notifier
        try:
            delivery = await call(
                self._at.connectors.policies.notify,
                lambda: notifier.notify(
                    self._session_id, self._language, message, audience=audience
                ),
            )
        except ConnectorError as error:
            self._note(error)
            return
        self.told.append(_Told(has_clip, delivery, timeline))

    def _note(self, error: ConnectorError) -> None:
        self.error = self.error or error


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
