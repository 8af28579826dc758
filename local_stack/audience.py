"""The listeners of one session, and the wait until everything has reached them."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av

from connectors.audio.mp3 import RATE_HZ, decode_clip
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.ledger import Ledger
from ingest_gateway.client import (
    ListenReport,
    ReceivedClip,
    ReceivedMessage,
    SpeakReport,
    listen,
)
from local_stack.completeness import Acknowledged, judge
from schemas.values import LedgerEntry

JOIN_TIMEOUT_S = 20.0
LINGER_S = 600.0
POLL_S = 0.5


def decoded_s(body: bytes) -> float | None:
    """Seconds of audio in an MP3, by decoding all of it; None when it cannot be decoded."""
    try:
        samples = decode_clip(body)
    except (av.FFmpegError, IndexError, ValueError):  # no audio in it, or no frame that decodes
        return None
    return len(samples) / RATE_HZ if len(samples) else None


def is_playable(clip: ReceivedClip) -> bool:
    """It was downloaded, and all of it can be decoded."""
    return clip.body is not None and decoded_s(clip.body) is not None


def is_announced(_clip: ReceivedClip) -> bool:
    """For load runs, which download nothing."""
    return True


def promised(spoken: SpeakReport) -> Acknowledged:
    return Acknowledged(spoken.epoch, spoken.acknowledged_samples, spoken.acknowledged_sequence)


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says under a number. ``skipped``: the reason of a notice; None: a clip, stored
    under ``key``. ``text`` None: the message has none, as a notice may; ``key`` "": no link."""

    skipped: str | None
    text: str | None
    key: str = ""

    def agrees_with(self, other: Content) -> bool:
        """Whether a receiver may drop the one after the other: what both say is the same."""
        return (
            self.skipped == other.skipped
            and (self.text == other.text or None in (self.text, other.text))
            and (self.key == other.key or "" in (self.key, other.key))
        )

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Content:
        """Of a message's fields, or of a caption's in a history."""
        skipped = fields.get("reason") or fields.get("skipped")
        text = fields.get("transcript")
        return cls(
            None if skipped is None else str(skipped),
            None if text is None else str(text),
            urlsplit(str(fields.get("url") or "")).path,
        )


class Audience:
    """Listeners of a session, what has reached them, and under which keys.

    ``reached`` holds (number, language) of clips that pass ``proof``; ``skipped`` of notices;
    ``keys`` the stored names each was announced under, one and the same if all is well;
    ``contents`` all that was said under a number, live and in histories after a reconnect.
    ``inline_audio``: they take clips inside messages, as the listener's page does; else they fetch
    them, which also proves that they are stored. ``partial_captions``: they ask for what is ahead
    of the voice.
    """

    def __init__(
        self,
        url: str,
        session_id: str,
        *,
        proof: Callable[[ReceivedClip], bool] = is_playable,
        inline_audio: bool = False,
        partial_captions: bool = False,
        on_clip: Callable[[ReceivedClip], None] | None = None,
        save_to: Path | None = None,
    ) -> None:
        self._url = url
        self._session_id = session_id
        self._proof = proof
        self._inline_audio = inline_audio
        self._partial_captions = partial_captions
        self._on_clip = on_clip
        self._save_to = save_to
        self._over = asyncio.Event()
        self._reports: list[asyncio.Task[ListenReport]] = []
        self.reached: set[tuple[int, str]] = set()
        self.skipped: set[tuple[int, str]] = set()
        self.keys: dict[tuple[int, str], set[str]] = defaultdict(set)
        self.contents: dict[tuple[int, str], set[Content]] = defaultdict(set)

    async def join(
        self, language: str, group: asyncio.TaskGroup, timeout_s: float = JOIN_TIMEOUT_S
    ) -> None:
        """One more listener; returns when it has joined."""
        joined = asyncio.Event()
        self._reports.append(
            group.create_task(
                listen(
                    self._url,
                    self._session_id,
                    language,
                    inline_audio=self._inline_audio,
                    partial_captions=self._partial_captions,
                    download=self._proof is not is_announced,
                    save_to=self._save_to / language if self._save_to else None,
                    on_joined=joined.set,
                    on_message=lambda message: self._take_message(language, message),
                    on_clip=self._take_clip,
                    linger_s=LINGER_S,  # `leave` ends it, this only bounds it
                    stop=self._over,
                )
            )
        )
        async with asyncio.timeout(timeout_s):
            await joined.wait()

    async def leave(self) -> tuple[ListenReport, ...]:
        """Everybody leaves, having downloaded what was announced."""
        self._over.set()
        return tuple([await report for report in self._reports])

    def _take_clip(self, clip: ReceivedClip) -> None:
        if self._proof(clip):
            self.reached.add((clip.sequence_number, clip.language))
        if self._on_clip is not None:
            self._on_clip(clip)

    def _take_message(self, language: str, message: ReceivedMessage) -> None:
        if message.type == "translatedAudio":
            self._take_content(language, message.fields)
        elif message.type == "skipped":
            self._take_content(language, {"reason": "not told", **message.fields})
        elif message.type == "sessionJoined":
            for caption in message.fields.get("history", ()):
                self._take_content(language, caption)

    def _take_content(self, language: str, fields: Mapping[str, Any]) -> None:
        outcome = (int(fields["sequenceNumber"]), language)
        content = Content.of(fields)
        self.contents[outcome].add(content)
        if content.skipped is not None:
            self.skipped.add(outcome)
        else:
            self.keys[outcome].add(content.key)


async def settled(
    ledger: Ledger,
    session_id: str,
    acknowledged: Iterable[Acknowledged],
    reached: Callable[[], set[tuple[int, str]]],
    timeout_s: float,
    poll_s: float = POLL_S,
    still_s: float = math.inf,
) -> tuple[LedgerEntry, ...]:
    """The ledger once everything in it has arrived, or as it stands after ``timeout_s``, or when
    nothing new has come into it or to the listeners for ``still_s``: on a machine that has too much
    to do what is late is not lost. Each look reads all of it."""
    promises = tuple(acknowledged)
    now_s = asyncio.get_running_loop().time
    until_s, changed_at_s, known = now_s() + timeout_s, now_s(), (-1, -1)
    while True:
        entries = await _entries(ledger, session_id)
        arrived = reached()
        if judge(session_id, entries, promises, arrived).is_complete:
            return entries
        if (found := (len(entries), len(arrived))) != known:
            known, changed_at_s = found, now_s()
        if now_s() >= min(until_s, changed_at_s + still_s):
            return entries
        await asyncio.sleep(poll_s)


async def _entries(ledger: Ledger, session_id: str) -> tuple[LedgerEntry, ...]:
    try:
        return await ledger.after(session_id, -1)
    except RetryableError:
        return ()
