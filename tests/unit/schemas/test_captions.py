"""Caption files: what a player reads back is what was said, one cue at a time."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.captions import Cue, plain_text, source_cues, sub_rip, translated_cues, web_vtt
from schemas.values import EntryKind, FixedOutcome, LedgerEntry

pytestmark = pytest.mark.unit

_TIMES = re.compile(r"^(\d{2,}):(\d\d):(\d\d)\.(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\.(\d{3})$")


def parsed(file: str) -> list[tuple[int, int, str]]:
    """(start in ms, end in ms, payload) of every block, read as WebVTT's grammar has it."""
    head, *blocks = re.split(r"\n{2,}", file.rstrip("\n"))
    assert head == "WEBVTT"
    cues: list[tuple[int, int, str]] = []
    for block in blocks:
        times, _, payload = block.partition("\n")
        found = _TIMES.match(times)
        assert found, f"not a line of times: {times!r}"
        numbers = [int(each) for each in found.groups()]
        start_ms, end_ms = (
            ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
            for hours, minutes, seconds, ms in (numbers[:4], numbers[4:])
        )
        cues.append((start_ms, end_ms, payload))
    return cues


def test_a_file_reads_as_the_format_wants_it() -> None:
    file = web_vtt([Cue(0.0, 1.5, "uno"), Cue(3_599.9996, 3_601.0, "dos"), Cue(360_000, 1e6, "x")])
    assert file == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nuno\n\n"
        "01:00:00.000 --> 01:00:01.000\ndos\n\n"
        "100:00:00.000 --> 277:46:40.000\nx\n"
    )


def test_a_talk_without_a_word_is_a_file_without_cues() -> None:
    assert web_vtt([]) == "WEBVTT\n"


def test_a_cue_ends_where_the_next_begins() -> None:
    cues = [Cue(0.0, 3.0, "long"), Cue(2.0, 2.5, "short"), Cue(9.0, 12.0, "last")]
    assert parsed(web_vtt(cues)) == [
        (0, 2_000, "long"),
        (2_000, 2_500, "short"),
        (9_000, 12_000, "last"),
    ]


def test_subrip_numbers_the_same_cues_and_escapes_nothing() -> None:
    cues = [
        Cue(0.0, 3.0, "R&D\n\n2\n<so> --> uno"),
        Cue(3_599.9996, 3_601.0, "dos"),
        Cue(2.0, 2.0, ""),
        Cue(2.0, 2.5, "tres"),
    ]
    assert sub_rip(cues) == (
        "1\n00:00:00,000 --> 00:00:02,000\nR&D 2 <so> --> uno\n\n"
        "2\n00:00:02,000 --> 00:00:02,500\n\u00a0\ntres\n\n"
        "3\n01:00:00,000 --> 01:00:01,000\ndos\n"
    )
    assert sub_rip([]) == ""
    times = re.findall(r"[\d:,]+ --> [\d:,]+(?=\n)", sub_rip(cues))
    assert [each.replace(",", ".") for each in times] == re.findall(
        r"[\d:.]+ --> [\d:.]+(?=\n)", web_vtt(cues)
    )


def test_a_cue_without_a_length_lasts_a_second_at_most() -> None:
    cues = [Cue(1.0, 1.0, "a"), Cue(1.4, 0.0, "b"), Cue(5.0, 5.0, "c")]
    assert [(start, end) for start, end, _ in parsed(web_vtt(cues))] == [
        (1_000, 1_400),
        (1_400, 2_400),
        (5_000, 6_000),
    ]


def test_cues_of_one_moment_are_one_cue() -> None:
    cues = [Cue(1.0, 2.0, "a"), Cue(1.0, 3.0, "b")]
    assert parsed(web_vtt(cues)) == [(1_000, 3_000, "a\nb")]


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ("a < b && c --> d", "a &lt; b &amp;&amp; c --&gt; d"),
        ("one\n\ntwo \r\n three", "one two three"),
        ("", "\u00a0"),
        ("\n", "\u00a0"),
        ("a\0b", "a\ufffdb"),
        ("مرحبا \u200fبالعالم", "مرحبا \u200fبالعالم"),
        ("Vraiment\u00a0?\u3000はい", "Vraiment\u00a0?\u3000はい"),
        ("Donaudampfschifffahrt" * 20, "Donaudampfschifffahrt" * 20),
    ],
)
def test_a_text_stays_inside_its_cue_and_is_not_touched_otherwise(said: str, stands: str) -> None:
    file = web_vtt([Cue(0.0, 1.0, said), Cue(1.0, 2.0, "next")])
    assert parsed(file) == [(0, 1_000, stands), (1_000, 2_000, "next")]


@given(
    st.lists(
        st.builds(
            Cue,
            st.floats(0, 1e4, allow_nan=False),
            st.floats(0, 1e4, allow_nan=False),
            st.text(st.sampled_from("ab<&>-\n\r \t\0"), max_size=12),
        ),
        max_size=12,
    )
)
def test_cues_never_overlap_and_every_text_is_there(cues: list[Cue]) -> None:
    found = parsed(web_vtt(cues))
    assert all(start < end for start, end, _ in found)
    assert all(one[1] <= following[0] for one, following in itertools.pairwise(found))
    assert sum(payload.count("\n") + 1 for *_, payload in found) == len(cues)


def test_a_transcript_has_a_line_for_each_cue() -> None:
    cues = [Cue(0.0, 1.0, "It is <so>\nand so."), Cue(1.0, 2.0, "Yes.")]
    assert plain_text(cues) == "It is <so> and so.\nYes.\n"


def entry(number: int, kind: EntryKind, *outcomes: FixedOutcome) -> LedgerEntry:
    """Two seconds that begin ``number`` times two seconds after 1,000,000 ms."""
    return LedgerEntry(
        session_id="calm-sea-1",
        number=number,
        epoch=0,
        kind=kind,
        first_sample=32_000 * number,
        end_sample=32_000 * (number + 1),
        text=f"sentence {number}" if kind is EntryKind.SPEECH else "",
        language="en",
        captured_at_ms=1_000_000 + 2_000 * number,
        committed_at_ms=1_796_000_000_000,
        writer="one",
        resume_sample=0,
        resume_sequence=0,
        resume_sequence_sample=0,
        outcomes=outcomes,
    )


def test_cues_are_what_was_said_and_what_was_released() -> None:
    entries = (
        entry(0, EntryKind.SILENCE),
        entry(1, EntryKind.SPEECH, FixedOutcome("es", "uno", None, 5)),
        entry(2, EntryKind.GAP, FixedOutcome("es", "", "gap", 5)),
        entry(3, EntryKind.SPEECH, FixedOutcome("es", "tarde", "late", 5)),
        entry(4, EntryKind.SPEECH, FixedOutcome("ca", "quatre", None, 5)),
    )
    assert source_cues(entries, 1_000_000) == (
        Cue(2.0, 4.0, "sentence 1"),
        Cue(6.0, 8.0, "sentence 3"),
        Cue(8.0, 10.0, "sentence 4"),
    )
    assert translated_cues(entries, "es", 1_002_000) == (
        Cue(0.0, 2.0, "uno"),
        Cue(4.0, 6.0, "tarde"),
    )
    assert translated_cues(entries, "fr", 0) == ()
