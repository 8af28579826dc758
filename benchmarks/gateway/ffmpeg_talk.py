"""FFmpeg's WHIP muxer into a gateway for two minutes, with sound alone and with a picture:

    python -m benchmarks.gateway.ffmpeg_talk [--seconds 120]

Each is a line: what was sent, what became durable, and what is missing or came twice. Fails when
anything is. What the encoder says is in build/ffmpeg-talk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import httpx

from benchmarks.gateway.abuse.server import start_server
from ingest_gateway.audio_in.speech_cutter import CHUNK_SAMPLES
from local_stack.flink import ROOT
from local_stack.processes import Processes, run_command
from schemas.values import SAMPLE_RATE_HZ

DIRECTORY = ROOT / "build" / "ffmpeg-talk"
CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ
_WAIT_S = 120.0
_LAST_WORDS_S = 5.0


async def talk(base: str, seconds: float, more: tuple[str, ...], encoders: Processes) -> bool:
    """Whether all that was sent is there, once."""
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        token = (await http.post("/tokens", json={"subject": "encoder"})).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        session = await http.post("/sessions", json={"sourceLanguage": "en"}, headers=headers)
        session_id = session.json()["sessionId"]
        command = [sys.executable, "-m", "benchmarks.gateway.ffmpeg_encoder"]
        command += [f"{base}/whip/{session_id}", token, f"--seconds={seconds}", *more]
        encoder = encoders.start("encoder", command)
        await asyncio.to_thread(encoder.wait_for_exit, seconds + _WAIT_S)
        await asyncio.sleep(_LAST_WORDS_S)
        stored = (await http.get(f"/chunks/{session_id}")).json()
    durable_s = (stored["highest"] + 1 - stored["missing"]) * CHUNK_S
    sys.stdout.write(
        f"FFmpeg {' '.join(more) or 'sound alone'}: {seconds:g} s sent, {durable_s:g} s durable,"
        f" {stored['missing']} chunks missing, {stored['repeated']} twice\n"
    )
    return durable_s > seconds - 1 and not stored["missing"] + stored["repeated"]


async def talks(base: str, seconds: float, encoders: Processes) -> bool:
    return all([await talk(base, seconds, more, encoders) for more in ((), ("--video",))])


def run(seconds: float) -> int:
    with Processes(DIRECTORY) as processes:
        base, _ = start_server(processes)
        if asyncio.run(talks(base, seconds, processes)):
            return 0
    print("not all that was sent became durable once", file=sys.stderr)
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120.0)
    seconds = parser.parse_args().seconds
    sys.exit(run_command("ffmpeg-talk", lambda: run(seconds)))
