"""What WHIP costs a talk: time from the microphone to the stream, and words lost with packets.

python -m benchmarks.gateway.whip

Time: aiortc speaks into a gateway in the same process over loopback; from when the first sample of
a chunk was spoken until its record was taken by a sink in memory (a real stream comes on top).
Words: the demo's talk as Opus packets, of which some do not arrive, through the gateway's order and
decoder to the offline recogniser. Each loss is tried with several seeds: the talk has 71 words, so
one word is 1.4 points.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from benchmarks.engines.offline import recognise
from benchmarks.tables import save, show
from connectors.interfaces.record_sink import SinkRecord
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.erasure import NothingErased
from connectors.memory.ledger import MemoryLedger
from connectors.memory.record_sink import MemoryRecordSink
from connectors.memory.session_tables import MemorySessionTables
from connectors.offline.speech_to_text import OfflineSpeechToText
from ingest_gateway.access.auth import Identity, LocalIssuer
from ingest_gateway.audio_in.packet_decoders import DECODED_RATE_HZ
from ingest_gateway.audio_in.speech_cutter import CHUNK_SAMPLES, SpeechCutter
from ingest_gateway.gateway import Gateway, GatewayDependencies, wall_clock_ms
from ingest_gateway.protocol.messages import CreateSession
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.webrtc.ice import IceSettings, keep_to
from ingest_gateway.webrtc.peers import WebRtcPeers
from ingest_gateway.webrtc.reorder import Reorder, RtpAudio
from local_stack.talk import make_talk, word_error_rate
from schemas.avro_codec import decode
from schemas.values import SAMPLE_RATE_HZ, AudioChunk

FRAME_SAMPLES = DECODED_RATE_HZ // 50
LOSSES = (0.01, 0.03, 0.1)
BENCH = Peer("127.0.0.1", "benchmark", Identity("benchmark"))


@dataclass(frozen=True, slots=True)
class Found:
    """``mic_to_sink``: from a chunk's first sample until its record was taken. ``wer_by_loss``:
    mean over the seeds."""

    whip_connect_ms: float
    whip_mic_to_sink_p50_ms: float
    whip_mic_to_sink_p99_ms: float
    chunks: int
    wer_samples: float
    wer_whip: float
    wer_by_loss: dict[str, float]
    seeds: int


class Microphone(MediaStreamTrack):
    """Hands over 20 ms when their last sample was spoken."""

    kind = "audio"

    def __init__(self, samples: NDArray[np.int16]) -> None:
        super().__init__()
        self.began_s = 0.0
        self._samples = samples
        self._at = 0

    async def recv(self) -> av.AudioFrame:
        if not self._at:
            self.began_s = time.time()
        due_s = self.began_s + (self._at + FRAME_SAMPLES) / DECODED_RATE_HZ
        await asyncio.sleep(due_s - time.time())
        part = self._samples.take(range(self._at, self._at + FRAME_SAMPLES), mode="wrap")
        frame = _frame(part, DECODED_RATE_HZ)
        frame.pts = self._at
        frame.time_base = Fraction(1, DECODED_RATE_HZ)
        self._at += FRAME_SAMPLES
        return frame


class StampingSink(MemoryRecordSink):
    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[int, float]] = []
        """(sequence, when its record was taken, s)"""

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        answers = await super().put(records)
        for record in records:
            value = decode(record.data)
            if isinstance(value, AudioChunk):
                self.taken.append((value.sequence, time.time()))
        return answers


async def speak(samples: NDArray[np.int16], seconds: float) -> tuple[float, list[float]]:
    """Milliseconds to connect, and from microphone to sink for every chunk."""
    sink = StampingSink()
    issuer = LocalIssuer()
    gateway = Gateway(
        GatewayDependencies(
            tables=MemorySessionTables(wall_clock_ms),
            sink=sink,
            ledger=MemoryLedger(),
            clips=MemoryClipStore(),
            erasure=NothingErased(),
            languages=Languages(
                can_hear=lambda _source: True,
                can_translate=lambda source, target: source != target,
                can_speak=lambda _target: True,
            ),
            verifier=issuer,
        )
    )
    await gateway.start()
    session = await gateway.speakers.create(BENCH, CreateSession("en"))
    peers = WebRtcPeers(gateway, IceSettings())
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    microphone = Microphone(samples)
    started_s = time.time()
    client.addTransceiver(microphone, direction="sendonly")
    keep_to(client, "127.0.0.1")
    await client.setLocalDescription()
    answer = await peers.speak(BENCH, session.session_id, client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    while client.connectionState != "connected":  # noqa: ASYNC110 - aiortc's events come late
        await asyncio.sleep(0.001)
    connect_ms = (time.time() - started_s) * 1000
    await asyncio.sleep(seconds)
    await client.close()
    await peers.close()
    await gateway.stop()
    whole = sink.taken[:-1]  # the last one is what was left
    return connect_ms, [
        (at_s - microphone.began_s - number * CHUNK_SAMPLES / SAMPLE_RATE_HZ) * 1000
        for number, at_s in whole
    ]


def through(packets: Sequence[bytes], loss: float, seed: int) -> bytes:
    """The samples that the gateway makes of what arrives."""
    chance = random.Random(seed)  # noqa: S311 - losses that can be repeated
    reorder, cutter = Reorder(), SpeechCutter()
    pcm = b""
    for number, payload in enumerate(packets):
        if chance.random() < loss:
            continue
        for packet in reorder.push(RtpAudio(number % 2**16, number * FRAME_SAMPLES, payload)):
            pcm += b"".join(one.pcm for one in cutter.add(packet.at_sample, packet.payload, 0))
    return pcm + b"".join(one.pcm for one in cutter.flush())


async def measure(seconds: float, seeds: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        talk = make_talk(Path(folder) / "talk.wav")
        with wave.open(str(talk.wav)) as recording:
            pcm = recording.readframes(recording.getnframes())
    samples = _at_48k(pcm)
    connect_ms, ways_ms = await speak(samples, seconds)
    recogniser = OfflineSpeechToText()

    async def wer(heard: bytes) -> float:
        stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
        results = await recognise(stream, heard)
        said = " ".join(word.text for one in results if one.is_final for word in one.words)
        return word_error_rate(talk.reference, said)

    packets = _opus(samples)
    by_loss = {
        f"{loss:.0%}": statistics.mean(
            [await wer(through(packets, loss, seed)) for seed in range(seeds)]
        )
        for loss in LOSSES
    }
    found = Found(
        whip_connect_ms=connect_ms,
        whip_mic_to_sink_p50_ms=statistics.median(ways_ms),
        whip_mic_to_sink_p99_ms=statistics.quantiles(ways_ms, n=100, method="inclusive")[98],
        chunks=len(ways_ms),
        wer_samples=await wer(pcm),
        wer_whip=await wer(through(packets, 0.0, 0)),
        wer_by_loss=by_loss,
        seeds=seeds,
    )
    await recogniser.close()
    return found


def _at_48k(pcm: bytes) -> NDArray[np.int16]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=DECODED_RATE_HZ)
    frame = av.AudioFrame.from_ndarray(
        np.frombuffer(pcm, np.int16)[None, :].copy(), format="s16", layout="mono"
    )
    frame.sample_rate = SAMPLE_RATE_HZ
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    whole = np.frombuffer(b"".join(part.to_ndarray().tobytes() for part in parts), np.int16)
    return whole[: len(whole) // FRAME_SAMPLES * FRAME_SAMPLES]


def _frame(samples: NDArray[np.int16], rate_hz: int) -> av.AudioFrame:
    """Both channels alike, as browsers send a microphone."""
    both = np.repeat(samples, 2)[None, :]
    frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
    frame.sample_rate = rate_hz
    return frame


def _opus(samples: NDArray[np.int16]) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = DECODED_RATE_HZ
    encoder.layout = "stereo"
    encoder.format = "s16"
    encoder.bit_rate = 48_000
    encoder.time_base = Fraction(1, DECODED_RATE_HZ)
    packets: list[bytes] = []
    for at in range(0, len(samples), FRAME_SAMPLES):
        frame = _frame(samples[at : at + FRAME_SAMPLES], DECODED_RATE_HZ)
        frame.pts = at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of speech over loopback")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", type=Path, default=Path("build/bench/whip.json"))
    options = parser.parse_args()
    found = asyncio.run(measure(options.seconds, options.seeds))
    show(
        f"WHIP over loopback, {found.chunks} chunks of 256 ms",
        ["", "ms"],
        [
            ["to connect", found.whip_connect_ms],
            ["microphone to sink p50", found.whip_mic_to_sink_p50_ms],
            ["microphone to sink p99", found.whip_mic_to_sink_p99_ms],
        ],
    )
    show(
        f"Word errors, mean of {found.seeds} seeds a loss",
        ["", "%"],
        [
            ["samples", found.wer_samples * 100],
            ["Opus, no loss", found.wer_whip * 100],
            *([f"Opus, {loss} lost", wer * 100] for loss, wer in found.wer_by_loss.items()),
        ],
    )
    save(options.json, found)


if __name__ == "__main__":
    main()
