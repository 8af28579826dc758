"""Speaking by way of a signaling channel: a gateway that makes it, the worker as its viewer, and a
master with aiortc, over a server that speaks the service's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from schemas.values import SAMPLE_RATE_HZ
from tests.integration.gateway.conftest import ISSUER, RunningGateway, until
from tests.integration.gateway.webrtc_clients import RATE_HZ, SampleTrack
from tests.kvs_server.master import Master
from tests.kvs_server.world import World, credentials, kvs_world
from tests.unit.gateway.opus_tones import heard, level, silent_ms, spoken, strongest_hz, tone

pytestmark = pytest.mark.integration


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with kvs_world(tmp_path) as one:
        yield one


@pytest.fixture
async def masters() -> AsyncIterator[list[Master]]:
    opened: list[Master] = []
    yield opened
    for master in opened:
        await master.close()


async def test_the_speaker_s_sound_becomes_durable_chunks(
    world: World, masters: list[Master]
) -> None:
    session = await world.session()
    session_id = session["sessionId"]
    track = SampleTrack(tone(440, 2.0, RATE_HZ))
    masters.append(await world.master(session_id, track))
    await world.connected(session_id)
    await track.done.wait()
    await world.worker.stop_viewer(session_id)
    await world.core.writer.wait_until_durable(session_id)
    chunks = world.chunks(session_id)
    assert [(one.epoch, one.sequence) for one in chunks] == [(0, n) for n in range(len(chunks))]
    whole = spoken(heard([one.pcm for one in chunks]))
    assert len(whole) / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.15)
    middle = whole[4000:28000]
    assert strongest_hz(middle, SAMPLE_RATE_HZ) == pytest.approx(440, abs=1)
    assert level(middle) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert silent_ms(middle, SAMPLE_RATE_HZ) == 0


async def test_a_session_tells_its_channel_and_takes_it_along(world: World) -> None:
    session = await world.session()
    channel = world.server.channel(f"session-{session['sessionId']}")
    assert session["kvsChannelArn"] == channel.arn
    assert session["kvsChannelName"] == channel.name
    assert session["kvsSignalingEndpoints"] == {
        "WSS": world.server.wss_url,
        "HTTPS": world.server.control.url,
    }
    ended = await world.delete(session["sessionId"])
    assert ended.json()["status"] == "ended"
    assert "kvsChannelArn" not in ended.json()
    assert world.server.control.channels == {}
    await until(lambda: world.worker.sessions == ())


async def test_no_channel_left_is_said_clearly_and_leaves_no_session(world: World) -> None:
    first = await world.session()
    await world.session()
    refused = await world.post("/sessions", {"sourceLanguage": "en"}, ISSUER.issue("ada"))
    assert refused.status_code == 429
    assert refused.json()["code"] == "RATE_LIMITED"
    assert "signaling channels" in refused.json()["message"]
    assert len(await world.gateway.tables.live_sessions()) == 2
    await world.delete(first["sessionId"])
    await until(lambda: first["sessionId"] not in world.worker.sessions)
    await world.session()


async def test_only_the_speaker_is_given_a_master_s_keys(
    world: World, masters: list[Master]
) -> None:
    session_id = (await world.session())["sessionId"]
    speaker = await world.keys(session_id, ISSUER.issue("ada"))
    other = await world.keys(session_id, ISSUER.issue("eve"))
    guest = await world.keys(session_id, None)
    assert [one["role"] for one in (speaker, other, guest)] == ["MASTER", "VIEWER", "VIEWER"]
    for one in (other, guest):
        intruder = Master(None)
        with pytest.raises(InvalidStatus) as refused:
            await intruder.open(
                one["channelEndpoint"],
                one["channelArn"],
                credentials(one),
                world.server.trusting(),
            )
        assert refused.value.response.status_code == 403
    assert world.server.refused == ["this key may not ConnectAsMaster"] * 2


async def test_keys_open_no_other_session_s_channel(world: World) -> None:
    mine = await world.session()
    theirs = await world.session()
    keys = await world.keys(mine["sessionId"], ISSUER.issue("ada"))
    with pytest.raises(InvalidStatus):
        await Master(None).open(
            keys["channelEndpoint"],
            theirs["kvsChannelArn"],
            credentials(keys),
            world.server.trusting(),
        )
    assert world.server.refused == ["this key may not ConnectAsMaster"]


async def test_a_session_without_a_channel_has_no_keys(gateway: RunningGateway) -> None:
    token = gateway.token()
    async with gateway.http() as http:
        headers = {"authorization": f"Bearer {token}"}
        created = await http.post("/sessions", json={"sourceLanguage": "en"}, headers=headers)
        assert "kvsChannelArn" not in created.json()
        path = f"/sessions/{created.json()['sessionId']}/signaling-keys"
        assert (await http.post(path, headers=headers)).status_code == 404


async def test_a_speaker_who_comes_late_and_comes_again_is_heard(
    world: World, masters: list[Master]
) -> None:
    """Nobody answers the first offers; a page that is loaded anew is another stream."""
    session_id = (await world.session())["sessionId"]
    channel = world.server.channel(f"session-{session_id}")
    await until(lambda: len(channel.seen) >= 2)
    assert {action for _, action in channel.seen} == {"SDP_OFFER"}
    first = await world.master(session_id, SampleTrack(tone(440, 1.0, RATE_HZ)))
    await world.connected(session_id)
    await until(lambda: len(world.chunks(session_id)) >= 2)
    await first.close()
    masters.append(await world.master(session_id, SampleTrack(tone(880, 1.0, RATE_HZ))))
    await until(lambda: sum(one.epoch == 1 for one in world.chunks(session_id)) >= 2)
    pcm = [one.pcm for one in world.chunks(session_id) if one.epoch == 1]
    assert strongest_hz(heard(pcm), SAMPLE_RATE_HZ) == pytest.approx(880, abs=3)


async def test_the_master_controls_the_session_over_the_data_channel(
    world: World, masters: list[Master]
) -> None:
    session_id = (await world.session())["sessionId"]
    master = await world.master(session_id, SampleTrack(tone(440, 60.0, RATE_HZ)))
    masters.append(master)
    await until(lambda: any(one["type"] == "audioAck" for one in master.told))
    master.send({"action": "muteBroadcast", "sessionId": session_id})
    await until(lambda: any(one.get("state") == "muted" for one in master.told))
    muted_from = len(world.chunks(session_id)) + 1
    await until(lambda: len(world.chunks(session_id)) > muted_from)
    assert not any(world.chunks(session_id)[-1].pcm)
    master.send({"action": "endSession", "sessionId": session_id})
    await until(lambda: world.worker.sessions == ())
    row = await world.gateway.tables.get(session_id)
    assert row is not None
    assert row.info.status == "ended"


async def test_what_a_gateway_does_to_the_session_is_done_by_the_worker(
    world: World, masters: list[Master]
) -> None:
    session_id = (await world.session())["sessionId"]
    masters.append(await world.master(session_id, SampleTrack(tone(440, 60.0, RATE_HZ))))
    await until(lambda: bool(world.chunks(session_id)))
    async with world.gateway.http() as http:
        headers = {"authorization": f"Bearer {ISSUER.issue('ada')}"}
        await http.patch(f"/sessions/{session_id}", json={"muted": True}, headers=headers)
    await until(lambda: not any(world.chunks(session_id)[-1].pcm))
    await world.delete(session_id)
    await until(lambda: world.worker.sessions == ())


async def test_a_worker_that_starts_anew_finds_its_sessions(
    world: World, masters: list[Master]
) -> None:
    session_id = (await world.session())["sessionId"]
    masters.append(await world.master(session_id, SampleTrack(tone(440, 60.0, RATE_HZ))))
    await until(lambda: bool(world.chunks(session_id)))
    await world.worker.close()
    core, worker = world.new_worker()
    await core.start()
    await worker.recover()
    try:
        await until(lambda: world.chunks(session_id)[-1].epoch == 1)
    finally:
        await worker.close()
        await core.stop()


async def test_of_two_workers_the_last_one_keeps_the_session(
    world: World, masters: list[Master]
) -> None:
    """Both are answered by the same master; they do not take it from each other for ever."""
    session_id = (await world.session())["sessionId"]
    masters.append(await world.master(session_id, SampleTrack(tone(440, 60.0, RATE_HZ))))
    await until(lambda: bool(world.chunks(session_id)))
    core, second = world.new_worker()
    await core.start()
    second.start_viewer(session_id)
    try:
        await until(lambda: world.worker.sessions == ())
        newest = world.chunks(session_id)[-1].sequence
        await until(lambda: world.chunks(session_id)[-1].sequence > newest)
        assert second.sessions == (session_id,)
        assert {one.epoch for one in world.chunks(session_id)} == {0, 1}
    finally:
        await second.close()
        await core.stop()


async def test_a_full_worker_says_so(world: World) -> None:
    assert world.worker.start_viewer("one")
    assert world.worker.start_viewer("two")
    assert world.worker.start_viewer("two")
    assert not world.worker.start_viewer("three")
    await until(lambda: world.worker.sessions == ())  # there are no such sessions


async def test_a_viewer_s_keys_are_replaced_before_they_end(world: World) -> None:
    """Offers that nobody answers, each over a new connection: with the same keys while they last,
    and with new ones from when they have five minutes left."""
    session_id = (await world.session())["sessionId"]
    channel = world.server.channel(f"session-{session_id}")
    await until(lambda: len({sender for sender, _ in channel.seen}) >= 2)
    viewers = [one for one in world.server.tokens.taken if one["RoleSessionName"] == session_id]
    assert len(viewers) == 1
    world.pass_ms(56 * 60_000)
    await until(lambda: len(world.server.tokens.taken) >= 2)
    newest = world.server.keys.newest
    await until(lambda: newest in world.server.accepted)
    assert world.server.refused == []


async def test_the_sound_goes_on_when_signaling_ends(world: World, masters: list[Master]) -> None:
    session_id = (await world.session())["sessionId"]
    masters.append(await world.master(session_id, SampleTrack(tone(440, 120.0, RATE_HZ))))
    await until(lambda: bool(world.chunks(session_id)))
    channel = world.server.channel(f"session-{session_id}")
    for client_id in tuple(channel.clients):
        await channel.tell(client_id, {"messageType": "GO_AWAY"})
    await channel.close()
    newest = world.chunks(session_id)[-1].sequence
    await until(lambda: world.chunks(session_id)[-1].sequence >= newest + 4)
    assert {one.epoch for one in world.chunks(session_id)} == {0}
    assert channel.clients == {}
