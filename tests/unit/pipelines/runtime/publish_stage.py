"""One utterance's clip on its way to its listeners, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.notifier import INLINE_AUDIO, Audience, Delivery
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.notifier import MemoryNotifier
from connectors.memory.traces import MemoryTraces
from pipelines.session.messages import INLINE_AUDIO_BYTES
from pipelines.transforms.publish import PublishClip
from schemas.names import clip_key
from schemas.values import (
    Clip,
    EntryKind,
    FixedOutcome,
    LedgerEntry,
    Route,
    Timeline,
    Translation,
    VoicedTranslation,
)
from tests.unit.pipelines.runtime.session_stage import Stage, run_to_end
from tests.unit.pipelines.session.records_of import SESSION, START_MS

KEY = clip_key(SESSION, "es", START_MS - 3_000)
URL = f"memory://{KEY}?expires=600"
UPLOAD_S = 0.5
SMALL = Clip(b"\xff\xfb" + bytes(1_000), 1.5)
BIG = Clip(bytes(INLINE_AUDIO_BYTES), 60.0)
ENTRY = LedgerEntry(
    session_id=SESSION,
    number=7,
    epoch=0,
    kind=EntryKind.SPEECH,
    first_sample=0,
    end_sample=48_000,
    text="so",
    language="en",
    captured_at_ms=START_MS - 3_000,
    committed_at_ms=START_MS - 200,
    writer="w",
    resume_sample=48_000,
    resume_sequence=12,
    resume_sequence_sample=48_000,
)
TRANSLATION = Translation(
    ENTRY, Route("es", 6), "así", Timeline(START_MS - 3_000, START_MS, (("synthesize", 200),))
)


class SlowClipStore(MemoryClipStore):
    """Uploads take half a second, or fail then."""

    error: ConnectorError | None = None

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        await asyncio.sleep(UPLOAD_S)
        if self.error is not None:
            raise self.error
        await super().put(key, body, content_type=content_type, metadata=metadata)


class TimedNotifier(MemoryNotifier):
    """Knows what it was told and when; ``errors`` by audience."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[float, str]] = []
        self.errors: dict[Audience, ConnectorError] = {}

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        if audience in self.errors:
            raise self.errors[audience]
        self.calls.append((asyncio.get_running_loop().time(), audience.value))
        return await super().notify(session_id, language, message, audience=audience)


@dataclass
class Publishing:
    """One clip is published at time 0 of the stage, in virtual time."""

    store: SlowClipStore = field(default_factory=SlowClipStore)
    notifier: TimedNotifier = field(default_factory=TimedNotifier)
    traces: MemoryTraces = field(default_factory=MemoryTraces)
    stage: Stage = field(default_factory=Stage)
    fixed: tuple[FixedOutcome, ...] = ()
    """What another engine has fixed."""

    @property
    def outcome(self) -> FixedOutcome | None:
        (entry,) = self.stage.entries()
        return entry.outcome("es")

    def publish(
        self, clip: Clip | None = SMALL, skipped: str | None = None, *, is_erased: bool = False
    ) -> list[object]:
        stage = self.stage
        ledger = stage.ledger
        if not is_erased:
            stage.loop.wait(stage.loop.start(ledger.commit(ENTRY)))
        for outcome in self.fixed:
            stage.loop.wait(stage.loop.start(ledger.fix(SESSION, 7, outcome)))
        connectors = replace(
            stage.connectors,
            clip_store=self.store,
            notifier=self.notifier,
            traces=self.traces,
        )
        started_s = stage.loop.wait(stage.loop.start(_now_s()))
        item = VoicedTranslation(replace(TRANSLATION, skipped=skipped), clip)
        running = run_to_end(PublishClip(), item, replace(stage.call_site, connectors=connectors))
        answers = stage.loop.wait(stage.loop.start(running))
        self.notifier.calls = [
            (round(at_s - started_s, 3), audience) for at_s, audience in self.notifier.calls
        ]
        return answers

    def listen(self) -> None:
        self.notifier.connect(SESSION, "es", "inline", [INLINE_AUDIO])
        self.notifier.connect(SESSION, "es", "link")
        self.notifier.connect(SESSION, "es", "link-too")

    def got(self, connection_id: str) -> list[dict[str, object]]:
        return self.notifier.inboxes[connection_id]


async def _now_s() -> float:
    return asyncio.get_running_loop().time()
