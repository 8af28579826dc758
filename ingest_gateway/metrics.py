"""Prometheus metrics of one gateway. Names stand here and nowhere else."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
            buckets=(0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60),
            registry=self.registry,
        )
