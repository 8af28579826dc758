"""``make demo SEGMENTATION=window`` with a talk of some seconds: the card to the letter, on Flink.

Gateway, local cloud, Flink, recogniser, translator and voices are those of the demo.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from local_stack.audience import promised
from local_stack.completeness import judge
from local_stack.demo.__main__ import hold_talk
from local_stack.demo.display import DemoDisplay
from local_stack.demo.report import Evidence, playable
from local_stack.flink import JOB_SERVER_JAR
from local_stack.speech_engines import LANGUAGES
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import LIBRIVOX, make_talk

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not JOB_SERVER_JAR.exists(), reason="no job server: make setup"),
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java"),
    pytest.mark.skipif(not LIBRIVOX.exists(), reason="needs Debian's pocketsphinx-testdata"),
]

STEPS = (
    "read_audio",
    "window_audio",
    "transcribe",
    "active_languages",
    "translate",
    "synthesize",
    "publish",
    "report",
)
KINDS = ("elements_in", "elements_out", "latency_ms")
METRICS_WITHIN_S = 180.0
SETTLED_WITHIN_S = 300.0
"""Longer than the demo waits: on a busy machine the job is behind, and ends all of it."""
_METRIC = re.compile(rf"\b({'|'.join(STEPS)})[._]({'|'.join(KINDS)})\b")


@dataclass
class Held:
    evidence: Evidence
    metrics: dict[str, dict[str, str]]
    """By step and name, as Flink's REST interface shows them."""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("window-demo")
    settings = StackSettings(folder / "stack", job_options=("--segmentation=window",))
    talk = make_talk(folder / "talk.wav", sentences=2)
    with LocalStack(settings) as stack, DemoDisplay(talk.duration_s, LANGUAGES) as display:
        evidence = asyncio.run(
            hold_talk(
                stack,
                talk,
                display,
                LANGUAGES,
                save_to=folder / "listeners",
                settle_timeout_s=SETTLED_WITHIN_S,
            )
        )
        yield Held(evidence, settled_metrics(stack))


def settled_metrics(stack: LocalStack) -> dict[str, dict[str, str]]:
    """Flink's REST interface shows what its TaskManagers had some ten seconds ago."""
    until_s = time.monotonic() + METRICS_WITHIN_S
    while True:
        found = step_metrics(stack)
        is_all = all(len(found.get(step, {})) == len(KINDS) for step in STEPS)
        if is_all or time.monotonic() > until_s:
            return found
        time.sleep(0.5)


def step_metrics(stack: LocalStack) -> dict[str, dict[str, str]]:
    rest, job_id = stack.job.rest, stack.job.job_id()
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for vertex in rest.get(f"/jobs/{job_id}")["vertices"]:
        path = f"/jobs/{job_id}/vertices/{vertex['id']}/metrics"
        ids = [each["id"] for each in rest.get(path) if _METRIC.search(each["id"])]
        for each in rest.get(f"{path}?get={quote(','.join(ids))}") if ids else ():
            parts = _METRIC.search(each["id"])
            assert parts is not None
            found[parts[1]][parts[2]] = each["value"]
    return found


def test_nothing_is_missing_in_any_language(held: Held) -> None:
    """On a busy machine what is too old to be voiced is told as a caption: late, not lost."""
    heard, spoken = held.evidence.heard, held.evidence.spoken
    told = playable(heard) | {
        (skip.sequence_number, report.language)
        for report in heard
        for skip in report.skips
        if skip.reason == "late"
    }
    verdict = judge(spoken.session_id, held.evidence.entries, [promised(spoken)], told)
    assert verdict.faults == ()
    assert {report.language for report in heard if report.clips} == set(LANGUAGES)


def test_windows_of_three_seconds_are_what_is_recognised(held: Held) -> None:
    spoken = [entry for entry in held.evidence.entries if entry.text]
    assert len(spoken) >= 2
    assert all(entry.duration_s <= 3.5 for entry in spoken)


def test_every_step_shows_its_elements_and_its_latency_in_flink(held: Held) -> None:
    for step in STEPS:
        assert set(held.metrics[step]) == set(KINDS), step
        assert int(held.metrics[step]["elements_out"]) > 0, step
