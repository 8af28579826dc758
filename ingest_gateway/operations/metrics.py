"""Prometheus metrics of one gateway. Names stand here and nowhere else."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LAG_SECONDS = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60)
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """A registry of its own, so that several gateways (tests) live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge(
            "gateway_connections", "Open WebSockets", ["role"], registry=self.registry
        )
        self.chunks = Counter("gateway_chunks", "Audio chunks taken", registry=self.registry)
        self.refused = Counter(
            "gateway_refused", "Frames refused, by error code", ["code"], registry=self.registry
        )
        self.security_events = Counter(
            "gateway_security_events",
            "What was refused or cut off for safety, by kind",
            ["kind"],
            registry=self.registry,
        )
        self.unexpected_errors = Counter(
            "gateway_unexpected_errors",
            "Errors that ended a turn of work in the background, by its name",
            ["work"],
            registry=self.registry,
        )
        self.rtp_packets = Counter(
            "gateway_rtp_packets",
            "RTP packets of WHIP speakers, by what became of them",
            ["fate"],
            registry=self.registry,
        )
        self.records_stored = Counter(
            "gateway_records_stored", "Records durable on the stream", registry=self.registry
        )
        self.records_lost = Counter(
            "gateway_records_lost", "Records given up after the deadline", registry=self.registry
        )
        self.records_unsure = Counter(
            "gateway_records_unsure",
            "Records given up after the deadline that may be stored: an answer was lost",
            registry=self.registry,
        )
        self.put_seconds = Histogram(
            "gateway_put_seconds",
            "Time of a PutRecords call",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.delivered = Counter(
            "gateway_messages_delivered", "Messages handed to listeners", registry=self.registry
        )
        self.lag_seconds = Histogram(
            "gateway_lag_seconds",
            "From the end of an utterance until a listener heard its clip",
            ["language"],
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self.delivery_seconds = Histogram(
            "gateway_delivery_seconds",
            "From the end of an utterance until its clip went out to listeners",
            ["language"],
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "gateway_stage_seconds",
            "Time that a clip took in one stage, as it came with the clip",
            ["stage", "language"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.skipped = Counter(
            "gateway_utterances_skipped",
            "Utterances that listeners were told they will not hear",
            ["language", "reason"],
            registry=self.registry,
        )
        self.sessions = Gauge(
            "gateway_sessions", "Sessions known here that have not ended", registry=self.registry
        )
        self.waiting_records = Gauge(
            "gateway_waiting_records",
            "Records taken that are not stored yet, or stored and not delivered yet",
            ["where"],
            registry=self.registry,
        )
        self.oldest_waiting_seconds = Gauge(
            "gateway_oldest_waiting_seconds",
            "Age of the oldest of the waiting records",
            ["where"],
            registry=self.registry,
        )
        self.dead_letters = Gauge(
            "gateway_dead_letters",
            "Dead letters of the last hour, of all gateways, by step of the job",
            ["step"],
            registry=self.registry,
        )
