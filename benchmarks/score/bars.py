"""What is promised of the scores, in the order of decision 0019. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.bars import Bar
from benchmarks.score.figures import VOICE_S
from benchmarks.score.measure import Row

SWIFT, BALANCED, THRIFTY = (f"agreement, {spend}" for spend in ("swift", "balanced", "thrifty"))
INTO_PORTUGUESE, INTO_ENGLISH = "en-pt", "pt-en"
PERFECT, RECOGNISED = "perfect", "recognised"


def key(pair: str, policy: str, words: str, figure: str) -> str:
    return f"{figure} of {pair} by {policy} of {words} words"


def flat(rows: Sequence[Row]) -> dict[str, float]:
    return {
        key(row.pair, row.policy, row.words, figure): float(value)
        for row in rows
        for figure, value in asdict(row.figures).items()
    }


def _swift(
    pair: str, words: str, delay_s: tuple[float, float], chrf: float, **most: float
) -> tuple[Bar, ...]:
    mean_s, p95_s = delay_s
    limits = {"delay_mean_s": mean_s, "delay_p95_s": p95_s, **most}
    return (
        *(Bar(key(pair, SWIFT, words, figure), limit) for figure, limit in limits.items()),
        Bar(key(pair, SWIFT, words, "chrf"), least=chrf),
        # No lag is bought with shorter phrases.
        Bar(key(pair, SWIFT, words, "phrase_words"), least=4.0),
    )


BARS = (
    *_swift(INTO_PORTUGUESE, PERFECT, (1.6, 3.2), 97.5, contradicted=2.5, cost=6.5),
    *_swift(INTO_ENGLISH, PERFECT, (1.75, 3.8), 97.5, contradicted=2.7, cost=6.5),
    *_swift(
        *(INTO_PORTUGUESE, RECOGNISED, (2.6, 4.6), 96.0),
        voice_mean_s=3.2 - VOICE_S,
        voice_p95_s=5.2 - VOICE_S,
        playout_mean_s=4.8,
    ),
    *_swift(
        *(INTO_ENGLISH, RECOGNISED, (2.8, 4.9), 96.0),
        voice_mean_s=3.3 - VOICE_S,
        voice_p95_s=5.5 - VOICE_S,
        playout_mean_s=5.2,
    ),
    Bar(key(INTO_PORTUGUESE, BALANCED, PERFECT, "cost"), 4.0),
    Bar(key(INTO_PORTUGUESE, BALANCED, PERFECT, "delay_mean_s"), 2.0),
    Bar(key(INTO_PORTUGUESE, BALANCED, PERFECT, "chrf"), least=98.0),
    Bar(key(INTO_PORTUGUESE, THRIFTY, PERFECT, "cost"), 2.0),
    Bar(key(INTO_PORTUGUESE, THRIFTY, PERFECT, "chrf"), least=98.5),
)
