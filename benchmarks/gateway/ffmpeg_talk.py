"""FFmpeg's WHIP muxer into a gateway for two minutes, with sound alone and with a picture:

    python -m benchmarks.gateway.ffmpeg_talk [--seconds 120]

Each is a line: what was sent, what became durable, and what is missing or came twice. Fails when
anything is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import httpx

from ingest_gateway.audio_in.speech_cutter import CHUNK_SAMPLES
from local_stack.ports import free_ports
from schemas.values import SAMPLE_RATE_HZ

CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ
_WAIT_S = 120.0
_LAST_WORDS_S = 5.0


async def talk(base: str, seconds: float, more: tuple[str, ...]) -> bool:
    """Whether all that was sent is there, once."""
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        token = (await http.post("/tokens", json={"subject": "encoder"})).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        session = await http.post("/sessions", json={"sourceLanguage": "en"}, headers=headers)
        session_id = session.json()["sessionId"]
        encoder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.gateway.ffmpeg_encoder"),
            *(f"{base}/whip/{session_id}", token, f"--seconds={seconds}", *more),
        )
        ended_well = await encoder.wait() == 0
        await asyncio.sleep(_LAST_WORDS_S)
        stored = (await http.get(f"/chunks/{session_id}")).json()
    durable_s = (stored["highest"] + 1 - stored["missing"]) * CHUNK_S
    sys.stdout.write(
        f"FFmpeg {' '.join(more) or 'sound alone'}: {seconds:g} s sent, {durable_s:g} s durable,"
        f" {stored['missing']} chunks missing, {stored['repeated']} twice\n"
    )
    return ended_well and durable_s > seconds - 1 and not stored["missing"] + stored["repeated"]


async def run(seconds: float) -> bool:
    (port,) = free_ports(1)
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.gateway.abuse.server", f"--port={port}")
    )
    base = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(_WAIT_S), httpx.AsyncClient(base_url=base) as http:
            while True:
                try:
                    await http.get("/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        results = [await talk(base, seconds, more) for more in ((), ("--video",))]
    finally:
        server.terminate()
        await server.wait()
    return all(results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120.0)
    if not asyncio.run(run(parser.parse_args().seconds)):
        sys.exit("not all that was sent became durable once")
