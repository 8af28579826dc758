"""Step 4: one clip per translation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from connectors.interfaces.errors import PermanentError
from pipelines.runtime.stored_clips import stored_clip
from pipelines.runtime.worker import CallSite
from pipelines.session.messages import ONLY_READ, UNVOICED
from schemas.values import DeadLetter, Translation, VoicedTranslation


class SynthesizeTranslation:
    """A handler of ``AsyncDoFn``. Speech that ended too long ago, and all of a language without a
    voice, is shown and not voiced. A clip that was stored before is not made again."""

    stage = "synthesize"

    def call_id(self, item: Translation) -> str:
        return f"{item.entry.session_id}/{item.entry.number}/{item.route.language}"

    async def answers(
        self, item: Translation, at: CallSite
    ) -> AsyncIterator[VoicedTranslation | DeadLetter]:
        if item.skipped is not None:
            yield VoicedTranslation(item, None)
            return
        if not item.is_fixed and not item.route.is_voiced:
            yield VoicedTranslation(replace(item, skipped=ONLY_READ), None)
            return
        voice_within_s = at.connectors.policies.voice_within_s
        if not item.is_fixed and not at.connectors.synthesizer.can_speak(item.route.language):
            yield VoicedTranslation(replace(item, skipped=UNVOICED), None)
            return
        if not item.is_fixed and item.entry.is_older_than(voice_within_s, at.now_ms()):
            yield VoicedTranslation(replace(item, skipped="late"), None)
            return
        if item.is_repeat:
            stored = await stored_clip(at.connectors, item)
            if stored is not None:
                timeline = item.timeline.mark("synthesize", at.now_ms())
                yield VoicedTranslation(replace(item, timeline=timeline), stored, is_stored=True)
                return
        clip = await at.speculation.clip(item.entry, item.route.language, item.text)
        timeline = item.timeline.mark("synthesize", at.now_ms())
        yield VoicedTranslation(replace(item, timeline=timeline), clip)

    def failed(
        self, item: Translation, error: Exception, at: CallSite
    ) -> Iterable[VoicedTranslation | DeadLetter]:
        """What was told before, perhaps, is not told otherwise because store or voices are away: it
        stays owed."""
        now_ms = at.now_ms()
        timeline = item.timeline.mark("synthesize", now_ms)
        if item.is_repeat and not isinstance(error, PermanentError):
            entry, language = item.entry, item.route.language
            at.loop.call(lambda: at.settled(entry.session_id, entry.number, language, False))
        else:
            yield VoicedTranslation(replace(item, timeline=timeline, skipped="failed"), None)
        yield DeadLetter(
            self.stage,
            type(error).__name__,
            self.call_id(item),
            now_ms,
            session_id=item.entry.session_id,
        )
