"""Legacy input: what Chromium's MediaRecorder writes, in fragments of a quarter second. Its MP4 has
Opus; of AAC, which Safari writes, Debian's has no encoder (``test_mp4_input``)."""

from __future__ import annotations

import pytest

from schemas.values import SAMPLE_RATE_HZ, AudioChunk
from tests.browser.conftest import Stage
from tests.unit.gateway.opus_tones import heard, level, silent_ms

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CAN_RECORD = "(mimeType) => MediaRecorder.isTypeSupported(mimeType)"
RECORD = """async ([pieces, mimeType]) => {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const media = await navigator.mediaDevices.getUserMedia({ audio });
    const recorder = new MediaRecorder(media, { mimeType });
    const fragments = [];
    const done = new Promise((enough) => {
        recorder.ondataavailable = async (event) => {
            const bytes = new Uint8Array(await event.data.arrayBuffer());
            fragments.push([Date.now() - 250, btoa(String.fromCharCode(...bytes))]);
            if (fragments.length === pieces) enough();
        };
    });
    recorder.start(250);
    await done;
    recorder.stop();
    return fragments.slice(0, pieces);
}"""


@pytest.mark.parametrize("mime_type", ["audio/webm;codecs=opus", "audio/mp4;codecs=opus"])
async def test_what_a_media_recorder_writes_becomes_durable_samples(
    stage: Stage, mime_type: str
) -> None:
    context = await stage.browser.new_context(permissions=["microphone"])
    page = await context.new_page()
    await page.goto(f"{stage.gateway.url}/healthz")
    assert await page.evaluate(CAN_RECORD, mime_type)
    fragments = await page.evaluate(RECORD, [12, mime_type])
    speaker, session_id = await stage.speaker()
    for at_ms, data in fragments:
        await speaker.send(
            "audioChunk",
            sessionId=session_id,
            audioData=data,
            timestamp=at_ms,
            format="webm",
            sampleRate=48000,
            channels=1,
            encoding="opus",
        )
    await speaker.ask("heartbeat", "heartbeatAck")
    await stage.gateway.gateway.writer.wait_until_durable(session_id)
    assert [one for one in speaker.received if one["type"] == "error"] == []
    stored = [one for one in stage.gateway.records() if isinstance(one, AudioChunk)]
    whole = heard([one.pcm for one in stored])
    recorded_s = (fragments[-1][0] - fragments[0][0]) / 1000 + 0.25
    assert len(whole) / SAMPLE_RATE_HZ == pytest.approx(recorded_s, abs=0.5)
    assert level(whole[SAMPLE_RATE_HZ:]) > 0.05
    assert silent_ms(whole[SAMPLE_RATE_HZ:], SAMPLE_RATE_HZ) == 0
