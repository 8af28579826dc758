"""How late clips were lately, by language and stage: sliding windows of bounded size. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.names import RECOGNISED_STAGES

WINDOW_MS = 5 * 60_000
_KEPT_PER_LANGUAGE = 240
"""A hundred talks fill this in seconds, and it still is a fair sample of them."""


@dataclass(frozen=True, slots=True)
class PassedUtterance:
    """One utterance in one language on its way to listeners, the first time it passed.

    ``ended_at_ms``: when its last sample was spoken; None: a notice that does not say.
    ``stages_ms`` is empty for what was skipped.
    """

    session_id: str
    language: str
    number: int
    at_ms: int
    ended_at_ms: int | None
    stages_ms: Mapping[str, int]
    skipped: str | None = None

    @property
    def lag_ms(self) -> int | None:
        return None if self.ended_at_ms is None else max(0, self.at_ms - self.ended_at_ms)


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of a set of durations and what nineteen of twenty do not exceed."""

    p50_ms: int
    p95_ms: int


@dataclass(frozen=True, slots=True)
class LanguageLag:
    """``clips`` were looked at; ``stages`` in the order an utterance passes them."""

    language: str
    clips: int
    skipped: int
    lag: Spread | None
    stages: tuple[tuple[str, Spread], ...]


class LagWindows:
    """What passed lately, by language; the oldest goes when there is too much."""

    def __init__(self, kept_per_language: int = _KEPT_PER_LANGUAGE) -> None:
        self._kept = kept_per_language
        self._passed: dict[str, deque[PassedUtterance]] = {}

    def add(self, passed: PassedUtterance) -> None:
        line = self._passed.setdefault(passed.language, deque(maxlen=self._kept))
        line.append(passed)

    def since(self, at_ms: int) -> tuple[LanguageLag, ...]:
        """Of each language in which something passed from ``at_ms`` on, by name."""
        lately = {
            language: [one for one in line if one.at_ms >= at_ms]
            for language, line in self._passed.items()
        }
        return tuple(
            _language_lag(language, passed) for language, passed in sorted(lately.items()) if passed
        )

    def forget_before(self, at_ms: int) -> None:
        """Languages that nothing passed in any more take no room."""
        for language, line in tuple(self._passed.items()):
            if line[-1].at_ms < at_ms:
                del self._passed[language]


def percentile(values: Sequence[int], share: float) -> int:
    """The smallest value that at least ``share`` of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(values: Sequence[int]) -> Spread:
    return Spread(percentile(values, 0.5), percentile(values, 0.95))


def _language_lag(language: str, passed: Sequence[PassedUtterance]) -> LanguageLag:
    clips = [one for one in passed if one.skipped is None]
    lags_ms = [one.lag_ms for one in clips if one.lag_ms is not None]
    return LanguageLag(
        language,
        clips=len(clips),
        skipped=len(passed) - len(clips),
        lag=spread(lags_ms) if lags_ms else None,
        stages=_stages(clips),
    )


def _stages(clips: Iterable[PassedUtterance]) -> tuple[tuple[str, Spread], ...]:
    values: dict[str, list[int]] = {}
    for clip in clips:
        for stage, duration_ms in clip.stages_ms.items():
            values.setdefault(stage, []).append(duration_ms)
    return tuple((stage, spread(values[stage])) for stage in RECOGNISED_STAGES if stage in values)
