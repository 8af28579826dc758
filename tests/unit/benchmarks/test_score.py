"""What the score hands to OmniSTEval, and when it says that something got worse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.lag.service_profiles import SPOKEN_WORD_S
from benchmarks.score.__main__ import fallen
from benchmarks.score.figures import VOICE_S, Figures, delays, playout_delays, seams_kept
from benchmarks.score.live import caption_releases, main, played_live
from benchmarks.score.measure import Row
from benchmarks.score.omnisteval import timed_words, write_logs, write_references
from benchmarks.score.round_trip import round_trip
from benchmarks.score.talks import RecordedTranslations, SpokenTalk, SpokenWord, turned
from benchmarks.score.virtual_talk import Played, Release, ReleasedSentence

pytestmark = pytest.mark.unit

TALK = SpokenTalk("talk", ("Old house.",), (SpokenWord("Old", 0, 1), SpokenWord("house.", 1, 2)))
CAPTION = {"type": "translatedCaption", "sentence": 0}
SENTENCE = ReleasedSentence(0, 2, [Release("la casa", 1.5), Release(", vieja.", 2.5)])


def test_a_word_counts_when_it_begins_to_be_released() -> None:
    assert timed_words(SENTENCE) == [("la", 1.5), ("casa,", 1.5), ("vieja.", 2.5)]


def test_a_delay_is_counted_from_the_source_word_at_the_same_share() -> None:
    assert delays([Release("la casa", 1.5), Release("vieja.", 2.5)], [1.0, 2.0]) == [0.5, -0.5, 0.5]


def test_a_phrase_is_heard_after_the_one_before_it() -> None:
    phrases = [Release("la casa", 2.0), Release("vieja.", 2.1)]
    heard = playout_delays(Played(TALK, [ReleasedSentence(0, 2, phrases, phrases)]))
    spoken_s = [2.0 + VOICE_S + number * SPOKEN_WORD_S for number in (1, 2, 3)]
    assert heard == pytest.approx([spoken_s[0] - 1, spoken_s[1] - 2, spoken_s[2] - 2])


def test_a_seam_is_kept_where_its_words_are_neighbours_in_the_whole_sentence() -> None:
    texts = ["La casa", "", ", vieja", " grande."]
    assert list(seams_kept(texts, "La casa vieja y grande.")) == [True, False]
    assert list(seams_kept(["La casa."], "La casa.")) == []


def test_a_turned_talk_takes_the_originals_time_sentence_by_sentence() -> None:
    talk = turned(TALK, ["La casa vieja."])
    assert [word.text for word in talk.words] == ["La", "casa", "vieja."]
    assert [word.start_s for word in talk.words] == pytest.approx([0, 2 / 6, 1.0])
    assert talk.words[-1].end_s == pytest.approx(2.0)
    with pytest.raises(ValueError, match="shorter"):
        turned(TALK, [])


def test_a_live_run_is_of_the_languages_that_were_told_from_the_beginning() -> None:
    def told(language: str, spoken_s: float, text: str) -> dict[str, object]:
        return {
            "language": language,
            "number": int(10 * spoken_s),
            "spoken_s": spoken_s,
            "from_first_ms": 1500,
            "transcript": text,
        }

    notified = [told("es", 0.1, "La casa"), told("ca", 1.0, "vella."), told("es", 1.0, "vieja.")]
    report = {"notified": notified}
    found = played_live(report, {}, TALK)
    assert list(found) == ["es"]
    (sentence,) = found["es"].sentences
    assert sentence.phrases == [Release(" La casa", 1.6), Release(" vieja.", 2.5)]
    assert sentence.releases == sentence.phrases
    assert (sentence.first, sentence.end) == (0, 2)
    # The listener's clock: the talk began at 8,400.
    messages = [
        {"receivedAt": 9_400, **CAPTION, "text": "La"},
        {"receivedAt": 10_000, "type": "translatedAudio", "sequenceNumber": 1},
        {"receivedAt": 10_400, **CAPTION, "text": "La casa vieja."},
    ]
    (sentence,) = played_live(report, {"es": messages}, TALK)["es"].sentences
    assert sentence.phrases == [Release(" La casa", 1.6), Release(" vieja.", 2.5)]
    assert sentence.releases == [Release("La", 1.0), Release(" casa vieja.", 2.0)]


def test_a_caption_adds_what_its_sentence_has_not_shown() -> None:
    captions = (
        (1_000, 0, "La casa"),
        (2_000, 0, "La casa"),
        (3_000, 0, "La casa es vieja."),
        (3_500, 0, "La"),
        (4_000, 1, "Es grande."),
    )
    messages = [
        {"receivedAt": at_ms, **CAPTION, "sentence": number, "text": text}
        for at_ms, number, text in captions
    ]
    messages.insert(2, {"receivedAt": 2_500, "type": "partialCaption", "text": "The house"})
    assert caption_releases(messages, 500) == [
        Release("La casa", 0.5),
        Release(" es vieja.", 2.5),
        Release(" Es grande.", 3.5),
    ]


def test_without_a_demo_there_is_one_line_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--demo={tmp_path}", f"--output={tmp_path}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("report.json: make score LIVE=1 runs make demo")


def test_unfinished_texts_are_recorded_apart_and_what_is_not_asked_for_is_left_out(
    tmp_path: Path,
) -> None:
    def engine(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        return f"{text}?" if is_unfinished else f"{text}."

    recorded = RecordedTranslations("en-pt", engine, tmp_path)
    assert [recorded("a"), recorded("a", is_unfinished=True)] == ["a.", "a?"]
    recorded.save()
    again = RecordedTranslations("en-pt", None, tmp_path)
    assert again("a", is_unfinished=True) == "a?"
    with pytest.raises(KeyError, match="of 1 signs"):
        again("b", is_unfinished=True)
    again.save()
    assert RecordedTranslations("en-pt", None, tmp_path)("a", is_unfinished=True) == "a?"
    with pytest.raises(KeyError):
        RecordedTranslations("en-pt", None, tmp_path)("a")
    # An engine that is not told of it has one translation of both.
    untold = RecordedTranslations("en-fr", engine, tmp_path)
    assert [untold("a"), untold("a", is_unfinished=True)] == ["a.", "a."]


def test_logs_and_references_are_of_the_talks_words(tmp_path: Path) -> None:
    played = [Played(TALK, [SENTENCE])]
    write_logs(tmp_path, played, 0.5)
    write_references(tmp_path, played, [["Casa vieja."]])
    (words,) = map(json.loads, (tmp_path / "words.jsonl").read_text().splitlines())
    assert words["prediction"] == "la casa, vieja."
    assert words["delays"] == [1500, 1500, 2500]
    assert words["elapsed"] == [2000, 2000, 3000]
    assert json.loads((tmp_path / "segments.json").read_text()) == [
        {"wav": "talk.wav", "offset": 0, "duration": 2}
    ]
    lines = [json.loads(each) for each in (tmp_path / "simulstream.jsonl").read_text().splitlines()]
    assert [line.get("generated_tokens") for line in lines] == [
        None,
        ["la", "casa"],
        [",", "vieja."],
    ]


def test_a_score_below_the_former_interval_is_told(tmp_path: Path) -> None:
    figures = Figures(1.0, 2.0, 1.0, 2.0, 3.0, 97.0, 2.0, 99.0, 100.0, 1.0, 6.0, 4)
    row = Row("en-pt", "agreement, swift", "perfect", figures, 96.0, {}, 1.0, 5.0)
    for low, told in ((96.5, 0), (97.5, 1)):
        former = [{"pair": "en-pt", "policy": row.policy, "words": row.words, "chrf_low": low}]
        (tmp_path / "former.json").write_text(json.dumps(former))
        assert len(fallen([row], tmp_path / "former.json")) == told


def test_what_was_released_and_whole_sentences_are_translated_back() -> None:
    def translate(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        return {"Old house.": "Casa vieja.", "Casa vieja.": "Old house."}.get(text, "nothing")

    right = ReleasedSentence(0, 2, [Release("Casa", 1.0), Release(" vieja.", 2.0)])
    assert round_trip([Played(TALK, [right])], translate, translate) == pytest.approx([100, 100])
    released, whole = round_trip([Played(TALK, [SENTENCE])], translate, translate)
    assert released < 50
    assert whole == pytest.approx(100)
