"""A listener of 9bc5d6e in a talk of today: it hears and reads all of it, once and in order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.first_edition_listener import FirstEditionListener
from tests.unit.house.pages import PROTOCOL, json_lines

pytestmark = pytest.mark.contract

TALK: list[dict[str, Any]] = json_lines(PROTOCOL, "talk")


def listened_to(messages: list[dict[str, Any]]) -> FirstEditionListener:
    listener = FirstEditionListener()
    for message in messages:
        listener.receive(message)
    return listener


def test_it_reads_each_word_of_a_sentence_once() -> None:
    listener = listened_to(TALK)
    texts = [listener.transcripts[number] for number in sorted(listener.transcripts)]
    assert " ".join(texts) == "buenos días Vino a casa y se fue."
    assert [clip.rsplit("/", 1)[1] for clip in listener.clips] == ["1790000005000.mp3"]
    assert listener.skips == [(9, "late")]
    assert listener.partial == "he ca"


def test_it_misses_nothing_where_nothing_is_voiced_by_itself() -> None:
    """Entries 6 and 8 told listeners nothing; the chain of numbers leads over them."""
    assert listened_to(TALK).complete_until() == 9
    without_clip = [message for message in TALK if message["type"] != "translatedAudio"]
    assert listened_to(without_clip).complete_until() == 9  # the first is taken as it comes


def test_it_drops_what_is_told_again() -> None:
    listener = listened_to([*TALK, *TALK[1:]])
    assert listener.repeats == 2
    assert len(listener.clips) == 1
