from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentences.release import (
    Agreement,
    Append,
    Draft,
    Prefix,
    ReleasePolicy,
    Seam,
    WholeSentence,
    seam_of,
)

pytestmark = pytest.mark.unit

WORDS = st.lists(st.sampled_from("abc"), max_size=8)


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    ("released", "draft", "seam"),
    [
        ("", "a b", Seam(0)),
        ("a b", "a b c", Seam(2)),
        ("a b", "a x c", Seam(1, 1)),  # shortest of equals: c may be said twice, not lost
        ("a b", "x b c", Seam(2, 1)),
        ("a b", "b c", Seam(1, 1)),  # ends with the last released word
        ("a b c", "a c d", Seam(2, 1)),
        ("a b", "", Seam(0, 2)),
    ],
)
def test_the_seam(released: str, draft: str, seam: Seam) -> None:
    assert seam_of(words(released), words(draft)) == seam


@given(WORDS, WORDS)
def test_the_seam_is_exact_exactly_when_the_draft_begins_with_what_is_released(
    released: list[str], draft: list[str]
) -> None:
    seam = seam_of(released, draft)
    begins = draft[: len(released)] == released
    assert (seam == Seam(len(released))) == begins
    assert begins or seam.contradicted > 0
    assert 0 <= seam.at <= len(draft)


def drafts(*texts: str, every: float = 2) -> list[Draft]:
    return [Draft(every * number, words(text)) for number, text in enumerate(texts, 1)]


def test_agreement_releases_what_the_drafts_of_its_span_share() -> None:
    three = drafts("a b x", "a b c d", "a b c e")
    assert Agreement(3).certain([], three) == 2
    assert Agreement(2).certain([], three) == 3
    assert Agreement(2, margin=1).certain([], three) == 2
    assert Agreement(2).certain(words("a b"), three) == 1


def test_two_drafts_that_lie_far_apart_are_enough() -> None:
    assert Agreement(3).certain([], drafts("a b x", "a b", every=2)) == 0
    assert Agreement(3).certain([], drafts("a b x", "a b", every=3)) == 2


@pytest.mark.parametrize(("new_words", "certain"), [(2, 0), (3, 2)])
def test_where_words_come_in_bursts_two_more_confirm_less_a_token(
    new_words: float, certain: int
) -> None:
    two = [Draft(3, words("a b c x"), new_words), Draft(5, words("a b c d"), 2)]
    assert Agreement(3).certain([], two) == certain
    assert Prefix(3).certain([], two) == max(0, certain - 1)


def test_a_burst_takes_nothing_from_what_three_words_have_confirmed() -> None:
    assert Agreement(3).certain([], [Draft(3, words("a b"), 3), Draft(6, words("a b c"), 3)]) == 2


def test_one_draft_agrees_with_nothing() -> None:
    assert Agreement(0).certain([], drafts("a b")) == 0


def test_agreement_goes_on_when_it_is_contradicted() -> None:
    assert Agreement(2).certain(words("a b"), drafts("x b c d", "x b c d e")) == 2


@pytest.mark.parametrize("policy", [Agreement(2), Prefix(2), WholeSentence(), Append()])
def test_no_policy_releases_more_than_there_is(policy: ReleasePolicy) -> None:
    assert policy.certain([], drafts("", "")) == 0
    assert policy.certain(words("a b c"), drafts("a", "a")) == (1 if policy.only_new_words else 0)


def test_what_policies_ask_for() -> None:
    asks = {
        type(policy).__name__: (policy.needs_drafts, policy.continues, policy.only_new_words)
        for policy in (Agreement(), Prefix(), WholeSentence(), Append())
    }
    assert asks == {
        "Agreement": (True, False, False),
        "Prefix": (True, True, False),
        "WholeSentence": (False, False, False),
        "Append": (True, False, True),
    }
