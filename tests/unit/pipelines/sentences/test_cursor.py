from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentences.cursor import Pace, Released, TranslationCursor
from pipelines.sentences.release import Agreement, Append, Prefix, ReleasePolicy, WholeSentence

pytestmark = pytest.mark.unit


def cursor(policy: ReleasePolicy | None = None, every: float = 1) -> TranslationCursor:
    return TranslationCursor(policy or Agreement(1), Pace(every))


def take(one: TranslationCursor, source: str, answer: str, *, final: bool = False) -> Released:
    step = one.step(0, source, is_final=final)
    assert step is not None
    return one.answered(step, answer)


def test_what_two_drafts_share_is_released_and_the_rest_is_preview() -> None:
    one = cursor()
    assert take(one, "the big", "el gran.") == Released("", "el gran")
    assert take(one, "the big house", "la casa grande.") == Released("", "la casa grande")
    third = take(one, "the big house is", "la casa grande es")
    assert third == Released("la casa grande", "es")
    last = take(one, "the big house is old.", "La casa grande es vieja.", final=True)
    assert last == Released(" es vieja.", "", ends=True)
    assert one.released == "la casa grande es vieja."


def test_a_step_waits_for_so_many_words() -> None:
    one = cursor(every=2)
    assert one.step(0, "the", is_final=False) is None
    take(one, "the big", "x")
    assert one.step(0, "the big house", is_final=False) is None
    assert one.step(0, "the big house is", is_final=False) is not None


def test_or_for_a_clause() -> None:
    one = TranslationCursor(Agreement(1), Pace(at_clauses=True))
    assert one.step(0, "the big house", is_final=False) is None
    assert one.step(0, "the big house,", is_final=False) is not None
    assert one.step(0, "", is_final=True) is None


def test_a_final_step_with_the_same_source_costs_no_call() -> None:
    one = cursor()
    take(one, "good morning", "buenos días")
    step = one.step(0, "good morning", is_final=True)
    assert step is not None
    assert step.draft == "buenos días"
    other = one.step(0, "good morning.", is_final=True)
    assert other is not None
    assert other.draft is None


def test_a_draft_is_of_an_unfinished_sentence_and_the_last_one_is_not() -> None:
    def unfinished(policy: ReleasePolicy, *, final: bool) -> bool:
        step = cursor(policy).step(0, "the big", is_final=final)
        assert step is not None
        return step.is_unfinished

    assert unfinished(Agreement(), final=False)
    assert not unfinished(Agreement(), final=True)
    # Utterances that are translated alone are no beginnings.
    assert not unfinished(Append(), final=False)


def test_a_mark_that_comes_late_goes_with_the_next_release() -> None:
    one = cursor()
    take(one, "a", "la casa")
    assert take(one, "a b", "la casa").text == "la casa"
    take(one, "a b c", "la casa, que")
    assert take(one, "a b c d", "la casa, que es").text == ", que"
    assert one.released == "la casa, que"


def test_a_late_mark_leaves_the_space_in_front_of_its_word() -> None:
    """The draft begins with the word that was released last."""
    one = cursor()
    take(one, "a", "la vieja")
    take(one, "a b", "la vieja")
    assert take(one, "a b c.", "vieja.", final=True).text == "."
    assert one.released == "la vieja."


def test_contradicted_words_stand_and_are_counted() -> None:
    one = cursor()
    take(one, "a", "la casa")
    take(one, "a b", "la casa")
    last = take(one, "a b c.", "una casa vieja.", final=True)
    assert (last.text, last.contradicted) == (" vieja.", 1)
    assert one.released == "la casa vieja."


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("x" * 400, "too long"),
        ("We have a house.", "source repeated"),
    ],
)
def test_an_answer_that_is_no_translation_is_refused(answer: str, cause: str) -> None:
    one = cursor()
    for source in ("we", "we have"):
        take(one, source, "tenemos")
    assert take(one, "we have a house", answer) == Released(refused=cause)
    assert one.released == "tenemos"
    # The sentence is over, and there is no other answer: what the last draft said is all.
    last = take(one, "we have a house", answer, final=True)
    assert (last.text, last.ends, last.refused) == ("", True, cause)


def test_a_name_that_comes_back_as_it_is_is_taken() -> None:
    assert take(cursor(), "San Francisco", "San Francisco", final=True).text == "San Francisco"
    assert take(cursor(), "1 2 3 4", "1 2 3 4", final=True).text == "1 2 3 4"


def test_a_failure_at_the_end_releases_what_the_last_draft_had() -> None:
    one = cursor()
    take(one, "the house is", "la casa es")
    step = one.step(0, "the house is old.", is_final=True)
    assert step is not None
    assert one.failed(step, "RetryableError").text == "la casa es"


def test_the_next_sentence_begins_anew() -> None:
    one = cursor()
    take(one, "yes.", "sí.", final=True)
    step = one.step(1, "no", is_final=False)
    assert step is not None
    assert (step.released, one.released) == ("", "")


def test_who_joins_in_the_middle_gets_the_sentence_from_its_beginning() -> None:
    one = cursor()
    found: list[Released] = []
    for source, answer in (
        ("he was a man", "él era un hombre"),
        ("he was a man who", "él era un hombre que"),
        ("he was a man who left", "él era un hombre que se"),
    ):
        step = one.step(0, source, is_final=False, is_late=True)
        assert step is not None
        assert step.source == source
        found.append(one.answered(step, answer))
    assert [each.catches_up for each in found] == [False, True, False]
    assert one.released == "él era un hombre que"


def test_append_translates_new_words_alone() -> None:
    one = cursor(Append())
    step = one.step(0, "the big", is_final=False)
    assert step is not None
    assert step.source == "the big"
    assert one.answered(step, "el grande.", "the big").text == "el grande"
    step = one.step(0, "the big house", is_final=True)
    assert step is not None
    assert step.source == "house"
    assert one.answered(step, "casa.", "the big house").text == " casa."
    assert one.released == "el grande casa."


def test_whole_sentences_need_no_drafts() -> None:
    one = cursor(WholeSentence())
    assert one.step(0, "the big house", is_final=False) is None
    assert take(one, "the big house.", "la casa grande.", final=True).text == "la casa grande."


def test_the_released_text_is_told_to_engines_that_continue_it() -> None:
    one = cursor(Prefix(1, 0))
    take(one, "a", "la casa")
    take(one, "a b", "la casa")
    step = one.step(0, "a b c", is_final=False)
    assert step is not None
    assert step.released == "la casa"


def test_characters_are_released_one_by_one_without_spaces() -> None:
    one = cursor()
    take(one, "today", "今日は良い")
    assert take(one, "today is", "今日は暑い").text == "今日は"
    assert take(one, "today is hot.", "今日は暑い。", final=True).text == "暑い。"
    assert one.released == "今日は暑い。"


def test_an_engine_that_always_says_something_else_releases_little_before_the_end() -> None:
    one = cursor()
    for number in range(60):
        letter = chr(ord("a") + number // 2 % 20)
        take(
            one, " ".join("w" * (number + 1)), f"{letter}1 {letter}2 {letter}3 {letter}4 {letter}5"
        )
    assert len(one.released.split()) <= 3 * 61


ANSWERS = st.lists(
    st.lists(
        st.sampled_from(["la", "casa", "casa,", "es", "vieja.", "—", "家は", "大"]), max_size=9
    ),
    min_size=1,
    max_size=7,
)
POLICIES = st.sampled_from([Agreement(1), Agreement(2), Prefix(1, 1), WholeSentence(), Append()])


def run(policy: ReleasePolicy, answers: list[str], restart_at: int | None) -> list[str]:
    """The releases of a sentence whose steps are answered so; ``restart_at``: in front of which the
    cursor is lost and made again of what was released."""
    one = cursor(policy)
    releases: list[str] = []
    for number, answer in enumerate(answers):
        if number == restart_at:
            one = cursor(policy)
            one.resume(0, releases)
            assert one.released == "".join(releases)
        source = " ".join(["long" * 20] * (number + 1))
        final = number + 1 == len(answers)
        step = one.step(0, source, is_final=final)
        if step is None:
            continue
        text = one.answered(step, answer, source).text
        if text:
            releases.append(text)
        assert one.released == "".join(releases)
    return releases


@given(POLICIES, ANSWERS, st.integers(0, 7))
def test_released_text_only_grows_and_is_taken_up_after_a_restart_anywhere(
    policy: ReleasePolicy, answers: list[list[str]], restart_at: int
) -> None:
    texts = [" ".join(answer) for answer in answers]
    for restart in (None, restart_at):
        releases = run(policy, texts, restart)
        assert all(releases)
        assert not releases or not releases[0].startswith(" ")


@given(POLICIES, ANSWERS, st.integers(0, 7))
def test_an_engine_that_keeps_its_word_is_released_whole_and_once(
    policy: ReleasePolicy, answers: list[list[str]], restart_at: int
) -> None:
    """Drafts of which each begins with the one before: the releases are the last draft."""
    if policy.only_new_words:
        return
    longest = [word for answer in answers for word in answer]
    texts = [
        " ".join(longest[: sum(map(len, answers[: number + 1]))]) for number in range(len(answers))
    ]
    for restart in (None, restart_at):
        assert "".join(run(policy, texts, restart)).split() == texts[-1].split()
