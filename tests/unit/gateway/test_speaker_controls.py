"""What a speaker or an owner says through whichever gateway holds where the audio comes in."""

from __future__ import annotations

import asyncio

import pytest

from connectors.interfaces.session_tables import SessionRow
from ingest_gateway.access.auth import Identity
from ingest_gateway.access.listener_rules import ListeningRules, ListeningWish
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.conversation import Conversation
from ingest_gateway.sessions.hub import Connection, Peer
from schemas.avro_codec import decode
from schemas.session_info import SessionInfo
from schemas.values import AudioChunk, ControlKind, SessionControl
from tests.unit.gateway.two_gateways import SESSION, RunVirtual, Socket, Story

pytestmark = pytest.mark.unit

ADA = Identity("ada")
OTHER = "calm-harbour-412"


def pcm_of(story: Story) -> list[bytes]:
    records = [decode(record.data) for record in story.log]
    return [one.pcm for one in records if isinstance(one, AudioChunk)]


def test_who_mutes_through_another_gateway_is_not_broadcast(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        await story.act(("join", 0, 0))
        await story.act(("speak", 0, 4))
        await story.hosts[1].gateway.speakers.control(ADA, SESSION, "mute")
        await story.act(("speak", 0, 12))  # three seconds
        await asyncio.sleep(1)
        before = len(pcm_of(story))
        await story.act(("speak", 0, 8))
        await asyncio.sleep(1)
        said = pcm_of(story)[before:]
        assert len(said) == 8
        assert set(said) == {bytes(8)}
        assert story.hosts[0].gateway.live.loaded(SESSION).state == "muted"  # type: ignore[union-attr]
        await story.hosts[1].gateway.speakers.control(ADA, SESSION, "unmute")
        await story.act(("speak", 0, 12))
        await asyncio.sleep(1)
        assert pcm_of(story)[-1] != bytes(8)
        await story.end_well()

    run_virtual(run())


def test_a_pause_through_another_gateway_stands_behind_what_was_said(
    run_virtual: RunVirtual,
) -> None:
    """The other gateway has known the session from before anybody spoke."""

    async def run() -> None:
        story = Story()
        await story.hosts[1].gateway.live.find(SESSION)
        for page in (0, 1):  # the second stream has an epoch of its own
            await story.act(("join", page, 0))
            await story.act(("speak", page, 12))
        await asyncio.sleep(3)
        await story.hosts[1].gateway.speakers.control(ADA, SESSION, "pause")
        await story.act(("speak", 1, 1))
        await asyncio.sleep(6)
        live = story.hosts[0].gateway.live.loaded(SESSION)
        assert live is not None
        assert live.state == "paused"
        records = map(decode, (record.data for record in story.log))
        (pause,) = [
            one
            for one in records
            if isinstance(one, SessionControl) and one.kind is ControlKind.PAUSE
        ]
        assert (pause.epoch, pause.after_sequence) == (1, 11)
        await story.hosts[1].gateway.speakers.control(ADA, SESSION, "resume")
        await asyncio.sleep(6)
        await story.end_well()

    run_virtual(run())


def test_a_change_here_is_not_taken_back_by_an_older_answer(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        await story.act(("join", 0, 0))
        gateway = story.hosts[0].gateway
        for _ in range(6):
            story.pages[0].speak()
            await asyncio.sleep(0.3)
            saving = asyncio.create_task(gateway.sweeper.save_progress())
            await asyncio.sleep(0)
            await gateway.speakers.control(ADA, SESSION, "mute")
            await saving
            assert gateway.live.loaded(SESSION).row.muted  # type: ignore[union-attr]
            await gateway.speakers.control(ADA, SESSION, "unmute")
        await story.end_well()

    run_virtual(run())


def test_a_connection_that_goes_on_in_another_session_leaves_the_first(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        info = SessionInfo(OTHER, "ada", "en", (), "standard", "active", 0)
        story.sessions[OTHER] = SessionRow(info)
        connection = Connection("c1", Peer("a", "", ADA), Socket(), 0, 1 << 20)
        conversation = Conversation(connection, gateway.conversation_services)
        join = '{"action": "joinAsSpeaker", "sessionId": "%s", "streamId": "s"}'
        await conversation.receive(join % SESSION)
        first = gateway.live.loaded(SESSION)
        assert first is not None
        assert first.speaker is connection
        await conversation.receive(join % OTHER)
        assert first.speaker is None
        assert first.row.speaker_lost_at_ms is not None
        second = gateway.live.loaded(OTHER)
        assert second is not None
        assert second.speaker is connection
        await conversation.closed()
        assert second.speaker is None
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_what_owners_say_at_once_all_holds(run_virtual: RunVirtual) -> None:
    """Two clicks, two requests: neither takes the other back."""

    async def run() -> None:
        story = Story()
        speakers = story.hosts[0].gateway.speakers
        wishes = [
            ListeningWish(locked=True),
            ListeningWish(remove="A" * 16),
            ListeningWish(remove="B" * 16),
            ListeningWish(code="tulip 42"),
        ]
        await asyncio.gather(*(speakers.set_listening(ADA, SESSION, one) for one in wishes))
        rules = ListeningRules.of(story.sessions[SESSION].info.extra)
        assert rules.locked
        assert rules.code == "tulip 42"
        assert set(rules.removed) == {"A" * 16, "B" * 16}
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_a_change_through_another_gateway_stays(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        one, other = (host.gateway.speakers for host in story.hosts)
        await asyncio.gather(
            one.set_listening(ADA, SESSION, ListeningWish(locked=True)),
            other.set_listening(ADA, SESSION, ListeningWish(code="tulip 42")),
        )
        rules = ListeningRules.of(story.sessions[SESSION].info.extra)
        assert (rules.locked, rules.code) == (True, "tulip 42")
        with pytest.raises(Refusal):
            await one.set_listening(Identity("eve"), SESSION, ListeningWish(locked=False))
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_a_person_who_tries_ids_is_held_up_and_keeps_no_speaker_out(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        eve, codes = Identity("eve"), list[str]()
        most = gateway.needs.limits.joins_per_minute
        for at in range(most + 2):
            with pytest.raises(Refusal) as refused:
                await gateway.speakers.end(eve, f"no-such-{at}")
            codes.append(refused.value.code)
        with pytest.raises(Refusal) as refused:
            await gateway.speakers.end(eve, SESSION)  # there is one
        codes.append(refused.value.code)
        assert codes == ["NO_SESSION"] * most + ["RATE_LIMITED"] * 3
        assert (await gateway.speakers.control(ADA, SESSION, "mute")).row.muted
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_a_token_for_one_session_opens_no_other(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        speakers = story.hosts[0].gateway.speakers
        with pytest.raises(Refusal) as refused:
            await speakers.end(Identity("ada", OTHER), SESSION)
        assert refused.value.code == "FORBIDDEN"
        await speakers.end(Identity("ada", SESSION), SESSION)
        for host in story.hosts:
            await host.close()

    run_virtual(run())
