"""What passed through to listeners lately, and what the ledger and the clips know of the rest.

Late joiners get the last captions; a listener who comes back gets what it missed; the lag as
heard is measured against the utterance's end.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from sys import intern
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, UnsetType

from connectors.calls.policy import Policies, call
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.ledger import Ledger
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.operations.windows import PassedUtterance
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import Caption
from ingest_gateway.read_side.ledger_reads import LedgerReads
from schemas.names import clip_key
from schemas.values import LEDGER_VERSION, EntryKind, LedgerEntry, Route

KEPT_PER_LANGUAGE = 60
"""Three minutes of speech; a thousand talks in two languages take 85 MB. Older captions are read
from the ledger and the store, as they are behind a restart."""
_MOST_SIGNED = 20_000
"""Links that are kept: 10 MB."""
_LAGS = 20
_LOOK_BACK = 4
"""Entries read per wanted caption: silence and other languages lie between."""

_log = logging.getLogger(__name__)


class _Passing(msgspec.Struct, rename="camel"):
    """What is looked at in a message on its way to a listener."""

    type: str
    session_id: str | None = None
    target_language: str | None = None
    sequence_number: int | None = None
    previous_sequence_number: int | None = None
    timestamp: int = 0
    source_duration: float = 0.0
    duration: float | None = None
    transcript: str | None = None
    source_transcript: str = ""
    content_type: str | None = None
    reason: str | None = None
    audio: str | None = None
    stages: dict[str, float] | None = None
    sentence: int | UnsetType = UNSET
    ends_sentence: bool | UnsetType = UNSET


_decoder = msgspec.json.Decoder(_Passing)


class _Signed(msgspec.Struct, frozen=True):
    """A link to a clip, handed out for ``good_ms`` until then."""

    url: str
    good_until_ms: int
    good_ms: int


class _Recent:
    """``unstored`` are clips that went out inside a message, while their upload was under way.
    ``let_go``: the highest number of those that are not kept any more."""

    def __init__(self) -> None:
        self.captions: dict[int, Caption] = {}
        self.let_go = -1
        self.newest = -1
        self.unstored: set[int] = set()
        self.delivered_ms: deque[int] = deque(maxlen=_LAGS)
        self.heard_ms: deque[int] = deque(maxlen=_LAGS)

    def known(self, number: int) -> Caption | None:
        """A caption whose clip, if it has one, can be fetched."""
        return None if number in self.unstored else self.captions.get(number)

    def passed_before(self, number: int) -> bool:
        """They come in the order of their numbers, nearly: one from before what is kept is a
        repeat."""
        return number <= self.let_go or number in self.captions

    def keep(self, caption: Caption) -> None:
        self.captions[caption.sequence_number] = caption
        self.newest = max(self.newest, caption.sequence_number)
        if len(self.captions) > KEPT_PER_LANGUAGE:
            oldest = next(iter(self.captions))
            del self.captions[oldest]
            self.unstored.discard(oldest)
            self.let_go = max(self.let_go, oldest)


class Captions:
    def __init__(
        self,
        ledger: Ledger,
        clips: ClipStore,
        policies: Policies,
        limits: Limits,
        metrics: Metrics,
        now_ms: Callable[[], int],
        on_passing: Callable[[PassedUtterance], None],
    ) -> None:
        """``on_passing`` is told of each utterance and language once."""
        self._ledger = ledger
        self._reads = LedgerReads(ledger, policies)
        self._clips = clips
        self._policy = policies.directory
        self._limits = limits
        self._metrics = metrics
        self._now_ms = now_ms
        self._on_passing = on_passing
        self._recent: dict[str, dict[str, _Recent]] = {}
        self._signed: OrderedDict[str, _Signed] = OrderedDict()

    def observe(self, body: bytes, session_id: str, language: str) -> None:
        """Remember a message that goes to the listeners of a language; anything else is let by.

        One with ``audio`` goes out before its clip can be fetched; the one without it follows.
        """
        try:
            passing = _decoder.decode(body)
        except msgspec.DecodeError:
            return
        number = passing.sequence_number
        if number is None or passing.type not in ("translatedAudio", "skipped"):
            return
        language = intern(language)  # each request brings its own copy
        of_session = self._recent.setdefault(session_id, {})
        recent = of_session.get(language)
        if recent is None:
            recent = of_session[language] = _Recent()
        if passing.audio is None and passing.reason is None:
            recent.unstored.discard(number)
        if recent.passed_before(number):
            return
        if passing.audio is not None:
            recent.unstored.add(number)
        caption = Caption(
            sequence_number=number,
            target_language=language,
            timestamp=passing.timestamp,
            source_transcript=passing.source_transcript,
            source_duration=passing.source_duration,
            previous_sequence_number=passing.previous_sequence_number,
            transcript=passing.transcript,
            duration=passing.duration,
            content_type=None if passing.content_type is None else intern(passing.content_type),
            skipped=passing.reason,
            sentence=passing.sentence,
            ends_sentence=passing.ends_sentence,
        )
        recent.keep(caption)
        ended_at_ms = _ended_at_ms(caption) if passing.timestamp else None
        now_ms = self._now_ms()
        if ended_at_ms is not None:
            recent.delivered_ms.append(now_ms - ended_at_ms)
        self._on_passing(
            PassedUtterance(
                session_id,
                language,
                number,
                now_ms,
                ended_at_ms,
                {name: round(ms) for name, ms in (passing.stages or {}).items()},
                passing.reason,
            )
        )

    def newest(self, session_id: str, language: str) -> int:
        """The highest number that passed here; -1: none did."""
        recent = self._recent.get(session_id, {}).get(language)
        return -1 if recent is None else recent.newest

    def record_playback(self, session_id: str, language: str, number: int) -> None:
        """A listener heard this clip now. Our clock measures: listeners' clocks are anybody's."""
        recent = self._recent.get(session_id, {}).get(language)
        caption = None if recent is None else recent.captions.get(number)
        if recent is None or caption is None or not caption.timestamp:
            return
        lag_ms = max(0, self._now_ms() - _ended_at_ms(caption))
        recent.heard_ms.append(lag_ms)
        self._metrics.lag_seconds.labels(language).observe(lag_ms / 1000)

    def lag_ms(self, session_id: str) -> dict[str, int]:
        """By language: from the end of an utterance until it was heard (or, until a listener says
        so, delivered); the middle of the last twenty."""
        lags: dict[str, int] = {}
        for language, recent in self._recent.get(session_id, {}).items():
            measured = recent.heard_ms or recent.delivered_ms
            if measured:
                lags[language] = round(statistics.median(measured))
        return lags

    async def history(
        self, session_id: str, language: str, since: int | None
    ) -> tuple[Caption, ...]:
        """The last captions; or those after number ``since``, the oldest first and at most
        ``resumed_captions``: a listener that misses more asks again from there. What is being made
        is not in it."""
        try:
            entries = await self._entries(session_id, language, since)
            wanted = [
                (entry, route)
                for entry in entries
                for route in entry.routes or ()
                if route.language == language and _may_be_announced(entry, language)
            ]
            if since is None:
                wanted = wanted[-self._limits.history_captions :]
            else:
                wanted = wanted[: self._limits.resumed_captions]
            found = await asyncio.gather(
                *(self._caption(entry, route, entries) for entry, route in wanted)
            )
        except ConnectorError as error:
            _log.warning("session %s: no history: %s", session_id, error)
            return ()
        return tuple(caption for caption in found if caption is not None)

    async def url(self, session_id: str, language: str, number: int) -> str | None:
        """A new link to a clip; None: there is no such utterance."""
        recent = self._recent.get(session_id, {}).get(language)
        caption = None if recent is None else recent.captions.get(number)
        timestamp_ms = caption.timestamp if caption is not None else 0
        if not timestamp_ms:
            newest = self.newest(session_id, language)
            entries = await self._reads.after(session_id, number - 1, newest)
            if not entries or entries[0].number != number:
                return None
            timestamp_ms = entries[0].clip_at_ms(language)
        return await self._presign(clip_key(session_id, language, timestamp_ms))

    def forget(self, session_id: str) -> None:
        self._recent.pop(session_id, None)

    def keep_only(self, session_ids: Collection[str]) -> None:
        """Forget all other sessions, also those that a late clip brought back behind their end."""
        for session_id in self._recent.keys() - set(session_ids):
            del self._recent[session_id]

    async def _entries(
        self, session_id: str, language: str, since: int | None
    ) -> tuple[LedgerEntry, ...]:
        if since is not None:
            return await self._reads.after(session_id, since, self.newest(session_id, language))
        last = await call(self._policy, lambda: self._ledger.last(session_id))
        if last is None:
            return ()
        first = last.number - self._limits.history_captions * _LOOK_BACK
        return await call(self._policy, lambda: self._ledger.after(session_id, max(-1, first)))

    async def _caption(
        self, entry: LedgerEntry, route: Route, entries: Sequence[LedgerEntry]
    ) -> Caption | None:
        """As the ledger has fixed it. None: it is being made, its clip is not there (yet, or any
        more)."""
        fixed = entry.outcome(route.language)
        release = None if fixed is None else fixed.release
        at_ms = entry.clip_at_ms(route.language)
        key = clip_key(entry.session_id, route.language, at_ms)
        recent = self._recent.get(entry.session_id, {}).get(route.language)
        known = None if recent is None else recent.known(entry.number)
        if known is not None:
            if known.skipped is not None:
                return known
            return msgspec.structs.replace(known, url=await self._presign(key))
        caption = Caption(
            sequence_number=entry.number,
            target_language=route.language,
            timestamp=entry.captured_at_ms,
            source_transcript=entry.text,
            source_duration=entry.duration_s,
            previous_sequence_number=route.previous_number,
        )
        if fixed is not None and release is not None:
            covered = [each for each in entries if release.from_number <= each.number]
            covered = [each for each in covered if each.number <= entry.number and each.text]
            caption = msgspec.structs.replace(
                caption,
                timestamp=at_ms,
                source_transcript=" ".join(each.text for each in covered),
                source_duration=sum(each.duration_s for each in covered),
                previous_sequence_number=release.previous_number,
                sentence=release.sentence if release.sentence >= 0 else UNSET,
                ends_sentence=release.ends if release.sentence >= 0 else UNSET,
            )
            fixed = replace(fixed, text=release.phrase)
        if entry.kind is EntryKind.GAP:
            return msgspec.structs.replace(caption, skipped="gap")
        if fixed is not None and fixed.skipped is not None:
            return msgspec.structs.replace(caption, transcript=fixed.text, skipped=fixed.skipped)
        metadata = await call(self._policy, lambda: self._clips.metadata(key))
        if metadata is None:
            return None
        return msgspec.structs.replace(
            caption,
            transcript=unquote(metadata.get("transcript", "")) if fixed is None else fixed.text,
            url=await self._presign(key),
            content_type="audio/mpeg",
        )

    async def _presign(self, key: str) -> str:
        """Good for ``clip_url_s`` at least. One that was made is handed out for a while: to make
        one takes half a millisecond of CPU, and a join may want 200."""
        now_ms = self._now_ms()
        signed = self._signed.get(key)
        if signed is not None and 0 <= signed.good_until_ms - now_ms <= signed.good_ms:
            return signed.url
        kept_s = self._limits.clip_url_s // 2
        url = await self._clips.presign(key, expires_s=self._limits.clip_url_s + kept_s)
        good_ms = kept_s * 1000
        self._signed[key] = _Signed(url, now_ms + good_ms, good_ms)
        self._signed.move_to_end(key)
        if len(self._signed) > _MOST_SIGNED:
            self._signed.popitem(last=False)
        return url


def is_open(entry: LedgerEntry, language: str) -> bool:
    """What it comes to in ``language`` is still to be fixed: a clip that is stored already may
    never be told. Rows of version 1 have no outcomes, and count as delivered."""
    return entry.version >= LEDGER_VERSION and entry.outcome(language) is None


def _may_be_announced(entry: LedgerEntry, language: str) -> bool:
    """Not when it is fixed that nothing is, nor before it is fixed: the clip may be stored already,
    and another engine may find the utterance too old for a voice. A gap comes to nothing else."""
    fixed = entry.outcome(language)
    if fixed is None:
        return entry.kind is EntryKind.GAP or not is_open(entry, language)
    return fixed.is_announced


def _ended_at_ms(caption: Caption) -> int:
    return caption.timestamp + round(caption.source_duration * 1000)
