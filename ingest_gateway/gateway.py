"""A gateway put together: what it needs, what it is made of, how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from connectors.calls.policy import Policies
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.dead_letters import DeadLetterArchive
from connectors.interfaces.document_store import DocumentStore
from connectors.interfaces.erasure import Erasure
from connectors.interfaces.ledger import Ledger
from connectors.interfaces.record_sink import RecordSink
from connectors.interfaces.room_tables import RoomTables
from connectors.interfaces.session_events import SessionEvents
from connectors.interfaces.session_tables import SessionTables
from connectors.interfaces.signaling_channels import SignalingAccess, SignalingChannels
from connectors.memory.document_store import MemoryDocumentStore
from connectors.memory.room_tables import MemoryRoomTables
from connectors.memory.session_events import MemorySessionEvents
from ingest_gateway.access.auth import LocalIssuer, TokenVerifier
from ingest_gateway.access.cognito import SignIn
from ingest_gateway.access.edge import Edge
from ingest_gateway.access.revocation import RevocableVerifier, Revocations
from ingest_gateway.access.tickets import Tickets
from ingest_gateway.audio_in.acknowledgements import Acknowledgements
from ingest_gateway.audio_in.intake import AudioIntake
from ingest_gateway.audio_in.put_queue import PutQueue, Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.background import Background
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.operations.security_events import SecurityEvents
from ingest_gateway.operations.watch import DeliveryStats, OperationsWatch, WatchDependencies
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import ListeningBy
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.read_side.talk import Talk
from ingest_gateway.rooms.deletion import Deletions
from ingest_gateway.rooms.organiser import Organiser
from ingest_gateway.rooms.records import RoomRecords
from ingest_gateway.rooms.speaker_links import SpeakerLinkVerifier
from ingest_gateway.rooms.stages import StageDependencies, Stages
from ingest_gateway.sessions.channels import SessionChannels
from ingest_gateway.sessions.conversation import Conversation, ConversationServices
from ingest_gateway.sessions.event_publisher import EventPublisher
from ingest_gateway.sessions.hub import Connection, Hub
from ingest_gateway.sessions.ids import NewId, memorable_id
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.sessions.listener_admission import ListenerAdmission
from ingest_gateway.sessions.listeners import ListenerDependencies, Listeners
from ingest_gateway.sessions.live_sessions import LiveSessions
from ingest_gateway.sessions.owners import Owners
from ingest_gateway.sessions.presence_watch import PresenceWatch
from ingest_gateway.sessions.request_limits import RequestLimits
from ingest_gateway.sessions.speakers import SpeakerDependencies, Speakers
from ingest_gateway.sessions.sweeper import Sweeper
from ingest_gateway.sessions.talk_places import TalkPlaces
from ingest_gateway.sessions.token_watch import TokenWatch
from ingest_gateway.webrtc.ice import IceSettings
from schemas.values import SessionControl

DRAIN_S = 10.0

_log = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class GatewayDependencies:
    """What a gateway stands on. ``gateway_id`` is the same after a restart: by it the gateway
    finds what its earlier life left behind. ``job_token`` opens the job's calls to callers who
    are not on this machine; ``issuer`` hands out tokens over HTTP, ``verifier`` checks them.
    ``listening_by``: what lets listeners into sessions that do not say so themselves.
    ``edge``: proxies and names that are trusted. ``sign_in``: where the pages send people for a
    token.
    ``channels`` (None: sessions have none) of Kinesis Video Streams, ``channel_access`` to them.
    ``documents``: where tickets wait for their WebSocket (None: in this process).
    ``public_url``: where others reach this gateway; None: where they came from. ``trust_url``:
    where a phone learns to trust its certificate; None: it does. ``binary_frames``:
    whether they arrive here. ``dead_letters``
    (None: not shown) and ``flink_url``, where Flink's own pages are, are for operators."""

    tables: SessionTables
    sink: RecordSink
    ledger: Ledger
    clips: ClipStore
    erasure: Erasure
    languages: Languages
    verifier: TokenVerifier
    events: SessionEvents = field(default_factory=MemorySessionEvents)
    rooms: RoomTables = field(default_factory=MemoryRoomTables)
    documents: DocumentStore | None = None
    channels: SignalingChannels | None = None
    channel_access: SignalingAccess | None = None
    issuer: LocalIssuer | None = None
    open_issuer: bool = False
    sign_in: SignIn | None = None
    job_token: str | None = None
    listening_by: ListeningBy = "id"
    gateway_id: str = "gateway"
    metrics_apart: bool = False
    """``/metrics`` is served by another port."""
    asked_by_pages: tuple[str, ...] = ()
    """Origins that pages may fetch from beside the gateway's own."""
    public_url: str | None = None
    trust_url: str | None = None
    binary_frames: bool = True
    dead_letters: DeadLetterArchive | None = None
    flink_url: str | None = None
    limits: Limits = field(default_factory=Limits)
    edge: Edge = field(default_factory=Edge)
    ice: IceSettings = field(default_factory=IceSettings)
    policies: Policies = field(default_factory=Policies)
    now_ms: Callable[[], int] = wall_clock_ms
    new_session_id: NewId = memorable_id
    fraction: Callable[[], float] = random.random


class Gateway:
    def __init__(self, needs: GatewayDependencies) -> None:
        self.needs = needs
        self.metrics = Metrics()
        self.security = SecurityEvents(self.metrics, needs.now_ms)
        self.background = Background(self.metrics)
        self.hub = Hub(self.metrics)
        self.live = LiveSessions(needs.tables, needs.policies, needs.now_ms)
        self._delivery_stats = DeliveryStats(self.metrics)
        self.captions = Captions(
            needs.ledger,
            needs.clips,
            needs.policies,
            needs.limits,
            self.metrics,
            needs.now_ms,
            on_passing=self._delivery_stats.passed,
        )
        self.talk = Talk(needs.ledger, needs.clips, needs.policies)
        documents = needs.documents or MemoryDocumentStore(needs.now_ms)
        revocations = Revocations(documents, needs.policies, needs.now_ms)
        self.tickets = Tickets(documents, needs.policies, needs.now_ms, revocations)
        links = SpeakerLinkVerifier(needs.verifier, needs.rooms, needs.policies)
        self.verifier = RevocableVerifier(links, revocations)
        self.tokens = TokenWatch(self.hub, self.verifier, revocations, needs.now_ms)
        self.channels = SessionChannels(needs.channels, needs.channel_access, needs.policies)
        self.request_limits = RequestLimits(self.live, needs.limits, needs.now_ms)
        self.admission = ListenerAdmission(self.live, self.request_limits, needs.now_ms)
        self.acknowledgements = Acknowledgements(self.live, needs.limits, needs.now_ms)
        self.writer = RecordWriter(
            needs.sink,
            PutQueue(deadline_ms=needs.limits.put_deadline_ms, fraction=needs.fraction),
            self._settled,
            now_ms=needs.now_ms,
            metrics=self.metrics,
            room_bytes=needs.limits.pending_bytes_per_session,
            may_declare=self.acknowledgements.may_declare,
        )
        self.intake = AudioIntake(
            self.live,
            self.writer,
            self.acknowledgements,
            self.metrics,
            needs.limits,
            needs.now_ms,
        )
        records = RoomRecords(needs.rooms, needs.policies)
        self.deletions = Deletions(records, needs.erasure, self.live, self.captions, needs.now_ms)
        self.owners = Owners(self.live, self.request_limits)
        self.speakers = Speakers(
            SpeakerDependencies(
                live=self.live,
                owners=self.owners,
                hub=self.hub,
                captions=self.captions,
                languages=needs.languages,
                request_limits=self.request_limits,
                places=TalkPlaces(self.live, needs.limits.talks_at_once, needs.now_ms),
                writer=self.writer,
                events=EventPublisher(needs.events, needs.policies),
                channels=self.channels,
                new_session_id=needs.new_session_id,
                listening_by=needs.listening_by,
                before_end=self.deletions.session_ends,
                now_ms=needs.now_ms,
            )
        )
        self.listeners = Listeners(
            ListenerDependencies(
                live=self.live,
                hub=self.hub,
                captions=self.captions,
                languages=needs.languages,
                admission=self.admission,
                request_limits=self.request_limits,
                limits=needs.limits,
                writer=self.writer,
                gateway_id=needs.gateway_id,
                now_ms=needs.now_ms,
            )
        )
        self.stages = Stages(
            StageDependencies(
                records=records,
                live=self.live,
                hub=self.hub,
                speakers=self.speakers,
                request_limits=self.request_limits,
                now_ms=needs.now_ms,
            )
        )
        # What a part tells one that stands on it: nothing else leads back up.
        self.live.on_lost = self.speakers.lost
        self.live.on_changed = self.speakers.changed
        self.speakers.on_change = self.stages.session_changed
        self.organiser = Organiser(
            records,
            self.stages,
            self.deletions,
            needs.languages,
            needs.new_session_id,
            needs.now_ms,
        )
        self.sweeper = Sweeper(
            live=self.live,
            hub=self.hub,
            captions=self.captions,
            speakers=self.speakers,
            listeners=self.listeners,
            limits=needs.limits,
            gateway_id=needs.gateway_id,
            now_ms=needs.now_ms,
            deletions=self.deletions,
            background=self.background,
        )
        self.presence = PresenceWatch(
            self.live, self.hub, self.speakers, self.background, needs.now_ms
        )
        self.watch = OperationsWatch(
            WatchDependencies(
                live=self.live,
                hub=self.hub,
                captions=self.captions,
                writer=self.writer,
                ledger=needs.ledger,
                letters=needs.dead_letters,
                policies=needs.policies,
                metrics=self.metrics,
                gateway_id=needs.gateway_id,
                flink_url=needs.flink_url,
                now_ms=needs.now_ms,
            ),
            self._delivery_stats,
        )
        self.conversation_services = ConversationServices(
            intake=self.intake,
            speakers=self.speakers,
            listeners=self.listeners,
            stages=self.stages,
            captions=self.captions,
            tokens=self.tokens,
            writer=self.writer,
            limits=needs.limits,
            metrics=self.metrics,
            security=self.security,
            now_ms=needs.now_ms,
        )
        self._running: tuple[asyncio.Task[None], ...] = ()
        self._beside: set[asyncio.Task[None]] = set()

    def conversation(self, connection: Connection) -> Conversation:
        return Conversation(connection, self.conversation_services)

    def _settled(self, settled: Settled) -> Sequence[SessionControl]:
        self._delivery_stats.stored(settled)
        return self.acknowledgements.settled(settled)

    async def start(self) -> None:
        self.writer.start()
        await self.sweeper.recover()
        works = {
            "sweeper": self.sweeper.run,
            "presence-watch": self.presence.run,
            "operations-watch": self.watch.run,
            "stages": self.stages.run,
            "token-watch": self.tokens.run,
        }
        self._running = tuple(
            asyncio.create_task(self.background.keep(name, work), name=name)
            for name, work in works.items()
        )

    def run_beside(self, work: Coroutine[None, None, None]) -> None:
        """Until it ends, or the gateway does; its caller need not wait."""

        async def tried() -> None:
            try:
                await work
            except Exception:
                self.background.failed("beside")

        task = asyncio.create_task(tried())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def stop(self) -> None:
        """After the sockets are closed: what was taken is made durable first."""
        running = (*self._running, *self._beside)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if not await self.writer.drain(DRAIN_S):
            _log.error("records were left that the stream did not take in %g s", DRAIN_S)
        await self.sweeper.save_progress()
        await self.writer.close()
        await asyncio.gather(
            self.needs.tables.close(),
            self.needs.sink.close(),
            self.needs.ledger.close(),
            self.needs.clips.close(),
            self.needs.events.close(),
            self.needs.rooms.close(),
            self.channels.stop(),
            return_exceptions=True,
        )
