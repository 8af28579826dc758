"""FFmpeg's own WHIP muxer speaks, with sound alone and with a picture beside it. Two minutes of it:
``python -m benchmarks.gateway.ffmpeg_talk``."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from schemas.values import ControlKind
from tests.integration.gateway.webrtc_clients import a_session

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("whip" not in av.formats_available, reason="this FFmpeg has no WHIP"),
]
SECONDS = 3


@pytest.mark.parametrize("more", [(), ("--video",)])
async def test_ffmpeg_speaks(gateway: RunningGateway, more: tuple[str, ...]) -> None:
    session_id = await a_session(gateway)
    encoder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.gateway.ffmpeg_encoder"),
        *(f"{gateway.url}/whip/{session_id}", gateway.token(), f"--seconds={SECONDS}", *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(90):
            output, _ = await encoder.communicate()
    finally:
        if encoder.returncode is None:
            encoder.kill()
            await encoder.wait()
    assert encoder.returncode == 0, output.decode()
    await gateway.until(lambda: not gateway.gateway.hub.all()[1:])
    await gateway.durable(session_id)
    assert not gateway.controls(ControlKind.GAP)
    samples = np.frombuffer(gateway.stored_pcm(session_id), np.int16) / 32768
    assert SECONDS - 0.5 < len(samples) / 16_000 < SECONDS + 0.5
    spectrum = np.abs(np.fft.rfft(samples))
    loudest_hz = float(np.argmax(spectrum)) * 16_000 / len(samples)
    assert loudest_hz == pytest.approx(440, abs=2)
