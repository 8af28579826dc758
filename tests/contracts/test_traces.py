"""The suite that everything passes which is told of clips, to show where their time went."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from connectors.interfaces.traces import NoTraces, Traces, TraceSettings
from connectors.memory.traces import MemoryTraces
from connectors.services.otlp_traces import OtlpTraces
from schemas.values import Outcome, Timeline

pytestmark = pytest.mark.contract

START_MS = 1_800_000_000_000
TIMELINE = (
    Timeline.start(START_MS)
    .mark("read", START_MS + 200)
    .mark("recognise", START_MS + 900)
    .mark("publish", START_MS + 1_000)
)
CLIP = Outcome("brave-lion-7", 4, "es", "clip", None, 3, 3, TIMELINE)
SKIPPED = Outcome("brave-lion-7", 5, "fr", None, "failed", 2, 2, TIMELINE)

Told = Callable[[], set[tuple[str, int, str]]]


class TracesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def traces(self) -> Traces: ...

    @pytest.fixture
    @abstractmethod
    def told(self) -> Told:
        """What has arrived where somebody looks: (session, utterance, language)."""

    async def test_clips_and_notices_are_told(self, traces: Traces, told: Told) -> None:
        traces.tell(CLIP)
        traces.tell(SKIPPED)
        await traces.close()
        assert told() == {("brave-lion-7", 4, "es"), ("brave-lion-7", 5, "fr")}

    async def test_nothing_told_is_nothing_seen(self, traces: Traces, told: Told) -> None:
        await traces.close()
        assert told() == set()


class TestMemoryTraces(TracesContract):
    @pytest.fixture
    def traces(self) -> MemoryTraces:
        return MemoryTraces()

    @pytest.fixture
    def told(self, traces: MemoryTraces) -> Told:
        return lambda: {(one.session_id, one.number, one.language) for one in traces.told}


class Collector:
    """Takes OTLP over HTTP and keeps the spans, unless ``answers`` is cleared."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[str] = []
        self.answers = threading.Event()
        self.answers.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.answers.wait()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.resources += [
                        one.value.string_value for one in each.resource.attributes
                    ]
                    for scope in each.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 (the base's)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def clips(self) -> list[dict[str, object]]:
        wholes = [span for span in self.spans if not span.parent_span_id]
        return [
            {
                one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
                for one in span.attributes
            }
            for span in wholes
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.answers.set()
    one.server.shutdown()
    one.server.server_close()


class TestOtlpTraces(TracesContract):
    @pytest.fixture
    def traces(self, collector: Collector) -> OtlpTraces:
        return OtlpTraces(TraceSettings(collector.url), "dev")

    @pytest.fixture
    def told(self, collector: Collector) -> Told:
        return lambda: {
            (str(one["session.id"]), int(str(one["utterance.number"])), str(one["language"]))
            for one in collector.clips()
        }

    async def test_stages_follow_each_other_below_their_clip(
        self, traces: Traces, collector: Collector
    ) -> None:
        traces.tell(CLIP)
        await traces.close()
        whole, *stages = collector.spans
        assert whole.name == "clip"
        assert {one.parent_span_id for one in stages} == {whole.span_id}
        assert {one.trace_id for one in stages} == {whole.trace_id}
        took = [
            (one.name, one.start_time_unix_nano // 10**6, one.end_time_unix_nano // 10**6)
            for one in collector.spans
        ]
        assert took == [
            ("clip", START_MS, START_MS + 1_000),
            ("read", START_MS, START_MS + 200),
            ("recognise", START_MS + 200, START_MS + 900),
            ("publish", START_MS + 900, START_MS + 1_000),
        ]
        assert {"live-translation", "dev"} <= set(collector.resources)

    async def test_an_outcome_told_again_is_the_same_trace(
        self, traces: Traces, collector: Collector
    ) -> None:
        again = replace(CLIP, notified=1, timeline=TIMELINE.mark("publish", START_MS + 9_000))
        traces.tell(CLIP)
        traces.tell(again)
        traces.tell(replace(CLIP, language="ca"))
        await traces.close()
        wholes = [span for span in collector.spans if span.name == "clip"]
        assert wholes[0].trace_id == wholes[1].trace_id != wholes[2].trace_id
        assert wholes[0].span_id == wholes[1].span_id
        assert int.from_bytes(wholes[0].trace_id[:4]) == START_MS // 1000  # as X-Ray wants it

    async def test_what_failed_is_marked(self, traces: Traces, collector: Collector) -> None:
        traces.tell(SKIPPED)
        traces.tell(replace(SKIPPED, skipped="late"))
        await traces.close()
        wholes = [span for span in collector.spans if span.name == "clip"]
        assert [span.status.code for span in wholes] == [2, 0]

    async def test_a_share_of_the_clips_is_told_whole(self, collector: Collector) -> None:
        traces = OtlpTraces(TraceSettings(collector.url, ratio=0.2), "dev")
        for number in range(1_000):
            traces.tell(replace(CLIP, number=number))
        await traces.close()
        assert 140 <= len(collector.clips()) <= 260
        assert len(collector.spans) == 4 * len(collector.clips())


async def test_a_collector_that_does_not_answer_keeps_nobody_waiting(collector: Collector) -> None:
    collector.answers.clear()
    traces = OtlpTraces(TraceSettings(collector.url, answer_within_s=0.3), "dev")
    for number in range(5_000):  # more than it ever keeps
        traces.tell(replace(CLIP, number=number))
    assert collector.spans == [], "none was answered when the last one had been told"
    await traces.close()
    collector.answers.set()


async def test_a_worker_ends_soon_after_a_collector_that_is_away() -> None:
    traces = OtlpTraces(TraceSettings("http://127.0.0.1:9", answer_within_s=0.3), "dev")
    traces.tell(CLIP)
    began = time.monotonic()
    await traces.close()
    assert time.monotonic() - began < 25.0, "the SDK alone goes on for 30 s"


async def test_nobody_watches() -> None:
    traces = NoTraces()
    traces.tell(CLIP)
    await traces.close()
