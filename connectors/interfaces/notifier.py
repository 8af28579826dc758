"""Bring one message to the listeners of a (session, language), or to the session's speaker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

INLINE_AUDIO = "inlineAudio"
PARTIAL_CAPTIONS = "partialCaptions"
CAPTIONS_ONLY = "captionsOnly"
"""Capabilities that a listener names when it joins (protocol, ``joinSession``)."""


class Audience(StrEnum):
    """Which listeners of a language a message is for, by their capabilities."""

    ALL = "all"
    INLINE = "inline"
    """Those who take clips inside messages."""
    LINK = "link"
    """Those who fetch clips by their link: all but INLINE."""
    PARTIALS = "partials"
    """Those who asked for partial captions."""

    def includes(self, capabilities: Collection[str]) -> bool:
        """Whether a listener with these capabilities belongs to it."""
        match self:
            case Audience.ALL:
                return True
            case Audience.INLINE:
                return INLINE_AUDIO in capabilities
            case Audience.LINK:
                return INLINE_AUDIO not in capabilities
            case Audience.PARTIALS:
                return PARTIAL_CAPTIONS in capabilities


@dataclass(frozen=True, slots=True)
class Delivery:
    """``delivered`` of ``listeners`` (those in the audience, or the speaker) took it; ``gone`` of
    them had hung up and were removed."""

    delivered: int
    listeners: int
    gone: int = 0


class Notifier(Protocol):
    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        """One listener's failure never delays or fails another's; a listener that has gone is
        removed. RetryableError only when nobody could be asked at all."""
        ...

    async def tell_speaker(self, session_id: str, message: dict[str, object]) -> Delivery:
        """To the speaker's connection; a Delivery of 0 to 0 when none is known. RetryableError
        when it could not be asked."""
        ...

    def knows_nobody_inline(self, session_id: str, language: str) -> bool:
        """Whether a message to INLINE is known to reach nobody, without asking anybody.

        As of the last answer about this language: who has joined since is not seen. False also
        when nothing is known, and where asking costs nothing.
        """
        ...

    async def close(self) -> None: ...
