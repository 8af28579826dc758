from __future__ import annotations

import pytest

from pipelines.sentences.sentence_buffer import SentenceBuffer, SentenceRules, is_sentence_end

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "word", ["home.", "now!", "why?", 'left."', "(gone.)", "気。", "1999.", "I."]
)
def test_a_mark_ends_a_sentence(word: str) -> None:
    assert is_sentence_end(word, "en")


@pytest.mark.parametrize(
    "word",
    ["3.5", "e.g.", "U.S.", "J.", "Mr.", "(Dr.", "well...", "hm…", "first,", "then;", "word"],
)
def test_other_dots_end_none(word: str) -> None:
    assert not is_sentence_end(word, "en")


def test_dots_and_abbreviations_are_those_of_the_language() -> None:
    assert not is_sentence_end("3.", "de")
    assert is_sentence_end("3.", "en")
    assert not is_sentence_end("Sra.", "es")
    assert is_sentence_end("sra.", "en")
    assert is_sentence_end("گیا۔", "ur")
    assert is_sentence_end("है।", "hi")
    assert is_sentence_end("هذا؟", "ar")


def spoken(buffer: SentenceBuffer, *texts: str) -> list[tuple[int, bool]]:
    """(sentence, whether it ends) of each utterance."""
    placed: list[tuple[int, bool]] = []
    for text in texts:
        ends = buffer.ends_with(text)
        placed.append((buffer.number, ends))
        buffer.add(text, ends=ends)
    return placed


def test_utterances_are_numbered_by_their_sentence() -> None:
    buffer = SentenceBuffer("en")
    assert spoken(buffer, "He was", "not home.", "She", "was, e.g.", "at 3.5", "miles!") == [
        (0, False),
        (0, True),
        (1, False),
        (1, False),
        (1, False),
        (1, True),
    ]
    assert not buffer.is_open


def test_it_goes_on_from_the_number_that_the_ledger_had() -> None:
    assert spoken(SentenceBuffer("en", number=41), "Yes.", "No") == [(41, True), (42, False)]


def test_a_pause_closes_with_an_empty_utterance() -> None:
    buffer = SentenceBuffer("en")
    buffer.add("so we", ends=False)
    assert buffer.is_open
    buffer.add("", ends=True)
    assert (buffer.number, buffer.is_open) == (1, False)


def test_silence_ends_nothing_by_itself() -> None:
    buffer = SentenceBuffer("en")
    buffer.add("so we", ends=False)
    assert not buffer.ends_with("")


def test_a_sentence_that_never_ends_is_cut_at_a_mark_after_the_cap() -> None:
    rules = SentenceRules(cap_words=6, longest_words=10)
    buffer = SentenceBuffer("en", rules)
    placed = spoken(buffer, "one two three, four", "five six seven", "eight nine,", "ten")
    assert placed == [(0, False), (0, False), (0, True), (1, False)]


def test_and_without_a_mark_at_the_longest() -> None:
    rules = SentenceRules(cap_words=4, longest_words=6, bare_after_words=100)
    placed = spoken(SentenceBuffer("en", rules), "a b c", "d e", "f g", "h")
    assert placed == [(0, False), (0, False), (0, True), (1, False)]


def test_a_recogniser_without_marks_is_found_out() -> None:
    rules = SentenceRules(bare_after_words=6, bare_cap_words=4, bare_pause_s=0.4)
    buffer = SentenceBuffer("en", rules)
    assert spoken(buffer, "a b c", "d e f") == [(0, False), (0, False)]
    assert buffer.pause_s == 0.4
    assert buffer.ends_with("g")
    buffer.add("", ends=True)
    assert spoken(buffer, "a b", "c d", "e") == [(1, False), (1, True), (2, False)]


def test_one_with_marks_is_not_taken_for_one_without() -> None:
    buffer = SentenceBuffer("en", SentenceRules(bare_after_words=3))
    buffer.add("well, yes", ends=False)
    buffer.add("one two three four five", ends=False)
    assert buffer.pause_s == SentenceRules().pause_s


def test_the_dot_of_a_spelt_letter_is_no_punctuation() -> None:
    buffer = SentenceBuffer("en", SentenceRules(bare_after_words=4))
    buffer.add("mister john s. and then", ends=False)
    assert buffer.is_bare


def test_who_gave_marks_may_go_without_for_twice_as_long() -> None:
    buffer = SentenceBuffer("en", SentenceRules(bare_after_words=3))
    buffer.add("In short, it was like", ends=False)
    buffer.add("the one", ends=False)
    assert not buffer.is_bare
    buffer.add("of now and then", ends=False)
    assert buffer.is_bare
