"""A thousand speakers, each sending a chunk every 256 ms at a phase of its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from benchmarks.gateway.chunk_stamp import CHUNK_S, stamped_pcm
from benchmarks.gateway.histogram import Histogram
from benchmarks.gateway.wire import LightSocket, open_socket
from ingest_gateway.access.auth import SUBPROTOCOL, TOKEN_SUBPROTOCOL
from ingest_gateway.protocol.frames import AudioFrame, encode_frame

_ANSWER_S = 30.0


class _FromGateway(msgspec.Struct, rename="camel"):
    type: str
    session_id: str | None = None
    sequence: int = -1


@dataclass(slots=True)
class Speaker:
    """One speaking connection. ``acknowledged``: the last sequence said to be durable."""

    socket: LightSocket
    acknowledgements: Histogram
    sent: int = 0
    acknowledged: int = -1
    errors: int = 0
    _sent_ns: dict[int, int] = field(default_factory=dict[int, int])
    _progress: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: asyncio.Queue[_FromGateway] = field(default_factory=asyncio.Queue[_FromGateway])

    def listen(self) -> None:
        self.socket.on_text = self._on_text

    async def join(self) -> None:
        """Create a session and speak into it."""
        self.socket.send_text(b'{"action":"createSession","sourceLanguage":"en"}')
        created = await self._answer("sessionCreated")
        wish = {
            "action": "joinAsSpeaker",
            "sessionId": created.session_id,
            "streamId": "load",
            "nextSequence": 0,
        }
        self.socket.send_text(msgspec.json.encode(wish))
        await self._answer("speakerJoined")

    def send_chunk(self, measured: bool) -> None:
        if self.socket.closed:
            return
        now_ns = time.monotonic_ns()
        if measured:
            self._sent_ns[self.sent] = now_ns
        frame = AudioFrame(self.sent, time.time_ns() // 1_000_000 - 256, stamped_pcm(measured))
        self.socket.send_binary(encode_frame(frame))
        self.sent += 1

    async def is_acknowledged(self, until_s: float) -> bool:
        """Wait until everything is; False: ``until_s``, by the monotonic clock, came first."""
        try:
            async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
                while self.acknowledged < self.sent - 1:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def _answer(self, kind: str) -> _FromGateway:
        async with asyncio.timeout(_ANSWER_S):
            while (answer := await self._answers.get()).type != kind:
                pass
        return answer

    def _on_text(self, text: bytes) -> None:
        message = msgspec.json.decode(text, type=_FromGateway)
        if message.type == "audioAck":
            self._acknowledge(message.sequence)
        elif message.type == "error":
            self.errors += 1
        else:
            self._answers.put_nowait(message)

    def _acknowledge(self, sequence: int) -> None:
        """The chunk it names is timed; those before it waited for the acknowledgement's turn."""
        sent_ns = self._sent_ns.pop(sequence, None)
        if sent_ns is not None:
            self.acknowledgements.add((time.monotonic_ns() - sent_ns) / 1e6)
        for earlier in range(self.acknowledged + 1, sequence):
            self._sent_ns.pop(earlier, None)
        self.acknowledged = sequence
        self._progress.set()


class Speakers:
    """All speaking connections. ``lag``: how late this program itself was with a chunk, in ms."""

    def __init__(self, speakers: Sequence[Speaker], acknowledgements: Histogram) -> None:
        self.all = speakers
        self.acknowledgements = acknowledgements
        self.lag = Histogram()
        chance = random.Random(1)  # noqa: S311 - phases, not secrets
        self._by_phase = sorted((chance.random() * CHUNK_S, at) for at in range(len(speakers)))

    async def speak(self, rounds: int, *, measured: bool) -> None:
        """Each speaker sends ``rounds`` chunks, no sooner than live audio would be there."""
        began_s = time.monotonic()
        for number in range(rounds):
            for phase_s, at in self._by_phase:
                due_s = began_s + number * CHUNK_S + phase_s
                late_s = time.monotonic() - due_s
                if late_s < 0:
                    await asyncio.sleep(-late_s)
                    late_s = time.monotonic() - due_s
                if measured:
                    self.lag.add(late_s * 1000)
                self.all[at].send_chunk(measured)

    async def acknowledged(self, timeout_s: float) -> int:
        """Wait for what is owed; the number of chunks that never were acknowledged."""
        until_s = time.monotonic() + timeout_s
        for one in self.all:
            if not await one.is_acknowledged(until_s):
                break
        return self._owed()

    def _owed(self) -> int:
        return sum(one.sent - 1 - one.acknowledged for one in self.all)

    @property
    def dropped(self) -> int:
        return sum(one.socket.closed for one in self.all)

    @property
    def errors(self) -> int:
        return sum(one.errors for one in self.all)


async def open_speakers(url: str, number: int, token: str | None, at_once: int = 20) -> Speakers:
    """``token`` None: the server wants neither a token nor anybody to join."""
    acknowledgements = Histogram()
    turn = asyncio.Semaphore(at_once)

    async def one() -> Speaker:
        async with turn:
            wanted = [] if token is None else [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]
            speaker = Speaker(await open_socket(url, wanted), acknowledgements)
            speaker.listen()
            if token is not None:
                await speaker.join()
            return speaker

    return Speakers(await asyncio.gather(*(one() for _ in range(number))), acknowledgements)
