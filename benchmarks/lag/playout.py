"""The lag as it is heard: a listener hears clips one after another, never two at once. Pure.

A word is heard when its share of its clip has been played: of a clip of n words, word k after k/n
of its playing time. Clips that arrive faster than they play pile up; a player that hurries while it
is behind works that off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.lag.word_lags import Arrival, SpokenWord
from local_stack.latency import percentile

FASTEST = 1.15
RELAXED_S, HURRIED_S = 4.0, 12.0
"""The listener's page hurries from so many seconds of waiting clips on, and most from so many
(``playback_queue.ts``)."""


def page_rate(waiting_s: float) -> float:
    """How fast the listener's page plays a clip when so much waits behind it."""
    hurry = (waiting_s - RELAXED_S) / (HURRIED_S - RELAXED_S)
    return 1 + (FASTEST - 1) * max(0.0, min(1.0, hurry))


def plain_rate(_waiting_s: float) -> float:
    """A player that never hurries."""
    return 1.0


_LOOK_AHEAD = 100
"""More clips than that never wait where it would still change the rate."""


@dataclass(frozen=True, slots=True)
class Played:
    """A clip as it was played, from ``started_at_ms`` to ``ended_at_ms``."""

    arrival: Arrival
    started_at_ms: float
    ended_at_ms: float

    def played_at_ms(self, number: int) -> float:
        """When its word ``number``, counted from 1, has been played."""
        each_ms = (self.ended_at_ms - self.started_at_ms) / max(1, len(self.arrival.words))
        return self.started_at_ms + number * each_ms


@dataclass(frozen=True, slots=True)
class PlayoutSummary:
    """``drift_s``: how much later words are heard at the end of a talk than at its beginning, mean
    of the last tenth less mean of the first."""

    words: int
    mean_s: float
    p95_s: float
    drift_s: float

    def flat(self, prefix: str) -> Mapping[str, float]:
        """No times where nothing was heard."""
        if not self.words:
            return {}
        return {
            f"{prefix}_heard_mean_s": round(self.mean_s, 3),
            f"{prefix}_heard_p95_s": round(self.p95_s, 3),
            f"{prefix}_heard_drift_s": round(self.drift_s, 3),
        }


def played(
    arrivals: Iterable[Arrival], rate_of: Callable[[float], float] = plain_rate
) -> tuple[Played, ...]:
    """In the order of the talk, each at the rate that ``rate_of`` says when it begins: of the
    seconds of sound that have arrived by then and wait behind it."""
    in_order = sorted(arrivals, key=lambda one: one.first_sample_at_ms)
    done: list[Played] = []
    free_at_ms = float("-inf")
    for place, arrival in enumerate(in_order):
        started_at_ms = max(free_at_ms, arrival.at_ms)  # waits for an earlier one that comes later
        waiting_s = 0.0
        for behind in in_order[place + 1 : place + 1 + _LOOK_AHEAD]:
            if behind.at_ms <= started_at_ms:
                waiting_s += behind.clip_s
        free_at_ms = started_at_ms + 1000 * arrival.clip_s / rate_of(waiting_s)
        done.append(Played(arrival, started_at_ms, free_at_ms))
    return tuple(done)


def playout_lags(
    spoken: Sequence[SpokenWord], clips: Iterable[Played]
) -> tuple[tuple[float, float], ...]:
    """Of the words that were heard, in spoken order: (when it ended, in ms; lag as heard, in s)."""
    heard_at_ms: dict[str, float] = {}
    for clip in clips:
        for number, word in enumerate(clip.arrival.words, 1):
            heard_at_ms.setdefault(word, clip.played_at_ms(number))
    return tuple(
        (word.ended_at_ms, (heard_at_ms[word.text] - word.ended_at_ms) / 1000)
        for word in spoken
        if word.text in heard_at_ms
    )


def drift_s(lags: Sequence[tuple[float, float]]) -> float:
    """Of ``playout_lags``; 0 of fewer than twenty words."""
    tenth = len(lags) // 10
    if tenth < 2:
        return 0.0
    values = [lag_s for _, lag_s in lags]
    return fmean(values[-tenth:]) - fmean(values[:tenth])


def playout_summary(listeners: Sequence[Sequence[tuple[float, float]]]) -> PlayoutSummary:
    """``listeners``: the ``playout_lags`` of each; the drift is the mean of theirs."""
    lags_s = [lag_s for lags in listeners for _, lag_s in lags]
    drifts_s = [drift_s(lags) for lags in listeners if lags]
    return PlayoutSummary(
        words=len(lags_s),
        mean_s=fmean(lags_s) if lags_s else 0.0,
        p95_s=percentile(lags_s, 0.95),
        drift_s=fmean(drifts_s) if drifts_s else 0.0,
    )
