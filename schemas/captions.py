"""Captions of a talk: cues from the ledger, and cues as WebVTT, as SubRip or as lines of a
transcript.

Every caption file of the project is written here: the gateway's, a listener's, a bounded run's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from schemas.values import EntryKind, LedgerEntry

_LINE_BREAKS = re.compile(r"[ \t]*[\r\n]+[ \t]*")
_UNTIMED_CUE_MS = 1_000


@dataclass(frozen=True, slots=True)
class Cue:
    """A stretch of a talk and what is said in it, in some language; seconds from the talk's start.

    ``end_s`` is when the speaker was done with it; a file shows it no longer than until the next
    cue begins.
    """

    start_s: float
    end_s: float
    text: str


def spoken_entries(entries: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """Those in which words were recognised."""
    return tuple(entry for entry in entries if entry.kind is EntryKind.SPEECH)


def entry_cue(entry: LedgerEntry, text: str, started_at_ms: int) -> Cue:
    """The stretch of ``entry`` with ``text``, of a talk that began at ``started_at_ms``."""
    start_s = (entry.captured_at_ms - started_at_ms) / 1000
    return Cue(start_s, start_s + entry.duration_s, text)


def by_sentence(entries: Iterable[LedgerEntry]) -> Iterator[tuple[LedgerEntry, ...]]:
    """The entries of each sentence together; those of no sentence alone."""
    for sentence, group in groupby(entries, key=lambda entry: entry.sentence):
        if sentence is None:
            yield from ((entry,) for entry in group)
        else:
            yield tuple(group)


def source_cues(entries: Iterable[LedgerEntry], started_at_ms: int) -> tuple[Cue, ...]:
    """What was recognised, in the speaker's language: a cue a sentence."""
    return tuple(
        _cue_of(sentence, " ".join(entry.text for entry in sentence), started_at_ms)
        for sentence in by_sentence(spoken_entries(entries))
    )


def translated_cues(
    entries: Iterable[LedgerEntry], language: str, started_at_ms: int
) -> tuple[Cue, ...]:
    """What was released in ``language``, voiced or only shown: the texts of its outcomes, those of
    a sentence in one cue."""
    released = [
        (entry, outcome)
        for entry in entries
        if (outcome := entry.outcome(language)) is not None and outcome.text
    ]
    texts = {entry.number: outcome.text for entry, outcome in released}
    return tuple(
        _cue_of(sentence, "".join(texts[entry.number] for entry in sentence).strip(), started_at_ms)
        for sentence in by_sentence(entry for entry, _ in released)
    )


def _cue_of(sentence: Sequence[LedgerEntry], text: str, started_at_ms: int) -> Cue:
    first, last = sentence[0], sentence[-1]
    end_s = (last.captured_at_ms - started_at_ms) / 1000 + last.duration_s
    return Cue((first.captured_at_ms - started_at_ms) / 1000, end_s, text)


def web_vtt(cues: Iterable[Cue]) -> str:
    """A WebVTT file. Texts are escaped and otherwise left as they are, also right-to-left ones and
    long words."""
    blocks = ["WEBVTT\n"]
    for start_ms, end_ms, lines in _shown(cues):
        text = "\n".join(map(_escaped, lines))
        blocks.append(f"{_clock(start_ms, '.')} --> {_clock(end_ms, '.')}\n{text}\n")
    return "\n".join(blocks)


def sub_rip(cues: Iterable[Cue]) -> str:
    """A SubRip file (.srt). The format knows no escapes: texts are as they were said."""
    return "\n".join(
        f"{number}\n{_clock(start_ms, ',')} --> {_clock(end_ms, ',')}\n" + "\n".join(lines) + "\n"
        for number, (start_ms, end_ms, lines) in enumerate(_shown(cues), start=1)
    )


def plain_text(cues: Iterable[Cue]) -> str:
    """A line for each cue, in the order given."""
    return "".join(f"{_LINE_BREAKS.sub(' ', cue.text).strip()}\n" for cue in cues)


def _shown(cues: Iterable[Cue]) -> Iterator[tuple[int, int, list[str]]]:
    """(start, end, lines) in milliseconds, in the order of time, none overlapping the next.

    Cues that begin in the same millisecond are one with a line for each, and one without a length
    lasts a second, or until the next: the formats want every cue to end after its start.
    """
    found: dict[int, tuple[int, list[str]]] = {}
    for cue in cues:
        start_ms, end_ms = _ms(cue.start_s), _ms(cue.end_s)
        known_end_ms, lines = found.get(start_ms, (end_ms, []))
        found[start_ms] = (max(end_ms, known_end_ms), [*lines, _one_line(cue.text)])
    starts = sorted(found)
    for start_ms, next_ms in zip_longest(starts, starts[1:]):
        end_ms, lines = found[start_ms]
        end_ms = end_ms if end_ms > start_ms else start_ms + _UNTIMED_CUE_MS
        yield start_ms, end_ms if next_ms is None else min(end_ms, next_ms), lines


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _clock(ms: int, point: str) -> str:
    seconds = f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}"
    return f"{seconds}{point}{ms % 1000:03d}"


def _one_line(text: str) -> str:
    """A line break could end the cue, and a cue without text is none."""
    return _LINE_BREAKS.sub(" ", text.replace("\0", "\ufffd")).strip() or "\u00a0"


def _escaped(line: str) -> str:
    """Without markup; an arrow could begin another cue."""
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
