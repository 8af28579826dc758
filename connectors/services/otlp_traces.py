"""Traces by OpenTelemetry's protocol (OTLP over HTTP), to a collector: X-Ray's, Jaeger, Tempo...

A trace is one utterance in one language: a span ``clip`` from its last sample to the listeners, and
below it one for each stage, one behind the other as the timeline has them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from connectors.interfaces.traces import TraceSettings
from schemas.values import Outcome

WHOLE = "clip"
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SEND_EVERY_MS = 2_000
_MOST_WAITING = 16_384
_LOW_64_BITS = (1 << 64) - 1


def trace_id_of(outcome: Outcome) -> int:
    """128 bits, the same whenever it is asked. The first 32 are the second of its beginning, as
    X-Ray's own ids have them."""
    name = f"{outcome.session_id}/{outcome.number}/{outcome.language}"
    chance = hashlib.sha256(name.encode()).digest()[:12]
    return outcome.timeline.started_at_ms // 1000 % (1 << 32) << 96 | int.from_bytes(chance)


def is_sampled(trace_id: int, ratio: float) -> bool:
    """As OpenTelemetry's ``TraceIdRatioBased`` decides."""
    return (trace_id & _LOW_64_BITS) < round(ratio * (1 << 64))


def spans_of(outcome: Outcome, trace_id: int, resource: Resource) -> Iterator[ReadableSpan]:
    """The whole, then its stages in order; times in nanoseconds since 1970."""
    whole = _context(trace_id, WHOLE)
    timeline = outcome.timeline
    yield ReadableSpan(
        WHOLE,
        whole,
        resource=resource,
        kind=SpanKind.CONSUMER,
        attributes={
            "session.id": outcome.session_id,
            "utterance.number": outcome.number,
            "language": outcome.language,
            "skipped": outcome.skipped or "",
            "listeners": outcome.listeners,
            "notified": outcome.notified,
        },
        status=Status(StatusCode.ERROR, "failed") if outcome.skipped == "failed" else Status(),
        start_time=_ns(timeline.started_at_ms),
        end_time=_ns(timeline.marked_at_ms),
    )
    at_ms = timeline.started_at_ms
    for stage, spent_ms in timeline.stages:
        yield ReadableSpan(
            stage,
            _context(trace_id, stage),
            parent=whole,
            resource=resource,
            start_time=_ns(at_ms),
            end_time=_ns(at_ms + spent_ms),
        )
        at_ms += spent_ms


class OtlpTraces:
    """Spans wait in memory, 16,384 at most, and are sent every 2 s by a thread of its own. What a
    collector does not take is dropped, and the SDK's log says so; what waits is lost with a worker
    that is killed."""

    def __init__(self, settings: TraceSettings, stage: str) -> None:
        self._ratio = settings.ratio
        self._resource = Resource.create(
            {"service.name": "live-translation", "deployment.environment.name": stage}
        )
        self._answer_within_s = settings.answer_within_s
        self._exporter = OTLPSpanExporter(
            f"{settings.endpoint_url.rstrip('/')}/v1/traces", timeout=settings.answer_within_s
        )
        self._sender = BatchSpanProcessor(
            self._exporter,
            max_queue_size=_MOST_WAITING,
            schedule_delay_millis=_SEND_EVERY_MS,
        )

    def tell(self, outcome: Outcome) -> None:
        trace_id = trace_id_of(outcome)
        if is_sampled(trace_id, self._ratio):
            for span in spans_of(outcome, trace_id, self._resource):
                self._sender.on_end(span)

    async def close(self) -> None:
        closing = asyncio.create_task(asyncio.to_thread(self._sender.shutdown))
        await asyncio.wait({closing}, timeout=self._answer_within_s)
        if not closing.done():  # the SDK alone goes on for half a minute
            self._exporter.shutdown()
        await closing


def _context(trace_id: int, name: str) -> SpanContext:
    digest = hashlib.sha256(f"{trace_id:032x}/{name}".encode()).digest()
    return SpanContext(trace_id, int.from_bytes(digest[:8]), is_remote=False, trace_flags=_SAMPLED)


def _ns(at_ms: int) -> int:
    return at_ms * 1_000_000
