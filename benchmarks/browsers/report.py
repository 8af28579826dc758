"""What was found, as tables."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.browsers.arrival import Arrivals
from benchmarks.browsers.audience import Delivered
from benchmarks.browsers.sweep import Way
from benchmarks.tables import show

IN_WORDS = {"websocket": "WebSocket", "webrtc": "WebRTC"}


@dataclass(frozen=True, slots=True)
class WordToSound:
    """``stages_ms``: the median of each. An utterance that waits for the one before it to be heard
    waits in ``page``."""

    utterances: int
    from_first_p50_s: float
    from_first_p95_s: float
    from_last_p50_s: float
    from_last_p95_s: float
    stages_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Found:
    connect_ms: dict[str, float]
    microphone: dict[str, Way]
    sound: dict[str, WordToSound]
    audience: Delivered | None
    arrivals: dict[str, Arrivals]


def report(found: Found) -> None:
    show(
        "From the microphone, by the way the sound goes",
        [
            "",
            "connected after, ms",
            "chunks",
            "first sample to Kinesis p50",
            "p99",
            "stamp late by",
        ],
        [
            [IN_WORDS[one], found.connect_ms[one], mic.chunks, mic.p50_ms, mic.p99_ms, mic.stamp_ms]
            for one, mic in found.microphone.items()
        ],
    )
    show(
        "From the spoken word to its sound in a listener's page, s",
        ["", "utterances", "first sample p50", "p95", "last sample p50", "p95"],
        [
            [
                IN_WORDS[one],
                heard.utterances,
                *(
                    f"{late_s:.2f}"
                    for late_s in (
                        heard.from_first_p50_s,
                        heard.from_first_p95_s,
                        heard.from_last_p50_s,
                        heard.from_last_p95_s,
                    )
                ),
            ]
            for one, heard in found.sound.items()
        ],
    )
    stages = {name: None for heard in found.sound.values() for name in heard.stages_ms}
    show(
        "of it, median ms",
        ["stage", *(IN_WORDS[one] for one in found.sound)],
        [
            [name, *(heard.stages_ms.get(name, 0.0) for heard in found.sound.values())]
            for name in stages
        ],
    )
    if found.audience is not None:
        crowd = found.audience
        show(
            f"{crowd.listeners} listeners of one session, {crowd.messages} messages",
            ["", ""],
            [
                ["lost", crowd.lost],
                ["joined, p99 ms", crowd.connect_p99_ms],
                [
                    "caption p50 / p99 ms",
                    f"{crowd.caption_p50_ms:.1f} / {crowd.caption_p99_ms:.1f}",
                ],
                ["clip p50 / p99 ms", f"{crowd.clip_p50_ms:.1f} / {crowd.clip_p99_ms:.1f}"],
                ["gateway, share of a core", f"{crowd.cpu_share:.2f}"],
            ],
        )
    show(
        "A phone opens a live room's link, and its listener chooses a language",
        ["", "openings", "usable, ms p50", "p95", "first caption, ms p50", "p95", "KB", "shift"],
        [
            [
                name,
                one.openings,
                one.usable_p50_ms,
                one.usable_p95_ms,
                one.caption_p50_ms,
                one.caption_p95_ms,
                one.loaded_bytes / 1024,
                f"{one.shift:.3f}",
            ]
            for name, one in found.arrivals.items()
        ],
    )
