"""From what was spoken and what arrived to a flow's figures; what is spoken, and by which job."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.lag import __main__ as lag_run
from benchmarks.lag.__main__ import Judged, comparison, judge, ratios, recognition, sessions
from benchmarks.lag.collector import Collector, Note, read_notes
from benchmarks.lag.counted_recognition import CountedConnectors, Request
from benchmarks.lag.flows import FlowOutcome
from benchmarks.lag.profiled_job import with_count, with_services
from benchmarks.lag.service_profiles import PROFILES
from benchmarks.lag.talkers import Session, Spoken, chunks
from benchmarks.lag.word_lags import Arrival, spoken_words
from benchmarks.talks import Talk
from connectors.interfaces.notifier import Audience
from connectors.interfaces.speech_to_text import Word
from connectors.job_connectors import LiveConnectors
from local_stack.processes import ProcessError
from pipelines.options import LiveJob, read_options
from schemas.values import AudioChunk

pytestmark = pytest.mark.unit

BEGIN_MS = 1_000_000.0


def spoken(session_id: str, *languages: str) -> Spoken:
    """Says w0 until 1.0 s and w1 until 2.0 s."""
    words = (Word("w0", 0.5, 1.0), Word("w1", 1.5, 2.0))
    session = Session(session_id, Talk(0, b"", words), languages)
    return Spoken(session, BEGIN_MS, spoken_words(words, BEGIN_MS), 3.0, 0)


def told(
    session_id: str, language: str, at_s: float, text: str, kind: str = "translatedAudio"
) -> Note:
    stages = {"translate": 500}
    at_ms = BEGIN_MS + 1000 * at_s
    return Note(at_ms, session_id, language, kind, 0, round(BEGIN_MS), text, 0.5, stages)


def test_every_listener_of_every_talk_counts_and_the_warm_up_does_not() -> None:
    notes = (
        told("warm-up", "es", 90.0, "", kind="skipped"),
        told("talk-0", "es", 4.0, "w0 w1"),
        told("talk-0", "fr", 5.0, "w0"),
        told("talk-0", "fr", 5.5, "", kind="skipped"),
    )
    judged = judge(FlowOutcome("job", (spoken("talk-0", "es", "fr"),), notes, {"batches": 7}))
    figures = judged.figures
    assert judged.words == ((1.0, 3.0), (1.0, 4.0), (2.0, 2.0))
    assert figures["job_words"] == 4
    assert figures["job_words_lost"] == 1
    assert figures["job_lag_mean_s"] == 3.0
    assert figures["job_first_sample_mean_s"] == 4.5
    assert figures["job_heard_mean_s"] == pytest.approx((3.25 + 2.5 + 4.5) / 3, abs=0.001)
    assert figures["job_skipped"] == 1
    assert figures["job_stage_translate_mean_ms"] == 500
    assert figures["job_batches"] == 7
    assert figures["job_producer_late_ms"] == 3.0


def test_a_flow_that_told_nothing_has_no_lag() -> None:
    figures = judge(FlowOutcome("job", (spoken("talk-0", "es"),), (), {})).figures
    assert figures["job_words_lost"] == 2
    assert "job_lag_mean_s" not in figures
    assert "job_heard_mean_s" not in figures


@pytest.mark.parametrize("broken", ["baseline", "job"])
def test_a_flow_that_does_not_start_leaves_the_other_ones_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def hearing(flow: str) -> Callable[..., tuple[FlowOutcome, ...]]:
        def hear(*_asked: object) -> tuple[FlowOutcome, ...]:
            if flow == broken:
                raise ProcessError("it did not start")
            notes = (told("talk-0", "es", 4.0, "w0 w1"),)
            return (FlowOutcome(flow, (spoken("talk-0", "es"),), notes, {}),)

        return hear

    monkeypatch.setattr(lag_run, "ROOT", tmp_path)
    monkeypatch.setattr(lag_run, "hear_baseline", hearing("baseline"))
    monkeypatch.setattr(lag_run, "hear_job", hearing("job"))
    (tmp_path / "build").mkdir()
    assert lag_run.main(["--profile", "current", "--talks", "1", "--seconds", "2"]) == 1
    found = json.loads((tmp_path / "build" / "lag-current.json").read_text())
    other = {"baseline": "job", "job": "baseline"}[broken]
    assert found[f"{other}_lag_mean_s"] == 2.5
    assert not [key for key in found if key.startswith(broken)]
    assert "lag_ratio" not in found


def test_each_request_is_charged_for_fifteen_seconds_at_least() -> None:
    """Two talks of half a minute: an hour of speakers is sixty times as much."""
    talks = tuple(
        Spoken(Session(f"talk-{n}", Talk(n, bytes(2 * 16_000 * 30), ()), ()), 0.0, (), 0.0, 0)
        for n in (0, 1)
    )
    requests = (Request("a", "en", 3.0), Request("b", "en", 20.0))
    assert recognition(FlowOutcome("job", talks, (), {}, requests)) == {
        "job_recognition_requests_an_hour": 120,
        "job_recognition_sent_s_an_hour": 23.0 * 60,
        "job_recognition_billed_s_an_hour": 35.0 * 60,
    }
    assert recognition(FlowOutcome("job", talks, (), {})) == {}


def test_ratios_are_ours_over_the_baselines_where_both_were_measured() -> None:
    def flow(name: str, **figures: float) -> Judged:
        return Judged({f"{name}_{key}": value for key, value in figures.items()}, ())

    job = flow("job", lag_mean_s=2.0, recognition_billed_s_an_hour=3_000.0)
    baseline = flow("baseline", lag_mean_s=4.0, recognition_billed_s_an_hour=18_000.0)
    assert ratios({"baseline": baseline, "job": job}) == {
        "lag_ratio": 0.5,
        "stt_seconds_ratio": 0.167,
    }
    assert ratios({"baseline": flow("baseline", lag_mean_s=4.0), "job": job}) == {"lag_ratio": 0.5}
    assert ratios({"job": job}) == {}


def test_the_table_has_a_row_for_each_figure_and_a_column_for_each_flow() -> None:
    figures = {"baseline_lag": 4.0, "baseline_batches": 3.0, "job_lag": 2.0}
    assert comparison(figures, ("baseline", "job")) == [["lag", 4.0, 2.0], ["batches", 3.0, ""]]


def test_chunks_are_stamped_with_their_own_time_and_lose_no_sample() -> None:
    pcm = bytes(range(256)) * 80
    cut = chunks(Session("s", Talk(0, pcm, ()), ()), BEGIN_MS)
    assert b"".join(chunk.pcm for chunk in cut) == pcm
    assert cut[1] == AudioChunk("s", 0, 1, 1_000_256, 1_000_512, pcm[8_192:16_384])
    assert [chunk.sequence for chunk in cut] == [0, 1, 2]


def test_the_same_talks_whoever_runs_it() -> None:
    first, again = sessions(9, 5.0), sessions(9, 5.0)
    assert first == again
    assert len({one.session_id for one in first}) == 9
    assert Counter(one.languages for one in first) == {("es", "fr"): 9}


def test_only_the_engines_of_a_job_are_the_profiles() -> None:
    arguments = ["--stage=x", "--aws_endpoint=http://127.0.0.1:1", "--notifier=gateway"]
    job = read_options(PipelineOptions(arguments), "lag")
    assert isinstance(job, LiveJob)
    profiled = with_services(job, PROFILES["current"])
    before, after = job.graph.settings.connectors, profiled.graph.settings.connectors
    assert isinstance(before, LiveConnectors)
    assert isinstance(after, LiveConnectors)
    assert (after.aws, after.notify) == (before.aws, before.notify)
    assert after.speech == PROFILES["current"].speech_choice(before.speech)
    assert after.speech.translation == "scripted"
    assert before.speech.translation == "offline"
    assert profiled.graph.window == job.graph.window
    counted = with_count(profiled, Path("sent")).graph.settings.connectors
    assert counted == CountedConnectors(after, Path("sent"))


def test_the_collector_takes_what_a_listener_with_inline_clips_would(tmp_path: Path) -> None:
    audio = {
        "type": "translatedAudio",
        "sequenceNumber": 3,
        "timestamp": 17,
        "sourceTranscript": "w1 w2",
        "duration": 0.66,
        "stages": {"publish": 5},
    }
    caption = {"type": "partialCaption", "text": "w1"}
    file = tmp_path / "notes.jsonl"
    with file.open("w") as notes:
        collector = Collector(notes)
        taken = [
            collector.take("s/1", "es", audience, json.dumps(message).encode(), 123.5)
            for audience, message in (
                (Audience.INLINE, audio),
                (Audience.LINK, audio),
                (Audience.ALL, caption),
            )
        ]
    assert taken == [True, False, True]
    (noted,) = read_notes(file)
    assert (noted.session_id, noted.language, noted.kind) == ("s/1", "es", "translatedAudio")
    assert noted.arrival() == Arrival(123.5, 17, ("w1", "w2"), 0.66)
    assert noted.stages_ms == {"publish": 5}
