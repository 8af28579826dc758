"""Words over noise go together, words of speech stay together."""

from __future__ import annotations

import pytest

from connectors.interfaces.confidence import ConfidenceRule, without_invented
from connectors.interfaces.speech_to_text import Recognition, Word
from connectors.offline.decoder_process import decode_result, encode_result

pytestmark = pytest.mark.unit


def result(*words: tuple[str, float, float | None], is_final: bool = True) -> Recognition:
    """(text, seconds that it lasts, confidence) each."""
    made: list[Word] = []
    at_s = 0.0
    for text, lasts_s, confidence in words:
        made.append(Word(text, at_s, at_s + lasts_s, confidence=confidence))
        at_s += lasts_s
    return Recognition(tuple(made), is_final, at_s + 1.0)


def test_words_that_the_recogniser_doubts_are_dropped_and_the_audio_counts_as_considered() -> None:
    noise = result(("uh", 0.2, 0.31), ("the", 0.1, 0.12))
    assert without_invented(noise) == Recognition((), is_final=True, through_s=noise.through_s)


def test_a_doubtful_word_in_an_utterance_stays() -> None:
    spoken = result(("Mister", 0.3, 0.97), ("Dashwood", 0.6, 0.2), ("had", 0.2, 0.99))
    assert without_invented(spoken) is spoken


def test_long_words_weigh_more() -> None:
    assert without_invented(result(("a", 0.1, 0.9), ("mumble", 1.0, 0.2))).words == ()
    assert without_invented(result(("a", 1.0, 0.9), ("mumble", 0.1, 0.3))).words != ()


def test_nothing_is_dropped_without_a_confidence() -> None:
    partial = result(("uh", 0.2, None), ("the", 0.1, 0.01), is_final=False)
    assert without_invented(partial) is partial
    silence = result()
    assert without_invented(silence) is silence


def test_a_word_without_length_counts() -> None:
    assert without_invented(result(("uh", 0.0, 0.1))).words == ()


def test_the_rule_decides() -> None:
    half = result(("so", 0.2, 0.5))
    assert without_invented(half, ConfidenceRule(at_least=0.5)) is half
    assert without_invented(half, ConfidenceRule(at_least=0.51)).words == ()


@pytest.mark.parametrize("at_least", [-0.1, 1.0])
def test_a_rule_that_drops_everything_is_refused(at_least: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        ConfidenceRule(at_least)


def test_confidence_survives_the_way_out_of_an_engine_process() -> None:
    spoken = result(("so", 0.25, 0.5), ("it", 0.25, None))
    assert decode_result(encode_result(spoken)) == spoken
