"""What a chaos run showed: faults by the promise that they break, silences by act, and the verdict.
Pure: it is given what was held and what was played."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from benchmarks.crowd import Held, count_delivered_words, count_words, untold
from local_stack.audience import Content, promised
from local_stack.completeness import FIRST_VERSION_WITH_OUTCOMES, judge
from schemas.values import SAMPLE_RATE_HZ, FixedOutcome

LOOK_AFTER_S = 15.0
"""How long after an act's end a silence that begins is put down to it."""


@dataclass(frozen=True, slots=True)
class PlayedAct:
    """An act as it was played, from ``at_ms`` until it was over. ``beside``: the acts that went on
    when it began. ``failure``: why it could not be played, or why the system was not whole after
    it."""

    name: str
    at_s: float
    lasts_s: float
    at_ms: int
    over_ms: int
    beside: tuple[str, ...] = ()
    failure: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} ({', '.join(self.beside)})" if self.beside else self.name


@dataclass(frozen=True, slots=True)
class Silence:
    """Of all acts of a kind: how long listeners waited for the next clip, each its longest wait."""

    act: str
    times: int
    longest_act_s: float
    p50_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Faults:
    """Each in words. ``lost``: audio or an outcome that is nowhere; ``repeated``: what is there
    more than once; ``outcomes``: those that are not fixed once, or told otherwise."""

    lost: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()

    def __add__(self, other: Faults) -> Faults:
        return Faults(
            self.lost + other.lost,
            self.repeated + other.repeated,
            self.outcomes + other.outcomes,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The run in figures. ``ended``: processes that ended although no act ended them.
    ``usual_max_s``: the longest wait that no act was near to."""

    sessions: int
    minutes: float
    seed: int
    form: str
    entries: int
    fences: int
    outcomes: int
    clips: int
    skipped: Mapping[str, int]
    repeats_dropped: int
    speaker_reconnects: int
    chunks_resent: int
    listener_reconnects: int
    acts: tuple[PlayedAct, ...]
    not_played: tuple[str, ...]
    ended: tuple[str, ...]
    silences: tuple[Silence, ...]
    usual_max_s: float
    faults: Faults

    @property
    def broken_bars(self) -> tuple[str, ...]:
        """What did not hold, with its count; (): all did."""
        failed = sum(bool(act.failure) for act in self.acts)
        counts = {
            "lost": len(self.faults.lost),
            "repeated": len(self.faults.repeated),
            "outcomes not once": len(self.faults.outcomes),
            "acts failed": failed,
            "processes ended": len(self.ended),
        }
        broken = [f"{count} {what}" for what, count in counts.items() if count]
        if not self.acts:
            broken.append("no act was played")
        if not self.outcomes:
            broken.append("nothing was heard")
        return tuple(broken)


def faults_of(held: Held) -> Faults:
    """What breaks a promise in one session; each fault begins with the session's name."""
    spoken = held.spoken
    verdict = judge(
        spoken.session_id, held.entries, [promised(spoken)], held.reached | held.skipped
    )
    lost = [*map(str, verdict.missing), *map(str, verdict.lost_chunks), *verdict.number_faults]
    lost += [str(fault) for fault in verdict.sample_faults if fault.times == 0]
    if spoken.acknowledged_samples < spoken.samples:
        silent_s = (spoken.samples - spoken.acknowledged_samples) / SAMPLE_RATE_HZ
        lost.append(f"{silent_s:.1f} s were never acknowledged")
    repeated = [str(fault) for fault in verdict.sample_faults if fault.times > 1]
    for language in (None, *held.talk.languages):
        if language is None:
            words, where = count_words(held), ""
        else:
            words, where = count_delivered_words(held, language), f" in {language}"
        if words.missing or words.unknown:
            lost.append(f"{words.missing} words missing, {words.unknown} unknown{where}")
        if words.missing and language is not None:
            lost += untold_when(held, language)
        if words.out_of_order:
            lost.append(f"words out of order{where}")
        if words.twice:
            repeated.append(f"{words.twice} words said twice{where}")
    repeated += content_faults(held.contents)
    outcomes = [*verdict.outcome_faults, *verdict.release_faults, *delivery_faults(held)]
    lost, repeated, outcomes = (
        [f"{held.talk.name}: {fault}" for fault in faults] for faults in (lost, repeated, outcomes)
    )
    return Faults(tuple(lost), tuple(repeated), tuple(outcomes))


def untold_when(held: Held, language: str) -> list[str]:
    """When the utterances were said whose words listeners miss, in seconds of their stream."""
    return [
        f"{len(entries)} utterances {why} in {language}, said at "
        + ", ".join(f"{entry.first_sample / SAMPLE_RATE_HZ:.0f}" for entry in entries[:12])
        + " s"
        for why, entries in untold(held, language).items()
    ]


def content_faults(contents: Mapping[tuple[int, str], Iterable[Content]]) -> list[str]:
    """Numbers under which listeners of a language were told two things. A repeat of the same is
    none: receivers drop it."""
    return [
        f"utterance {number} in {language} was told in {len(set(said))} ways: {_ways(said)}"
        for (number, language), said in sorted(contents.items())
        if any(not one.agrees_with(other) for one, other in combinations(set(said), 2))
    ]


def delivery_faults(held: Held) -> list[str]:
    """What listeners were told that is not what the ledger fixed."""
    fixed = {
        (entry.number, outcome.language): outcome
        for entry in held.entries
        if entry.version >= FIRST_VERSION_WITH_OUTCOMES
        for outcome in entry.outcomes
    }
    return [
        f"utterance {number} in {language} was told otherwise than it is fixed "
        f"({_way(fixed[number, language].skipped, fixed[number, language].text)}): {_ways(said)}"
        for (number, language), said in sorted(held.contents.items())
        if (number, language) in fixed
        and not all(_is_as_fixed(content, fixed[number, language]) for content in said)
    ]


def _ways(said: Iterable[Content]) -> str:
    return ", ".join(sorted(_way(one.skipped, one.text) for one in set(said)))


def _way(skipped: str | None, text: str | None) -> str:
    """What it was, and of how many words; never what was said."""
    words = "without text" if text is None else f"{len(text.split())} words"
    return f"{skipped or 'clip'}, {words}"


def _is_as_fixed(content: Content, outcome: FixedOutcome) -> bool:
    release = outcome.release
    if release is None or not release.phrase:
        return content.skipped == outcome.skipped and content.text in (None, outcome.text)
    # Whether a phrase can be voiced is found out after it is fixed.
    may_be = (outcome.skipped, "failed")
    return content.skipped in may_be and content.text in (None, release.phrase)


def arrivals_ms(held: Held) -> list[list[int]]:
    """Of each listener, when clips came; at the talk's end its waiting is over."""
    spoken = held.spoken
    ended_ms = spoken.first_sent_at_ms + spoken.samples * 1000 // SAMPLE_RATE_HZ
    found: list[list[int]] = []
    for report in held.heard:
        came = sorted(clip.received_at_ms for clip in report.clips)
        if came and came[-1] < ended_ms:
            came.append(ended_ms)
        found.append(came)
    return found


def silences(
    acts: Sequence[PlayedAct], arrivals: Sequence[Sequence[int]]
) -> tuple[tuple[Silence, ...], float]:
    """(by kind of act, the longest first; the longest wait that belongs to none)."""
    waits: defaultdict[str, list[float]] = defaultdict(list)
    usual = [0.0]
    for came in arrivals:
        longest: dict[int, float] = {}
        for before, after in pairwise(came):
            wait_s = (after - before) / 1000
            struck = [number for number, act in enumerate(acts) if _is_of(act, before, after, acts)]
            for number in struck:
                longest[number] = max(wait_s, longest.get(number, 0.0))
            if not struck:
                usual.append(wait_s)
        for number, wait_s in longest.items():
            waits[acts[number].label].append(wait_s)
    found = [
        Silence(
            label,
            len(of_kind),
            max((act.over_ms - act.at_ms) / 1000 for act in of_kind),
            statistics.median(waits[label] or [0.0]),
            max(waits[label], default=0.0),
        )
        for label, of_kind in _by_label(acts).items()
    ]
    return tuple(sorted(found, key=lambda one: -one.max_s)), max(usual)


def _is_of(act: PlayedAct, before: int, after: int, acts: Sequence[PlayedAct]) -> bool:
    """Whether a wait is put down to ``act``: they overlap, or it begins soon after the act and no
    later one began meanwhile, whose it then is."""
    if after <= act.at_ms or before >= act.over_ms + LOOK_AFTER_S * 1000:
        return False
    return before < act.over_ms or not any(act.over_ms <= one.at_ms < after for one in acts)


def _by_label(acts: Sequence[PlayedAct]) -> dict[str, list[PlayedAct]]:
    labels: defaultdict[str, list[PlayedAct]] = defaultdict(list)
    for act in acts:
        labels[act.label].append(act)
    return labels


def find(
    held: Sequence[Held],
    acts: Sequence[PlayedAct],
    not_played: Sequence[str],
    ended: Sequence[str],
    *,
    minutes: float,
    seed: int,
    form: str,
) -> Found:
    by_act, usual_max_s = silences(acts, [came for one in held for came in arrivals_ms(one)])
    reports = [report for one in held for report in one.heard]
    return Found(
        sessions=len(held),
        minutes=minutes,
        seed=seed,
        form=form,
        entries=sum(len(one.entries) for one in held),
        fences=sum(entry.takeover > 0 for one in held for entry in one.entries),
        outcomes=sum(len(one.reached | one.skipped) for one in held),
        clips=sum(len(one.reached) for one in held),
        skipped=dict(Counter(skip.reason for report in reports for skip in report.skips)),
        repeats_dropped=sum(report.repeats for report in reports),
        speaker_reconnects=sum(one.spoken.reconnects for one in held),
        chunks_resent=sum(one.spoken.resent_chunks for one in held),
        listener_reconnects=sum(report.reconnects for report in reports),
        acts=tuple(acts),
        not_played=tuple(not_played),
        ended=tuple(ended),
        silences=by_act,
        usual_max_s=usual_max_s,
        faults=sum((faults_of(one) for one in held), Faults()),
    )


def last_line(found: Found) -> str:
    """The verdict: the figures, and which bars did not hold."""
    head = (
        f"chaos: {found.sessions} sessions, {found.minutes:.1f} min, {len(found.acts)} acts of "
        f"{len({act.name for act in found.acts})} kinds (seed {found.seed}, {found.form}), "
        f"{found.outcomes} outcomes"
    )
    if found.broken_bars:
        return f"{head}; NOT HELD: {', '.join(found.broken_bars)}"
    longest = found.silences[0]
    return (
        f"{head}; 0 lost, 0 repeated, every outcome once; "
        f"longest silence {longest.max_s:.1f} s ({longest.act})"
    )
