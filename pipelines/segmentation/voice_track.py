"""Where there is voice in an epoch, as far as it has been decided."""

from __future__ import annotations


class VoiceTrack:
    """Runs of voice in samples of the epoch, from ``from_sample`` on, in order, none touching.

    What lies behind ``through_sample`` is not decided yet.
    """

    def __init__(self, from_sample: int = 0) -> None:
        self.from_sample = from_sample
        self.through_sample = from_sample
        self._runs: list[tuple[int, int]] = []

    def extend(self, end_sample: int, *, is_voice: bool) -> None:
        """What follows, up to ``end_sample``, is all voice or all none."""
        first = self.through_sample
        if end_sample <= first:
            return
        self.through_sample = end_sample
        if not is_voice:
            return
        if self._runs and self._runs[-1][1] == first:
            first = self._runs.pop()[0]
        self._runs.append((first, end_sample))

    def forget_before(self, sample: int) -> None:
        self.from_sample = max(self.from_sample, min(sample, self.through_sample))
        self._runs = [run for run in self._runs if run[1] > sample]

    def voice_after(self, sample: int) -> int | None:
        """The first voiced sample at or behind ``sample``."""
        return next((max(first, sample) for first, end in self._runs if end > sample), None)

    def voice_end_before(self, sample: int) -> int | None:
        """Behind the last voiced sample in front of ``sample``."""
        return next(
            (min(end, sample) for first, end in reversed(self._runs) if first < sample), None
        )

    def pause_after(self, sample: int, at_least: int) -> tuple[int, int] | None:
        """The first ``at_least`` samples without voice behind ``sample``: where they begin, not in
        front of ``sample``, and where that pause ends; it may still be going on."""
        begins = max(sample, self.from_sample)
        for first, end in self._runs:
            if end <= begins:
                continue
            if first - begins >= at_least:
                return begins, first
            begins = max(begins, end)
        if self.through_sample - begins >= at_least:
            return begins, self.through_sample
        return None
