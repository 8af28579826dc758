"""The language table, and the look-up of the tags that clients send."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.languages import LANGUAGES, OTHER_TAGS, canonical_tag, fallback_tags, look_up

pytestmark = pytest.mark.unit

SUBTAGS = st.text("abcXYZ09", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("ES", "es"),
        ("pt-br", "pt-BR"),
        ("EN-gb", "en-GB"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sr-LATN", "sr-Latn"),
        ("es-419", "es-419"),
        ("ca-es-VALENCIA", "ca-ES-valencia"),
        ("de-1996", "de-1996"),
        ("en-a-BBB-x-AB-CDEF", "en-a-bbb-x-ab-cdef"),
        ("", None),
        ("e", None),
        ("engl", None),
        ("en_GB", None),
        ("en-", None),
        ("en--GB", None),
        ("en-waytoolong", None),
        ("en" + "-abcdefgh" * 4, None),
        ("ｅｎ", None),
    ],
)
def test_the_case_of_a_tag_does_not_count(tag: str, canonical: str | None) -> None:
    assert canonical_tag(tag) == canonical


@pytest.mark.parametrize(
    ("tag", "tried"),
    [
        ("en-GB", ("en-GB", "en")),
        ("es", ("es",)),
        # The example of RFC 4647, section 3.4.
        (
            "zh-Hant-CN-x-private1-private2",
            (
                "zh-Hant-CN-x-private1-private2",
                "zh-Hant-CN-x-private1",
                "zh-Hant-CN",
                "zh-Hant",
                "zh",
            ),
        ),
        ("klingon!", ()),
    ],
)
def test_a_tag_gets_shorter_from_its_end(tag: str, tried: tuple[str, ...]) -> None:
    assert fallback_tags(tag) == tried


@given(st.lists(SUBTAGS, max_size=3).map(lambda rest: "-".join(["en", *rest])))
def test_each_fallback_is_shorter_and_a_tag_itself(tag: str) -> None:
    tried = fallback_tags(tag)
    assert (tried[-1] == "en") if tried else canonical_tag(tag) is None
    assert all(canonical_tag(one) == one for one in tried)
    assert all(len(one) > len(two) for one, two in pairwise(tried))


def test_the_most_specific_tag_that_is_offered_is_chosen() -> None:
    assert look_up("pt-br", {"pt", "pt-BR"}.__contains__) == "pt-BR"
    assert look_up("pt-br", {"pt"}.__contains__) == "pt"
    assert look_up("pt", {"pt-BR"}.__contains__) is None
    assert look_up("en-GB-oed", LANGUAGES.__contains__) == "en"
    assert look_up("tlh", LANGUAGES.__contains__) is None


@pytest.mark.parametrize(
    ("tag", "offered", "chosen"),
    [
        ("fil-PH", {"tl"}, "tl"),
        ("nb-NO", {"no"}, "no"),
        ("nb-NO", {"no", "nb"}, "nb"),
        ("iw", {"he"}, "he"),
        ("zh-TW", {"zh", "zh-Hans", "zh-Hant"}, "zh-Hant"),
        ("zh-Hant-TW", {"zh", "zh-Hans", "zh-Hant"}, "zh-Hant"),
        ("zh-TW", {"zh"}, "zh"),
        ("nb", {"da"}, None),
    ],
)
def test_a_language_is_found_by_the_other_tags_that_browsers_send(
    tag: str, offered: set[str], chosen: str | None
) -> None:
    assert look_up(tag, offered.__contains__) == chosen


def test_other_tags_lead_to_rows_and_are_none_themselves() -> None:
    assert set(OTHER_TAGS.values()) <= set(LANGUAGES)
    assert not set(OTHER_TAGS) & set(LANGUAGES)
    assert all(canonical_tag(tag) == tag for tag in OTHER_TAGS)


def test_the_table_is_keyed_by_canonical_tags_in_order() -> None:
    assert [canonical_tag(tag) for tag in LANGUAGES] == sorted(LANGUAGES)


def test_names_are_written_in_the_script_that_the_row_names() -> None:
    for tag, row in LANGUAGES.items():
        letters = [sign for sign in row.native_name if sign.isalpha()]
        is_latin = all(unicodedata.name(sign).startswith("LATIN") for sign in letters)
        assert is_latin == (row.script == "Latn"), tag


def test_what_is_written_from_the_right() -> None:
    found = {tag for tag, row in LANGUAGES.items() if row.direction == "rtl"}
    assert found == {"ar", "fa", "he", "ur"}


def test_no_two_languages_share_an_engines_name() -> None:
    apertium = [name for row in LANGUAGES.values() for name in row.apertium]
    amazon = [row.amazon.transcribe_locale for row in LANGUAGES.values() if row.amazon]
    assert len(set(apertium)) == len(apertium)
    assert len(set(amazon)) == len(amazon)
