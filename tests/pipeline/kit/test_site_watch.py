"""The kit's example on DirectRunner, in virtual time: servers that are up, down, and hang."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from beam_flink_kit.call_scope import PlainScopeSettings
from beam_flink_kit.examples.site_watch import AskSite, NameSites, Report, watch
from beam_flink_kit.loops import TimeMode
from beam_flink_kit.process_scope import held

pytestmark = pytest.mark.pipeline

START_S = 1_800_000_000
TICK_MS = 500
REPORTS: dict[str, list[Report]] = {}


async def scripted_status(site: str) -> int:
    """``NAME/SECONDS/STATUS``; status 0: nobody listens there."""
    _, delay_s, status = site.split("/")
    await asyncio.sleep(float(delay_s))
    if status == "0":
        raise ConnectionRefusedError(site)
    return int(status)


def collect(report: Report, name: str) -> None:
    REPORTS[name].append(report)


def reports(sites: list[str], seconds: int, every_ticks: int) -> list[tuple[str, float, str]]:
    """Site, second and status of what was reported."""
    name = uuid.uuid4().hex
    REPORTS[name] = []
    settings = PlainScopeSettings(TimeMode.VIRTUAL, name=name)
    clock = TestStream().advance_watermark_to(START_S - 1)
    for tick in range(seconds * 1000 // TICK_MS + 1):
        at_s = START_S + tick * TICK_MS / 1000
        clock = clock.add_elements([TimestampedValue(tick, at_s)]).advance_watermark_to(at_s)
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner", "--streaming"]))
    ticks = pipeline | clock.advance_watermark_to_infinity()
    watched = watch(ticks, NameSites(sites, every_ticks, settings), AskSite(scripted_status))
    _ = watched | "Collect" >> beam.Map(collect, name)
    with held(settings):
        pipeline.run().wait_until_finish()
    return [
        (report.site, (report.at_ms - START_S * 1000) / 1000, report.status)
        for report in REPORTS.pop(name)
    ]


def test_each_site_is_asked_whenever_it_is_due() -> None:
    assert reports(["a/0.2/200", "b/0.4/503"], seconds=5, every_ticks=4) == [
        ("a/0.2/200", 0.2, "200"),
        ("b/0.4/503", 0.4, "503"),
        ("a/0.2/200", 2.2, "200"),
        ("b/0.4/503", 2.4, "503"),
        ("a/0.2/200", 4.2, "200"),
        ("b/0.4/503", 4.4, "503"),
    ]


def test_a_server_that_is_down_is_reported_with_the_reason_and_asked_again() -> None:
    assert reports(["a/0.1/0"], seconds=3, every_ticks=4) == [
        ("a/0.1/0", 0.1, "ConnectionRefusedError"),
        ("a/0.1/0", 2.1, "ConnectionRefusedError"),
    ]


def test_one_that_hangs_holds_up_no_other_and_is_asked_once_until_its_deadline() -> None:
    found = reports(["hangs/3600/200", "a/0.1/200"], seconds=13, every_ticks=2)
    assert Counter(site for site, _, _ in found) == {"a/0.1/200": 13, "hangs/3600/200": 1}
    assert [each for each in found if each[0].startswith("hangs")] == [
        ("hangs/3600/200", 10.0, "TimeoutError")
    ]
