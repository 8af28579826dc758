"""Step 5: fix what an utterance comes to in a language, bring it to the listeners, and store it.

The ledger is the outbox: the outcome is fixed there before any listener is told, and the first
write wins. The session is told what is settled and saves the ledger's head now and then; a job that
was killed tells what lies after the head again, the same to the letter, and receivers drop the
repeat by its number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError, NoEntryError, RetryableError
from connectors.interfaces.notifier import Audience, Delivery
from pipelines.runtime.stored_clips import store_clip
from pipelines.runtime.worker import CallSite
from pipelines.session.messages import inline_audio, skipped, translated_audio
from schemas.names import clip_key
from schemas.values import (
    Clip,
    DeadLetter,
    FixedOutcome,
    Outcome,
    Timeline,
    Translation,
    VoicedTranslation,
)

_log = logging.getLogger(__name__)

T = TypeVar("T")

URL_EXPIRES_S = 600
LEDGER_WAIT_S = 1.0


class PublishClip:
    """A handler of ``AsyncDoFn``."""

    stage = "publish"

    def call_id(self, item: VoicedTranslation) -> str:
        translation = item.translation
        entry = translation.entry
        return f"{entry.session_id}/{entry.number}/{translation.route.language}"

    async def answers(
        self, item: VoicedTranslation, at: CallSite
    ) -> AsyncIterator[Outcome | DeadLetter]:
        publication = Publication(item.translation, at)
        entry, language = item.translation.entry, item.translation.route.language
        try:
            await publication.publish(item.clip, is_stored=item.is_stored)
        except NoEntryError:
            # Its session was erased meanwhile: no listener is owed it, and none is told.
            _log.info("session %s: entry %d is gone", entry.session_id, entry.number)
            at.settled(entry.session_id, entry.number, language, True, is_announced=False)
            return
        if publication.error is not None:
            yield self._letter(item, publication.error, at)
        if publication.sent:
            outcome = publication.outcome()
            at.connectors.traces.tell(outcome)
            yield outcome
        at.settled(
            entry.session_id,
            entry.number,
            language,
            publication.is_delivered,
            stands=publication.stands,
        )

    def failed(
        self, item: VoicedTranslation, error: Exception, at: CallSite
    ) -> Iterable[Outcome | DeadLetter]:
        entry, language = item.translation.entry, item.translation.route.language
        at.loop.call(lambda: at.settled(entry.session_id, entry.number, language, False))
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
class _SentMessage:
    """One message to one audience, as of when it was sent."""

    has_clip: bool
    delivery: Delivery
    timeline: Timeline


class Publication:
    """One utterance in one language on its way to the listeners.

    A clip that fits goes inside a message to those who take it so, as soon as the outcome is fixed.
    The others are told its link when the upload beside it is done. Neither waits for the other or
    fails with it. ``error`` is the first that no retry mended; ``stands``, what the ledger held
    for it once it was fixed here. While the store or the voices are
    away nothing else is told in a clip's place: the outcome is fixed, so the utterance stays owed.
    """

    def __init__(self, translation: Translation, at: CallSite) -> None:
        self.sent: list[_SentMessage] = []
        self.error: ConnectorError | None = None
        self.stands: FixedOutcome | None = None
        self._translation = translation
        self._at = at
        self._session_id = translation.entry.session_id
        self._number = translation.entry.number
        self._language = translation.route.language
        self._key: str | None = None
        self._skipped: str | None = None
        self._is_owed = False

    @property
    def is_delivered(self) -> bool:
        """Whether every audience was told, or has nobody in it. Of one that could not be asked the
        utterance stays owed; the others drop what they are told again, by its number."""
        return bool(self.sent) and not self._is_owed

    async def publish(self, clip: Clip | None, *, is_stored: bool = False) -> None:
        """Fix the outcome and carry it out. The translation says why there is no ``clip``."""
        if clip is None:
            reason = self._translation.skipped or "failed"
            stands = await self._fix(reason)
            await self._carry_out(stands, None)
            return
        key = clip_key(self._session_id, self._language, self._translation.at_ms)
        storing = asyncio.create_task(_nothing() if is_stored else self._store(clip))
        try:
            stands = await self._fix(None)
            if stands.skipped is None and stands.text == self._translation.text:
                await self._tell_of_clip(key, clip, storing)
                return
        except NoEntryError:
            storing.cancel()
            raise
        finally:
            if not storing.done():
                await asyncio.wait((storing,))
        await self._carry_out(stands, key)

    def outcome(self) -> Outcome:
        """Of everything that was told; as of the last message that had a listener."""
        clip_went_out = any(each.has_clip and each.delivery.delivered for each in self.sent)
        last = max(
            self.sent,
            key=lambda each: (each.delivery.listeners > 0, each.timeline.marked_at_ms),
        )
        return Outcome(
            self._session_id,
            self._number,
            self._language,
            self._key,
            None if clip_went_out else self._skipped,
            sum(each.delivery.delivered for each in self.sent),
            sum(each.delivery.listeners for each in self.sent),
            last.timeline,
        )

    async def _fix(self, reason: str | None) -> FixedOutcome:
        """What stands in the ledger for this utterance and language from now on."""
        translation, ledger = self._translation, self._at.connectors.ledger
        wanted = FixedOutcome(self._language, translation.text, reason, self._at.now_ms())
        if translation.is_fixed:
            return replace(wanted, skipped=translation.skipped)
        self.stands = await self._insist(lambda: ledger.fix(self._session_id, self._number, wanted))
        return self.stands

    async def _carry_out(self, stands: FixedOutcome, key: str | None) -> None:
        """Tell what the ledger holds; it may be what another engine had fixed before."""
        self._translation = replace(self._translation, text=stands.text, skipped=stands.skipped)
        if stands.skipped is not None:
            await self._skip(stands.skipped)
            return
        key = key or clip_key(self._session_id, self._language, self._translation.at_ms)
        try:
            clip = await self._at.speculation.clip(
                self._translation.entry, self._language, stands.text
            )
        except ConnectorError as error:
            await self._fail(error)
            return
        await self._tell_of_clip(key, clip, asyncio.create_task(self._store(clip)))

    async def _tell_of_clip(
        self, key: str, clip: Clip, storing: asyncio.Task[ConnectorError | None]
    ) -> None:
        url = await self._at.connectors.clip_store.presign(key, expires_s=URL_EXPIRES_S)
        audio = inline_audio(clip)
        notifier = self._at.connectors.notifier
        if audio is None or notifier.knows_nobody_inline(self._session_id, self._language):
            await self._tell_when_stored(key, url, clip, storing, Audience.ALL)
            return
        message = translated_audio(self._translation, clip, url, audio=audio)
        await asyncio.gather(
            self._tell(message, Audience.INLINE),
            self._tell_when_stored(key, url, clip, storing, Audience.LINK),
        )

    async def _tell_when_stored(
        self,
        key: str,
        url: str,
        clip: Clip,
        storing: asyncio.Task[ConnectorError | None],
        audience: Audience,
    ) -> None:
        error = await storing
        if error is not None:
            await self._fail(error, audience)
            return
        self._key = key
        await self._tell(translated_audio(self._translation, clip, url), audience)

    async def _fail(self, error: ConnectorError, audience: Audience = Audience.ALL) -> None:
        """There is no clip, though one was fixed. An error that passes leaves the utterance owed;
        one that stays is told."""
        self._note(error)
        if isinstance(error, RetryableError):
            self._is_owed = True
        else:
            await self._skip("failed", audience)

    async def _skip(self, reason: str, audience: Audience = Audience.ALL) -> None:
        self._skipped = reason
        await self._tell(skipped(self._translation, reason), audience)

    async def _store(self, clip: Clip) -> ConnectorError | None:
        """None: the clip lies under its key now."""
        try:
            await store_clip(self._at.connectors, self._translation, clip)
        except ConnectorError as error:
            return error
        return None

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
            self._is_owed = True
            return
        self.sent.append(_SentMessage(has_clip, delivery, timeline))

    async def _insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The ledger is waited for: without it no listener may be told."""
        while True:
            try:
                return await call(self._at.connectors.policies.ledger, attempt)
            except RetryableError:
                await asyncio.sleep(LEDGER_WAIT_S)

    def _note(self, error: ConnectorError) -> None:
        self.error = self.error or error


async def _nothing() -> None:
    """The clip was stored before."""
