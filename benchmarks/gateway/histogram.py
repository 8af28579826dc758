"""Latencies counted in fine buckets: memory stays the same however many there are. Pure."""

from __future__ import annotations

from array import array

_BUCKETS_PER_MS = 10
_LONGEST_MS = 10_000


class Histogram:
    """Exact to a tenth of a millisecond; what is over ten seconds counts as ten."""

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * (_LONGEST_MS * _BUCKETS_PER_MS + 1)))
        self.count = 0

    def add(self, ms: float) -> None:
        at = int(max(0.0, ms) * _BUCKETS_PER_MS)
        self._counts[min(at, len(self._counts) - 1)] += 1
        self.count += 1

    def percentile(self, share: float) -> float:
        """The latency in ms that ``share`` (0 to 1) of all stay at or under; 0.0 without any."""
        wanted = max(1, -(-int(share * 1_000_000) * self.count // 1_000_000))
        seen = 0
        for at, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return at / _BUCKETS_PER_MS
        return 0.0

    @property
    def longest_ms(self) -> float:
        return self.percentile(1.0)
