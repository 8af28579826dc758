"""What an owner lets a talk cost at most: languages at a time, and minutes. Pure.

A minute of a talk costs what its engines take for hearing it once, and for each language that is
listened to; so the two numbers bound a bill, whatever an engine's price is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_LANGUAGES = "maxLanguages"
_MINUTES = "maxMinutes"
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class TalkCaps:
    """None: what the gateway's limits say. ``languages``: that may be listened to at a time, where
    no target languages are named. ``minutes``: from the beginning of the session to its end."""

    languages: int | None = None
    minutes: int | None = None

    @staticmethod
    def of(extra: Mapping[str, str]) -> TalkCaps:
        """As a session's row (``SessionInfo.extra``) has them."""
        return TalkCaps(_number(extra, _LANGUAGES), _number(extra, _MINUTES))

    def extra(self) -> dict[str, str]:
        """Those that are set, for a session's row."""
        both = {_LANGUAGES: self.languages, _MINUTES: self.minutes}
        return {name: str(value) for name, value in both.items() if value is not None}

    def ends_at_ms(self, created_at_ms: int, lifetime_ms: int) -> int:
        """When a session of this lifetime ends by itself."""
        own_ms = lifetime_ms if self.minutes is None else self.minutes * MINUTE_MS
        return created_at_ms + min(lifetime_ms, own_ms)


def _number(extra: Mapping[str, str], name: str) -> int | None:
    value = extra.get(name, "")
    return int(value) if value.isdecimal() else None
