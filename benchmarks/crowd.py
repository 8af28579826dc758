"""Many sessions at once, each with a speaker and listeners, and what became of every one."""

from __future__ import annotations

import asyncio
import math
import time
import wave
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp

from connectors.interfaces.ledger import Ledger
from connectors.testing.words import write_silence, write_talk
from ingest_gateway.client import (
    GatewayRefusedError,
    ListenReport,
    ReceivedClip,
    SpeakReport,
    create_session,
    end_session,
    fetch_token,
    speak,
)
from local_stack.audience import (
    JOIN_TIMEOUT_S,
    POLL_S,
    Audience,
    Content,
    is_playable,
    promised,
    settled,
)
from local_stack.completeness import judge
from schemas.values import EntryKind, LedgerEntry

SCRIPTED_LANGUAGE = "es"
"""What the combined recogniser takes to be scripted; English it recognises for real."""
GATEWAY_OPTIONS = (
    "--languages=any",
    "--creates-per-minute=100000",
    "--joins-per-minute=100000",
)
T = TypeVar("T")
_LAST_SILENCE_S = 1.0
_AGAIN_AFTER_S = 1.0
_WORDS_APART = 1_000


@dataclass(frozen=True, slots=True)
class Talk:
    """What one session says, to whom. ``words`` are known when the audio is scripted."""

    name: str
    pcm: bytes
    words: tuple[str, ...] | None
    source_language: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A session that was held: what went in, what the ledger says, what came out."""

    talk: Talk
    spoken: SpeakReport
    heard: tuple[ListenReport, ...]
    entries: tuple[LedgerEntry, ...]
    reached: frozenset[tuple[int, str]]
    skipped: frozenset[tuple[int, str]]
    keys: Mapping[tuple[int, str], frozenset[str]]
    contents: Mapping[tuple[int, str], frozenset[Content]] = field(default_factory=dict)

    @property
    def clips(self) -> tuple[ReceivedClip, ...]:
        return tuple(clip for report in self.heard for clip in report.clips)


def scripted_talk(
    number: int,
    duration_s: float,
    languages: tuple[str, ...],
    words_apart: int = _WORDS_APART,
) -> Talk:
    """The same for the same number; its words are no other talk's, if it is no longer than
    ``words_apart`` words."""
    pcm, words = write_talk(duration_s, seed=number, first_word=number * words_apart)
    return Talk(
        f"scripted {number}",
        pcm + write_silence(_LAST_SILENCE_S),
        tuple(word.text for word in words),
        SCRIPTED_LANGUAGE,
        languages,
    )


def spoken_talk(wav: Path, duration_s: float, languages: tuple[str, ...]) -> Talk:
    """Read English, from the start again as often as it takes."""
    with wave.open(str(wav), "rb") as source:
        once = source.readframes(source.getnframes())
        wanted = round(duration_s * source.getframerate()) * source.getsampwidth()
    pcm = once * (wanted // len(once) + 1)
    return Talk("read English", pcm[:wanted], None, "en", languages)


class Crowd:
    """Holds sessions at a gateway, all by one speaker's account. ``inline_audio``: listeners take
    clips inside messages, as the page does. ``settle_timeout_s``, ``still_s``: how long is waited
    for all of a talk, and how long while nothing new of it comes. ``patience_s``: for how long what
    fails over HTTP is tried again, and how much longer a listener may take to join."""

    def __init__(
        self,
        gateway_url: str,
        ledger: Ledger,
        *,
        proof: Callable[[ReceivedClip], bool] = is_playable,
        inline_audio: bool = False,
        settle_timeout_s: float = 60.0,
        settle_poll_s: float = POLL_S,
        still_s: float = math.inf,
        patience_s: float = 0.0,
    ) -> None:
        self._url = gateway_url
        self._ledger = ledger
        self._proof = proof
        self._inline_audio = inline_audio
        self._settle_timeout_s = settle_timeout_s
        self._settle_poll_s = settle_poll_s
        self._still_s = still_s
        self._patience_s = patience_s
        self._token: str | None = None
        self._opening = asyncio.Lock()

    async def hold(self, talk: Talk, *, after_s: float = 0.0) -> Held:
        """One session from its creation until all of it has arrived, or patience is over."""
        await asyncio.sleep(after_s)
        token = await self._speaker()
        session_id = await self._persistently(
            lambda: create_session(
                self._url,
                token=token,
                source_language=talk.source_language,
                target_languages=talk.languages,
            )
        )
        audience = Audience(
            self._url, session_id, proof=self._proof, inline_audio=self._inline_audio
        )
        async with asyncio.TaskGroup() as group:
            for language in talk.languages:
                await audience.join(language, group, JOIN_TIMEOUT_S + self._patience_s)
            spoken = await speak(
                self._url, talk.pcm, session_id=session_id, token=token, end_session=False
            )
            await self._persistently(lambda: end_session(self._url, session_id, token=token))
            entries = await settled(
                self._ledger,
                session_id,
                [promised(spoken)],
                lambda: audience.reached | audience.skipped,
                self._settle_timeout_s,
                self._settle_poll_s,
                self._still_s,
            )
            heard = await audience.leave()
        return Held(
            talk,
            spoken,
            heard,
            entries,
            frozenset(audience.reached),
            frozenset(audience.skipped),
            {outcome: frozenset(keys) for outcome, keys in audience.keys.items()},
            {outcome: frozenset(said) for outcome, said in audience.contents.items()},
        )

    async def _speaker(self) -> str:
        async with self._opening:
            if self._token is None:
                self._token = await self._persistently(lambda: fetch_token(self._url))
            return self._token

    async def _persistently(self, call: Callable[[], Awaitable[T]]) -> T:
        until_s = time.monotonic() + self._patience_s
        while True:
            try:
                return await call()
            except (aiohttp.ClientError, GatewayRefusedError, OSError, TimeoutError):
                if time.monotonic() >= until_s:
                    raise
            await asyncio.sleep(_AGAIN_AFTER_S)


def faults(held: Held) -> tuple[str, ...]:
    """Whatever breaks a promise in one session, in words."""
    spoken = held.spoken
    verdict = judge(
        spoken.session_id,
        held.entries,
        [promised(spoken)],
        held.reached | held.skipped,
    )
    found = list(verdict.faults)
    if spoken.acknowledged_samples < spoken.samples:
        found.append(f"{spoken.samples - spoken.acknowledged_samples} samples not acknowledged")
    found += [
        f"utterance {number} in {language} under {len(keys)} keys"
        for (number, language), keys in held.keys.items()
        if len(keys) > 1
    ]
    found += wrong_words(held)
    return tuple(f"{held.talk.name}: {fault}" for fault in found)


def wrong_words(held: Held) -> list[str]:
    """Scripted words that the ledger says twice, not at all, or in another order."""
    words = count_words(held)
    if words == WordCount():
        return []
    return [
        f"words: {words.twice} twice, {words.missing} missing, {words.unknown} unknown, "
        f"of {len(held.talk.words or ())}"
        if words.twice or words.missing or words.unknown
        else "words: out of order"
    ]


@dataclass(frozen=True, slots=True)
class WordCount:
    """How the words in the ledger differ from those of a scripted talk."""

    twice: int = 0
    missing: int = 0
    unknown: int = 0
    out_of_order: bool = False


def count_words(held: Held) -> WordCount:
    """All zero for a talk whose words are not known."""
    said = (
        word
        for entry in held.entries
        if entry.kind is EntryKind.SPEECH
        for word in entry.text.split()
    )
    return _counted(held.talk.words, said)


def count_delivered_words(held: Held, language: str) -> WordCount:
    """The same of what listeners of ``language`` were told by a scripted translator (``ca:w1 w2``).
    Words of a sentence of which a notice without text says that it failed are not missing."""
    told: list[str] = []
    excused: set[str] = set()
    failed: set[int] = set()
    for entry in held.entries:
        said = held.contents.get((entry.number, language), frozenset())
        text = max((content.text or "" for content in said), key=len, default="")
        told += _words_of(text, language)
        if not text and any(content.skipped for content in said):
            excused |= set(entry.text.split())
            failed |= set() if entry.sentence is None else {entry.sentence}
    for entry in held.entries:
        if entry.sentence in failed:
            excused |= set(entry.text.split())
    words = held.talk.words
    expected = words and tuple(word for word in words if word not in excused or word in told)
    return _counted(expected, told)


def untold(held: Held, language: str) -> dict[str, list[LedgerEntry]]:
    """Utterances of which a word never reached listeners of ``language``, by what the ledger and
    the listeners' messages say of them."""
    told = {
        word
        for (_, told_in), said in held.contents.items()
        if told_in == language
        for content in said
        for word in _words_of(content.text or "", language)
    }
    found: defaultdict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in held.entries:
        if set(entry.text.split()) <= told:
            continue
        if not any(route.language == language for route in entry.routes or ()):
            found["without a route"].append(entry)
        elif (entry.number, language) in held.contents:
            found["told without text"].append(entry)
        else:
            found["not told"].append(entry)
    return dict(found)


def _words_of(text: str, language: str) -> list[str]:
    """The source words in what the scripted translator says (``ca:w1 w2``)."""
    return text.replace(f"{language}:", " ").split()


def _counted(words: tuple[str, ...] | None, found: Iterable[str]) -> WordCount:
    said = tuple(found)
    if words is None or said == words:
        return WordCount()
    counted = WordCount(
        twice=len(said) - len(set(said)),
        missing=len(set(words) - set(said)),
        unknown=len(set(said) - set(words)),
    )
    return WordCount(out_of_order=True) if counted == WordCount() else counted
