"""Many sessions at once, each with a speaker and listeners, and what became of every one."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.ledger import Ledger
from connectors.scripted_words import write_silence, write_talk
from ingest_gateway.client import (
    ListenReport,
    ReceivedClip,
    SpeakReport,
    create_session,
    fetch_token,
    speak,
)
from local_stack.audience import Audience, is_playable, promised, settled
from local_stack.completeness import judge
from local_stack.stack import LocalStack
from schemas.values import EntryKind, LedgerEntry

SCRIPTED_LANGUAGE = "es"
"""What the combined recogniser takes to be scripted; English it recognises for real."""
GATEWAY_OPTIONS = (
    "--languages=any",
    "--creates-per-minute=100000",
    "--joins-per-minute=100000",
)
_LAST_SILENCE_S = 1.0
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

    @property
    def clips(self) -> tuple[ReceivedClip, ...]:
        return tuple(clip for report in self.heard for clip in report.clips)


def scripted_talk(number: int, duration_s: float, languages: tuple[str, ...]) -> Talk:
    """The same for the same number; its words are no other talk's."""
    pcm, words = write_talk(duration_s, seed=number, first_word=number * _WORDS_APART)
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
    """Holds sessions on a running stack, all by one speaker's account. ``inline_audio``: listeners
    take clips inside messages, as the page does."""

    def __init__(
        self,
        stack: LocalStack,
        ledger: Ledger,
        *,
        proof: Callable[[ReceivedClip], bool] = is_playable,
        inline_audio: bool = False,
        settle_timeout_s: float = 60.0,
    ) -> None:
        self._url = stack.gateway_url
        self._ledger = ledger
        self._proof = proof
        self._inline_audio = inline_audio
        self._settle_timeout_s = settle_timeout_s
        self._token: str | None = None
        self._opening = asyncio.Lock()

    async def hold(self, talk: Talk, *, after_s: float = 0.0) -> Held:
        """One session from its creation until all of it has arrived, or patience is over."""
        await asyncio.sleep(after_s)
        token = await self._speaker()
        session_id = await create_session(
            self._url,
            token=token,
            source_language=talk.source_language,
            target_languages=talk.languages,
        )
        audience = Audience(
            self._url, session_id, proof=self._proof, inline_audio=self._inline_audio
        )
        async with asyncio.TaskGroup() as group:
            for language in talk.languages:
                await audience.join(language, group)
            spoken = await speak(self._url, talk.pcm, session_id=session_id, token=token)
            entries = await settled(
                self._ledger,
                session_id,
                [promised(spoken)],
                lambda: audience.reached | audience.skipped,
                self._settle_timeout_s,
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
        )

    async def _speaker(self) -> str:
        async with self._opening:
            if self._token is None:
                self._token = await fetch_token(self._url)
            return self._token


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
    if held.talk.words is None:
        return []
    said = tuple(
        word
        for entry in held.entries
        if entry.kind is EntryKind.SPEECH
        for word in entry.text.split()
    )
    if said == held.talk.words:
        return []
    twice = len(said) - len(set(said))
    unsaid = len(set(held.talk.words) - set(said))
    foreign = len(set(said) - set(held.talk.words))
    return [
        f"words: {twice} twice, {unsaid} missing, {foreign} unknown, of {len(held.talk.words)}"
        if twice or unsaid or foreign
        else "words: out of order"
    ]
