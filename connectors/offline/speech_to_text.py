"""Speech to text by a process of this machine; pocketsphinx, with a forked decoder for each stream.

``ProcessSpeechToText`` starts a process that holds a model, and its streams are sockets to it:
``offline.decoder_process`` (pocketsphinx) and ``local.recognition_process`` (Moonshine) are such
processes. Both read PCM from a stream's socket and write results to it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.speech_to_text import Recognition
from connectors.interfaces.stream_checks import check_opening, check_places
from connectors.offline.decoder_process import (
    LENGTH,
    READY,
    SAMPLE_RATE_HZ,
    STREAM_REQUEST,
    decode_result,
    frame,
)

_BYTES_PER_S = SAMPLE_RATE_HZ * 2
_LONGEST_FRAME_BYTES = _BYTES_PER_S // 4


@dataclass(frozen=True, slots=True)
class ProcessSpeechToTextSettings:
    """``ahead_bytes``: audio that may wait in a stream's socket before ``send`` waits.

    ``hangs_after_s``: a process that takes no audio and gives no result for so long hangs, and is
    killed. On a busy machine a process that works may need many seconds for one of them.
    """

    report_every_s: float = 0.25
    max_streams: int = 32
    open_timeout_s: float = 15.0
    ahead_bytes: int = 4 * _BYTES_PER_S
    hangs_after_s: float = 30.0


@dataclass(frozen=True, slots=True)
class RecogniserProgram:
    """``module`` is run as ``python -m module FD *arguments``; ``kind`` names it in errors."""

    kind: str
    module: str
    languages: frozenset[str]
    arguments: tuple[str, ...] = ()


class ProcessSpeechToText:
    """Starts one model process, when first needed or after it died; it serves all streams."""

    def __init__(self, program: RecogniserProgram, settings: ProcessSpeechToTextSettings) -> None:
        self._program = program
        self._settings = settings
        self._starting = asyncio.Lock()
        self._process: _ModelProcess | None = None
        self._streams: set[ProcessSpeechStream] = set()
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return self._settings.report_every_s

    def can_recognise(self, language: str) -> bool:
        return language in self._program.languages

    @property
    def model_process_id(self) -> int | None:
        """For operators and tests; None while no model process runs."""
        return self._process.process_id if self._process and self._process.is_alive else None

    async def open(self, language: str, *, sample_rate_hz: int) -> ProcessSpeechStream:
        check_opening(
            *(self._program.kind, language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=self.can_recognise(language),
        )
        check_places(len(self._streams), self._settings.max_streams)
        await self.check()
        stream = ProcessSpeechStream(self._streams, self._settings.hangs_after_s)
        try:
            async with asyncio.timeout(self._settings.open_timeout_s):
                if not await self._connect(stream) and not await self._connect(stream):
                    raise RetryableError("the decoder process died while it started")
        except TimeoutError:
            await stream.close()
            raise RetryableError("the decoder process did not start in time") from None
        except BaseException:
            await stream.close()
            raise
        return stream

    async def check(self) -> None:
        """PermanentError when the process could not run here; called before it is started."""

    async def close(self) -> None:
        self._is_closed = True
        for stream in tuple(self._streams):
            await stream.close()
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def _connect(self, stream: ProcessSpeechStream) -> bool:
        """False: the model process turned out to be dead or unable; the next call starts another.

        Streams that are open already do not need it.
        """
        model = await self._running_model()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                model.request_stream(theirs, self._settings.report_every_s)
            except OSError:
                ours.close()
                await model.stop()
                return False
        if await stream.connect(ours, self._settings.ahead_bytes, model.kill):
            return True
        await model.stop()
        return False

    async def _running_model(self) -> _ModelProcess:
        async with self._starting:
            if self._process is None or not self._process.is_alive:
                self._process = await _ModelProcess.start(self._program)
            return self._process


class _ModelProcess:
    """The worker's end of the process: started by exec, never by forking the worker, which has
    many threads."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, program: RecogniserProgram) -> _ModelProcess:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", program.module, str(theirs.fileno()), *program.arguments),
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except BaseException as error:
                ours.close()
                if isinstance(error, OSError):
                    raise RetryableError(f"no decoder process: {error.strerror}") from error
                raise
        return cls(process, ours)

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and self._control.fileno() >= 0

    def request_stream(self, stream: socket.socket, report_every_s: float) -> None:
        """OSError: the process is gone, or so many requests wait that it must hang."""
        request = STREAM_REQUEST.pack(report_every_s)
        socket.send_fds(self._control, [request], [stream.fileno()])

    def kill(self) -> None:
        """It hangs; every stream that it serves ends with a RetryableError."""
        if self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> None:
        """End-of-file ends it; one that hangs is killed."""
        self._control.close()
        try:
            await asyncio.wait_for(self._process.wait(), timeout=2.0)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class ProcessSpeechStream:
    """``SpeechStream`` over one decoder's socket. Cancelling a wait for a result loses nothing."""

    def __init__(self, registry: set[ProcessSpeechStream], hangs_after_s: float) -> None:
        self._registry = registry
        self._hangs_after_s = hangs_after_s
        self._kill_process: Callable[[], None] = lambda: None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._next_length: int | None = None
        self._last_result_at_s = 0.0
        self._sent_bytes = 0
        self._is_finished = False
        self._is_closed = False
        self._last: Recognition | None = None
        registry.add(self)

    async def connect(
        self, connection: socket.socket, ahead_bytes: int, kill_process: Callable[[], None]
    ) -> bool:
        """Whether there is a recogniser at the other end."""
        self._kill_process = kill_process
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ahead_bytes // 2)
        self._reader, self._writer = await asyncio.open_connection(sock=connection)
        self._writer.transport.set_write_buffer_limits(high=ahead_bytes // 2)
        if await self._read_frame() == READY:
            return True
        self._writer.transport.abort()
        return False

    async def send(self, pcm: bytes) -> None:
        if self._is_closed or self._is_finished:
            raise PermanentError("audio behind the end of its stream")
        if len(pcm) % 2:
            raise PermanentError("odd number of PCM bytes")
        self._sent_bytes += len(pcm)
        for at in range(0, len(pcm), _LONGEST_FRAME_BYTES):
            await self._write(frame(pcm[at : at + _LONGEST_FRAME_BYTES]))

    async def finish(self) -> None:
        if not self._is_finished and not self._is_closed:
            self._is_finished = True
            await self._write(frame(b""))

    def __aiter__(self) -> ProcessSpeechStream:
        return self

    async def __anext__(self) -> Recognition:
        content = await self._read_frame()
        if content is not None:
            self._last = decode_result(content)
            return self._last
        if self._is_closed or self._is_answered:
            raise StopAsyncIteration
        raise RetryableError("the decoder process died")

    async def close(self) -> None:
        self._is_closed = True
        self._registry.discard(self)
        if self._writer is not None:
            # abort, not close: what has not been written yet is not worth waiting for.
            self._writer.transport.abort()

    @property
    def _is_answered(self) -> bool:
        sent_s = self._sent_bytes / _BYTES_PER_S
        last = self._last
        return self._is_finished and last is not None and last.is_final and last.through_s >= sent_s

    async def _write(self, data: bytes) -> None:
        assert self._writer is not None
        loop = asyncio.get_running_loop()
        self._writer.write(data)
        while True:
            try:
                async with asyncio.timeout(self._hangs_after_s):
                    await self._writer.drain()
                return
            except ConnectionError:
                return  # the iteration tells
            except TimeoutError:
                if loop.time() - self._last_result_at_s >= self._hangs_after_s:
                    self._kill_process()
                    self._writer.transport.abort()
                    return

    async def _read_frame(self) -> bytes | None:
        """None at the end of the stream, whatever ended it."""
        assert self._reader is not None
        try:
            length = self._next_length
            if length is None:
                (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
                self._next_length = length
            content = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self._next_length = None
        self._last_result_at_s = asyncio.get_running_loop().time()
        return content


LANGUAGES = frozenset({"en"})
"""The model in pocketsphinx' wheel is US English."""

OfflineSpeechToTextSettings = ProcessSpeechToTextSettings
"""A decoder takes about 0.15 of a core during speech."""


class OfflineSpeechToText(ProcessSpeechToText):
    def __init__(self, settings: OfflineSpeechToTextSettings | None = None) -> None:
        super().__init__(
            RecogniserProgram("offline", "connectors.offline.decoder_process", LANGUAGES),
            settings or OfflineSpeechToTextSettings(),
        )
