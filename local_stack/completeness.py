"""Is anything missing? Decided from the ledger and from what reached the listeners.

Three promises: every sample that the gateway acknowledged is in exactly one entry; every spoken
entry has reached every language it was routed to; the ledger has fixed one outcome for each of
them, and what it released of a sentence is voiced once. Pure: the demo, the chaos run and the soak
run ask the same questions of what they collected.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from schemas.values import EntryKind, LedgerEntry

FIRST_VERSION_WITH_OUTCOMES = 2


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the gateway called durable: ``samples`` of ``epoch``, counted from 0, and the chunks up
    to ``last_sequence`` (-1: none, or not known) that they came in."""

    epoch: int
    samples: int
    last_sequence: int = -1


@dataclass(frozen=True, slots=True)
class SampleFault:
    """A run of acknowledged samples that is in ``times`` entries instead of in one."""

    epoch: int
    first_sample: int
    end_sample: int
    times: int

    def __str__(self) -> str:
        what = "in no entry" if self.times == 0 else f"in {self.times} entries"
        return f"samples {self.first_sample}-{self.end_sample} of epoch {self.epoch} are {what}"


@dataclass(frozen=True, slots=True)
class MissingOutcome:
    """An utterance that did not reach a language it was for; ``language`` None: never routed."""

    number: int
    language: str | None

    def __str__(self) -> str:
        if self.language is None:
            return f"utterance {self.number} was never given its languages"
        return f"utterance {self.number} in {self.language}"


@dataclass(frozen=True, slots=True)
class LostChunks:
    """Acknowledged chunks that the ledger calls a gap."""

    epoch: int
    from_sequence: int
    until_sequence: int

    def __str__(self) -> str:
        return (
            f"chunks {self.from_sequence}-{self.until_sequence - 1} of epoch {self.epoch} "
            "were acknowledged and are passed over as a gap"
        )


@dataclass(frozen=True, slots=True)
class Completeness:
    """The verdict on one session."""

    session_id: str
    expected: int
    missing: tuple[MissingOutcome, ...]
    sample_faults: tuple[SampleFault, ...]
    lost_chunks: tuple[LostChunks, ...]
    number_faults: tuple[str, ...]
    outcome_faults: tuple[str, ...] = ()
    release_faults: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        return (
            *(str(one) for one in self.missing),
            *(str(one) for one in self.lost_chunks),
            *(str(one) for one in self.sample_faults),
            *self.number_faults,
            *self.outcome_faults,
            *self.release_faults,
        )

    @property
    def is_complete(self) -> bool:
        return not self.faults


def judge(
    session_id: str,
    entries: Sequence[LedgerEntry],
    acknowledged: Iterable[Acknowledged],
    reached: Collection[tuple[int, str]],
) -> Completeness:
    """``reached``: the (number, language) pairs that ended well, by the caller's own measure."""
    expected = expected_outcomes(entries)
    promised = tuple(acknowledged)
    return Completeness(
        session_id=session_id,
        expected=len(expected),
        missing=tuple(
            MissingOutcome(number, language)
            for number, language in expected
            if language is None or (number, language) not in reached
        ),
        sample_faults=tuple(
            fault for promise in promised for fault in sample_faults(entries, promise)
        ),
        lost_chunks=tuple(lost for promise in promised for lost in lost_chunks(entries, promise)),
        number_faults=number_faults(entries),
        outcome_faults=outcome_faults(entries),
        release_faults=release_faults(entries),
    )


def expected_outcomes(entries: Iterable[LedgerEntry]) -> tuple[tuple[int, str | None], ...]:
    """(number, language) of everything that must reach listeners, in the ledger's order.

    Audio that could not be recognised was spoken too: its listeners are to be told. A spoken entry
    without recorded routes stands there with None: nobody knows who was to hear it. Of a release
    that is voiced with a later one nobody is told by itself.
    """
    expected: list[tuple[int, str | None]] = []
    for entry in entries:
        if not _is_due(entry):
            continue
        if entry.routes is None:
            expected.append((entry.number, None))
            continue
        for route in entry.routes:
            outcome = entry.outcome(route.language)
            if outcome is None or outcome.is_announced:
                expected.append((entry.number, route.language))
    return tuple(expected)


def _is_due(entry: LedgerEntry) -> bool:
    """Whether it has an outcome in each of its languages; the end of a sentence has one too."""
    return entry.kind in (EntryKind.SPEECH, EntryKind.FAILED) or entry.ends_sentence


def sample_faults(
    entries: Iterable[LedgerEntry], acknowledged: Acknowledged
) -> tuple[SampleFault, ...]:
    """Where the entries of an epoch cover an acknowledged sample not at all or more than once."""
    changes: dict[int, int] = {0: 0, acknowledged.samples: 0}
    for entry in entries:
        if entry.epoch != acknowledged.epoch or entry.kind is EntryKind.GAP:
            continue
        first = min(entry.first_sample, acknowledged.samples)
        end = min(entry.end_sample, acknowledged.samples)
        changes[first] = changes.get(first, 0) + 1
        changes[end] = changes.get(end, 0) - 1
    faults: list[SampleFault] = []
    edges = sorted(changes)
    times = 0
    for first, end in itertools.pairwise(edges):
        times += changes[first]
        if times == 1:
            continue
        if faults and faults[-1].end_sample == first and faults[-1].times == times:
            first = faults.pop().first_sample
        faults.append(SampleFault(acknowledged.epoch, first, end, times))
    return tuple(faults)


def lost_chunks(
    entries: Iterable[LedgerEntry], acknowledged: Acknowledged
) -> tuple[LostChunks, ...]:
    """Gaps that hold chunks which were durable: samples are counted on behind a gap, so that the
    count alone would put the loss at the end."""
    return tuple(
        LostChunks(
            entry.epoch,
            entry.gap_from_sequence,
            min(entry.gap_until_sequence, acknowledged.last_sequence + 1),
        )
        for entry in entries
        if entry.epoch == acknowledged.epoch
        and entry.gap_from_sequence is not None
        and entry.gap_until_sequence is not None
        and entry.gap_from_sequence <= acknowledged.last_sequence
    )


def outcome_faults(entries: Iterable[LedgerEntry]) -> tuple[str, ...]:
    """Entries whose outcomes are not one for each language of their routes, and fences that are
    more than a fence. Entries of version 1 are from before there were outcomes."""
    found: list[str] = []
    for entry in entries:
        if entry.takeover > 0:
            found += _fence_faults(entry)
        elif entry.version >= FIRST_VERSION_WITH_OUTCOMES:
            found += _faults_of_outcomes(entry)
    return tuple(found)


def _fence_faults(fence: LedgerEntry) -> list[str]:
    name = f"fence {fence.number}"
    found: list[str] = []
    if fence.first_sample != fence.end_sample:
        found.append(f"{name} covers samples {fence.first_sample}-{fence.end_sample}")
    if fence.routes or fence.outcomes:
        found.append(f"{name} has routes or outcomes")
    return found


def _faults_of_outcomes(entry: LedgerEntry) -> list[str]:
    due = {route.language for route in entry.routes or () if _is_due(entry)}
    fixed = Counter(outcome.language for outcome in entry.outcomes)
    return [
        *(
            f"entry {entry.number} has {fixed[language]} outcomes in {language}"
            for language in sorted(due)
            if fixed[language] != 1
        ),
        *(
            f"entry {entry.number} has an outcome in {language}, which is none of its"
            for language in sorted(fixed.keys() - due)
        ),
    ]


def number_faults(entries: Sequence[LedgerEntry]) -> tuple[str, ...]:
    """Entries are numbered from 0 without holes, or a listener would wait for one for ever."""
    numbers = sorted(entry.number for entry in entries)
    return tuple(
        f"entry {expected} is not in the ledger, {number} stands there"
        for expected, number in enumerate(numbers)
        if number != expected
    )[:1]


def release_faults(entries: Iterable[LedgerEntry]) -> tuple[str, ...]:
    """Sentences of which not all that was released is voiced, or something is voiced twice."""
    released: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    voiced: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for entry in sorted(entries, key=lambda each: each.number):
        for outcome in entry.outcomes:
            release = outcome.release
            if release is not None:
                sentence = (release.sentence, outcome.language)
                released[sentence] += _letters(outcome.text)
                voiced[sentence] += _letters(release.phrase)
    return tuple(
        f"sentence {number} in {language} is voiced otherwise than it was released"
        for (number, language), letters in sorted(released.items())
        if letters != voiced[number, language]
    )


def _letters(text: str) -> list[str]:
    """Without spaces and marks, which a phrase may begin without."""
    return [sign for sign in text if sign.isalnum()]
