"""Sessions end by themselves, and clients go on through broken connections."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.client import (
    GatewayRefusedError,
    ReceivedMessage,
    create_session,
    listen,
    speak,
)
from tests.settable_clock import SettableClock
from tests.unit.connectors.audio.wav_files import EXTENSIBLE, fmt, wav

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration

MINUTE_MS = 60_000


async def test_a_session_without_speaker_ends_after_ten_minutes(start: Start) -> None:
    clock = SettableClock()
    gateway = await start(now_ms=clock)
    speaker, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id)
    clock.now_ms += 30 * MINUTE_MS
    await gateway.gateway.sweeper.end_expired_sessions()  # a speaker is connected: it goes on
    await speaker.ask("heartbeat", "heartbeatAck")
    await speaker.socket.close()
    live = gateway.gateway.live.loaded(session_id)
    assert live is not None
    await gateway.until(lambda: live.speaker is None)
    clock.now_ms += 10 * MINUTE_MS - 1
    await gateway.gateway.sweeper.end_expired_sessions()
    await gateway.gateway.sweeper.end_expired_sessions()
    assert not live.ended
    clock.now_ms += 1
    await gateway.gateway.sweeper.end_expired_sessions()
    assert not live.ended  # by one look
    await gateway.gateway.sweeper.end_expired_sessions()
    assert (await listener.expect("broadcastState"))["state"] == "ended"
    await gateway.gateway.writer.wait_until_durable(session_id)
    assert len(gateway.controls("end")) == 1


async def test_a_gateway_whose_clock_is_ahead_does_not_end_another_ones_talk(start: Start) -> None:
    right, ahead = SettableClock(), SettableClock()
    gateway = await start(now_ms=right)
    speaker, session_id = await gateway.speaker()
    ahead.now_ms = right.now_ms + 11 * MINUTE_MS
    other = await start(now_ms=ahead, tables=gateway.needs.tables)
    for _ in range(3):
        await other.gateway.sweeper.end_expired_sessions()
        for clock in (right, ahead):
            clock.now_ms += MINUTE_MS // 2
        await speaker.ask("heartbeat", "heartbeatAck")
        await gateway.gateway.sweeper.save_progress()
    row = await gateway.tables.get(session_id)
    assert row is not None
    assert row.info.ended_at_ms is None


async def test_a_session_nobody_ever_spoke_into_ends_too(start: Start) -> None:
    clock = SettableClock()
    gateway = await start(now_ms=clock)
    session_id = await create_session(gateway.url, token=gateway.token())
    clock.now_ms += 10 * MINUTE_MS
    await gateway.restart()  # found in the table, not in memory
    for _ in range(2):
        await gateway.gateway.sweeper.end_expired_sessions()
    row = await gateway.tables.get(session_id)
    assert row is not None
    assert row.info.ended_at_ms == clock.now_ms


async def test_a_session_ends_after_eight_hours_whoever_speaks(start: Start) -> None:
    clock = SettableClock()
    gateway = await start(now_ms=clock)
    speaker, _ = await gateway.speaker()
    clock.now_ms += 8 * 60 * MINUTE_MS
    await gateway.gateway.sweeper.end_expired_sessions()
    assert (await speaker.expect("broadcastState"))["state"] == "ended"


async def test_a_session_ends_after_the_minutes_that_its_owner_gave_it(start: Start) -> None:
    clock = SettableClock()
    gateway = await start(now_ms=clock)
    speaker = await gateway.connect(gateway.token())
    wanted = {"sourceLanguage": "en", "maxMinutes": 20}
    created = await speaker.ask("createSession", "sessionCreated", **wanted)
    path, headers = f"/sessions/{created['sessionId']}", bearer(gateway)
    async with gateway.http(headers=headers) as http:
        clock.now_ms += 19 * MINUTE_MS
        assert (await http.patch(path, json={"maxMinutes": 30})).json()["maxMinutes"] == 30
        await speaker.send(
            "joinAsSpeaker", sessionId=created["sessionId"], streamId="s1", nextSequence=0
        )
        await speaker.expect("speakerJoined")
        clock.now_ms += 10 * MINUTE_MS
        await gateway.gateway.sweeper.end_expired_sessions()
        assert (await http.get(path)).json()["status"] == "active"
        clock.now_ms += MINUTE_MS
        await gateway.gateway.sweeper.end_expired_sessions()
        assert (await http.get(path)).json()["status"] == "ended"
    assert (await speaker.expect("broadcastState"))["state"] == "ended"


def bearer(gateway: RunningGateway) -> dict[str, str]:
    return {"authorization": f"Bearer {gateway.token()}"}


async def test_ended_sessions_are_forgotten(start: Start) -> None:
    gateway = await start()
    speaker, session_id = await gateway.speaker()
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    await speaker.socket.close()
    live = gateway.gateway.live.loaded(session_id)
    assert live is not None
    await gateway.until(lambda: live.speaker is None)
    gateway.gateway.sweeper.forget_ended_sessions()
    assert gateway.gateway.live.loaded(session_id) is None


async def test_sessions_that_another_gateway_ended_are_forgotten(start: Start) -> None:
    gateway = await start()
    _, spoken_into = await gateway.speaker()
    ended, going_on = [await create_session(gateway.url, token=gateway.token()) for _ in range(2)]
    await gateway.tables.end(ended, 1_790_000_000_000)
    sweeper, live = gateway.gateway.sweeper, gateway.gateway.live
    sweeper.forget_ended_sessions()
    assert {one.session_id for one in live.all()} == {ended, going_on, spoken_into}
    await sweeper.end_expired_sessions()
    sweeper.forget_ended_sessions()
    assert {one.session_id for one in live.all()} == {going_on, spoken_into}


async def test_a_clip_that_comes_behind_the_end_is_forgotten_too(start: Start) -> None:
    """The job's last clips come when the session has ended, and perhaps is not known any more."""
    gateway = await start()
    _, going_on = await gateway.speaker()
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    late: dict[str, object] = {
        "type": "translatedAudio",
        "sequenceNumber": 7,
        "timestamp": 1_790_000_000_000,
    }
    for session_id in ("ended-long-ago", going_on):
        await notifier.notify(session_id, "es", late)
    await notifier.close()
    captions = gateway.gateway.captions
    assert list(captions.lag_ms("ended-long-ago")) == ["es"]
    gateway.gateway.sweeper.forget_ended_sessions()
    assert captions.lag_ms("ended-long-ago") == {}
    assert list(captions.lag_ms(going_on)) == ["es"]


# The headless clients


def spoken(seconds: float) -> bytes:
    return b"".join(n.to_bytes(2, "little") for n in range(1, int(seconds * 16_000) + 1))


async def test_a_talk_survives_cut_connections_and_a_restart(gateway: RunningGateway) -> None:
    """Every sample arrives, in order, once; nobody has to do anything."""
    port = gateway.port
    acks: list[int] = []

    def seen(message: ReceivedMessage) -> None:
        if message.type == "audioAck":
            acks.append(message.fields["sequence"])

    pcm = spoken(4)
    session_id = await create_session(gateway.url, token=gateway.token())
    speaking = asyncio.create_task(
        speak(
            gateway.url,
            pcm,
            session_id=session_id,
            token=gateway.token(),
            chunk_samples=1600,
            end_session=False,
            on_message=seen,
        )
    )
    await gateway.until(lambda: len(acks) >= 2)
    (connection,) = gateway.gateway.hub.all()
    connection.close(1011, "cut by the test")
    await gateway.until(lambda: len(acks) >= 5)
    await gateway.restart(port)
    report = await speaking
    chunks = [(epoch, number) for epoch, number in gateway.chunks() if epoch == 0]
    assert list(dict.fromkeys(chunks)) == [(0, number) for number in range(40)]
    assert gateway.stored_pcm(session_id) == pcm
    assert gateway.controls("gap") == []
    assert (report.acknowledged_sequence, report.acknowledged_samples) == (39, 64_000)
    assert report.reconnects >= 2


async def test_a_listener_saves_the_talk_and_gets_what_it_missed(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    port = gateway.port
    _, session_id = await gateway.speaker()
    joined = asyncio.Event()
    heard: list[int] = []
    stop = asyncio.Event()
    listening = asyncio.create_task(
        listen(
            gateway.url,
            session_id,
            "es",
            inline_audio=True,
            save_to=tmp_path,
            on_joined=joined.set,
            on_clip=lambda clip: heard.append(clip.sequence_number),
            stop=stop,
        )
    )
    await joined.wait()

    async def clip(number: int) -> None:
        message = {
            "type": "translatedAudio",
            "sequenceNumber": number,
            "previousSequenceNumber": number - 1 if number else None,
            "timestamp": 1_790_000_000_000 + number * 2000,
            "sourceDuration": 2.0,
            "duration": 1.5,
            "transcript": f"frase {number}",
            "sourceTranscript": f"sentence {number}",
            "url": "http://127.0.0.1:9/never",
            "audio": "bXAz",
        }
        notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
        delivery = await notifier.notify(session_id, "es", message)
        await notifier.close()
        assert delivery.delivered == 1

    await clip(0)
    await clip(1)
    await clip(1)
    await gateway.until(lambda: heard == [0, 1])
    joined.clear()
    await gateway.restart(port)
    await joined.wait()
    await clip(2)
    await gateway.until(lambda: heard == [0, 1, 2])
    stop.set()
    report = await listening
    assert [one.sequence_number for one in report.clips] == [0, 1, 2]
    assert (report.repeats, report.reconnects >= 1) == (1, True)
    assert (tmp_path / "es.mp3").read_bytes() == b"mp3mp3mp3"
    assert (tmp_path / "clips" / "000002.mp3").read_bytes() == b"mp3"
    assert "00:00:04.000 --> 00:00:05.500\nfrase 2" in (tmp_path / "es.vtt").read_text()
    lines = (tmp_path / "messages.jsonl").read_text().splitlines()
    assert sum('"translatedAudio"' in line for line in lines) == 4


async def test_clients_say_why_they_cannot_go_on(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    with pytest.raises(GatewayRefusedError, match="BAD_LANGUAGE"):
        await listen(gateway.url, session_id, "xx")
    with pytest.raises(GatewayRefusedError, match="NO_SESSION"):
        await listen(gateway.url, "no-such-1", "es")
    with pytest.raises(GatewayRefusedError, match="FORBIDDEN"):
        await speak(gateway.url, spoken(1), session_id=session_id, token=gateway.token("eve"))


async def test_a_speaker_takes_what_a_recorder_left(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    """24 bits in an extensible format, at twice the rate, and cut short."""
    samples = np.repeat(np.arange(-8_000, 8_000), 2) * 256
    data = samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    recording = tmp_path / "talk.wav"
    content = wav(data, fmt(tag=EXTENSIBLE, bits=24, rate_hz=32_000))
    recording.write_bytes(content[: len(content) - len(data) // 2])
    report = await speak(gateway.url, recording, token=gateway.token(), pace=10)
    pcm = np.frombuffer(gateway.stored_pcm(report.session_id), dtype="<i2")
    assert len(pcm) == pytest.approx(8_000, abs=20)
    assert pcm[4_000] == pytest.approx(-4_000, abs=40)


async def test_a_speaker_does_not_speak_what_is_no_audio(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    (tmp_path / "talk.wav").write_text("no audio")
    with pytest.raises(ValueError, match=r"talk\.wav: neither a WAV file nor other audio"):
        await speak(gateway.url, tmp_path / "talk.wav", token=gateway.token())
