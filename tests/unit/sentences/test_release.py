from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentences.release import (
    Agreement,
    Append,
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


def test_agreement_releases_what_the_last_drafts_share() -> None:
    drafts = [words("a b x"), words("a b c d"), words("a b c e")]
    assert Agreement(3).certain([], drafts) == 2
    assert Agreement(2).certain([], drafts) == 3
    assert Agreement(2, margin=1).certain([], drafts) == 2
    assert Agreement(3).certain([], drafts[:2]) == 0
    assert Agreement(2).certain(words("a b"), drafts) == 1


def test_agreement_goes_on_when_it_is_contradicted() -> None:
    drafts = [words("x b c d"), words("x b c d e")]
    assert Agreement(2).certain(words("a b"), drafts) == 2


@pytest.mark.parametrize("policy", [Agreement(), Prefix(), WholeSentence(), Append()])
def test_no_policy_releases_more_than_there_is(policy: ReleasePolicy) -> None:
    assert policy.certain([], [[]]) == 0
    assert policy.certain(words("a b c"), [words("a")] * 3) == (1 if policy.only_new_words else 0)


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
