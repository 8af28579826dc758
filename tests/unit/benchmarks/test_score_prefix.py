"""A translation that continues what is released, and how likely a model finds what is released."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.score.likelihood import (
    RecordedLikelihoods,
    TokenLikelihood,
    token_likelihood,
    words_after_seams,
)
from benchmarks.score.marian_decoder import MarianDecoder
from benchmarks.score.marian_file import Shortlist, read_parameters
from benchmarks.score.record_continuations import continuing
from benchmarks.score.talks import RecordedTranslations, SpokenTalk, SpokenWord
from benchmarks.score.virtual_talk import Played, Release, ReleasedSentence, play
from connectors.interfaces.errors import PermanentError
from pipelines.sentences.settings import ReleaseName, ReleaseSettings
from tests.unit.benchmarks.marian_model import WORDS, write_model

pytestmark = pytest.mark.unit

TEXT = "the old house fell"


def spoken(sentence: str) -> SpokenTalk:
    words = (SpokenWord(text, at_s, at_s + 1) for at_s, text in enumerate(sentence.split()))
    return SpokenTalk("talk", (sentence,), tuple(words))


TALK = spoken("The old house fell down.")
SENTENCE = ReleasedSentence(
    0, 5, [Release("A casa", 1.0), Release(", velha", 2.0), Release(" caiu.", 3.0)]
)


@pytest.fixture(name="decoder", scope="module")
def of_words(tmp_path_factory: pytest.TempPathFactory) -> MarianDecoder:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, "word")
    return MarianDecoder(folder)


def test_a_translation_that_is_given_its_own_beginning_goes_on_as_before(
    decoder: MarianDecoder,
) -> None:
    whole = decoder.translate(TEXT)
    words = whole.split()
    assert len(set(words)) > 1
    for count in range(1, len(words)):
        assert decoder.translate(TEXT, " ".join(words[:count])) == whole


def test_another_beginning_is_kept_and_gone_on_from(decoder: MarianDecoder) -> None:
    other = next(word for word in WORDS if word != decoder.translate(TEXT).split()[0])
    found = decoder.translate(TEXT, f"{other} casa")
    assert found.startswith(f"{other} casa ")
    assert decoder.translate(TEXT, found) == found


def test_no_other_word_is_likelier_than_the_one_that_was_chosen(decoder: MarianDecoder) -> None:
    words = decoder.translate(TEXT).split()
    chosen = decoder.log_probabilities(TEXT, " ".join(words))
    assert [len(word) for word in chosen] == [1] * (len(words) + 1)
    for place in range(len(words)):
        for other in WORDS:
            begun = [*words[:place], other]
            found = decoder.log_probabilities(TEXT, " ".join(begun))
            assert found[:place] == [pytest.approx(each, abs=1e-4) for each in chosen[:place]]
            assert found[place][0] <= chosen[place][0] + 1e-4


def test_the_last_word_that_is_given_does_not_go_on(tmp_path: Path) -> None:
    write_model(tmp_path, "char")
    decoder = MarianDecoder(tmp_path)
    whole = decoder.translate(TEXT)
    for released in ("cas", "a cas", whole[:3].strip()):
        rest = decoder.translate(TEXT, released)[len(released) :]
        assert not rest[:1].isalnum()


def test_a_translation_is_chosen_from_the_shortlist(tmp_path: Path) -> None:
    write_model(tmp_path, "word", {3: [5, 9], 4: [9]})
    shortlist = Shortlist(tmp_path / "lex.enpt.bin", 11)
    # The frequent piece, the text's, those of the shortlist, and some to make eight.
    assert shortlist.choices([3]).tolist() == [0, 1, 2, 3, 4, 5, 6, 9]
    assert {0, 3, 4, 5, 9} <= set(shortlist.choices([3, 4]).tolist())


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    for content in (b"", b"\2" * 16, b"\1" + bytes(7) + b"\1" + bytes(7)):
        file.write_bytes(content)
        with pytest.raises(PermanentError, match=r"model\.bin"):
            read_parameters(file)


class ScriptedDecoder(MarianDecoder):
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def translate(self, text: str, released: str = "") -> str:
        self.asked.append((text, released))
        return f"{released} mais …" if released else "A casa …"


def test_a_beginning_is_given_and_an_unfinished_text_told_as_such() -> None:
    decoder = ScriptedDecoder()
    engine = continuing(decoder)
    assert engine("The", is_unfinished=True) == "A casa"
    assert engine("The old", is_unfinished=True, released="A casa …") == "A casa … mais"
    assert engine("The old.", released="A casa") == "A casa mais …"
    assert decoder.asked == [("The …", ""), ("The old …", "A casa …"), ("The old.", "A casa")]


def test_only_the_policy_that_continues_gives_what_is_released() -> None:
    given: dict[ReleaseName, list[str]] = {}

    def engine(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        of_policy.append(released)
        return "A casa velha caiu agora."

    talk = spoken("The old house fell down in the night.")
    for name in (ReleaseName.AGREEMENT, ReleaseName.PREFIX):
        of_policy = given.setdefault(name, [])
        settings = ReleaseSettings(name)
        policy = settings.policy(continues=False)
        (sentence,) = play(talk, policy, settings.pace, engine).sentences
        assert sentence.text == "A casa velha caiu agora."
    assert set(given[ReleaseName.AGREEMENT]) == {""}
    # One word is held back of what an engine was made to begin with.
    assert given[ReleaseName.PREFIX] == ["", "", "", *2 * ["A casa velha caiu"]]


def test_continuations_are_recorded_without_what_they_were_given(tmp_path: Path) -> None:
    def engine(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        return f"{released} velha" if text else "otherwise"

    recorded = RecordedTranslations("en-pt", engine, tmp_path, kind="continuations")
    assert recorded("old", released="A casa") == "A casa velha"
    with pytest.raises(ValueError, match="begins otherwise"):
        recorded("", released="A casa")
    recorded.save()
    file = tmp_path / "continuations-en-pt.jsonl"
    assert file.read_text() == '["old → A casa", " velha"]\n'
    again = RecordedTranslations("en-pt", None, tmp_path, kind="continuations")
    assert again("old", released="A casa") == "A casa velha"
    with pytest.raises(KeyError):
        again("old", released="A")


def test_a_mark_that_comes_with_the_next_release_is_no_seam() -> None:
    assert list(words_after_seams(SENTENCE)) == [2, 3]


def test_likelihood_is_of_all_tokens_and_of_the_first_after_seams() -> None:
    asked: list[tuple[str, str]] = []

    def likelihood(text: str, translation: str) -> list[list[float]]:
        asked.append((text, translation))
        return [[-0.1], [-0.2], [-3.0, -0.3], [-1.0], [-0.4]]

    found = token_likelihood([Played(TALK, [SENTENCE])], likelihood)
    assert asked == [("The old house fell down.", "A casa, velha caiu.")]
    assert found.mean == pytest.approx(-5.0 / 6)
    assert found.at_seams == pytest.approx(-2.0)
    whole = ReleasedSentence(0, 5, [Release("A casa caiu agora.", 3.0)])
    assert token_likelihood([Played(TALK, [whole])], likelihood) == TokenLikelihood(
        pytest.approx(-5.0 / 6), None
    )


def test_likelihoods_are_recorded_once(tmp_path: Path) -> None:
    recorded = RecordedLikelihoods("en-pt", lambda text, translation: [[-0.123], [-2]], tmp_path)
    assert recorded("old", "velha") == [[-0.12], [-2]]
    recorded.save()
    again = RecordedLikelihoods("en-pt", None, tmp_path)
    assert [again.is_there, RecordedLikelihoods("pt-en", None, tmp_path).is_there] == [True, False]
    assert again("old", "velha") == [[-0.12], [-2]]
    with pytest.raises(KeyError, match="of 3 signs"):
        again("old", "velho")
