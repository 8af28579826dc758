"""An engine in a process of its own: one request, one answer, in order.

Engines hold Python's global lock, take hundreds of megabytes, and may crash or hang; here that
ends with their process, which the next request starts anew. Both sides write frames: length (u32,
big endian), then the content; an answer's first byte says what it is. The process ends at
end-of-file, so it never outlives a worker that was killed.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

from connectors.interfaces.errors import PermanentError, RetryableError

_LENGTH = struct.Struct(">I")
_DONE = b"d"
_PERMANENT = b"p"
_FAILED = b"f"
_LONGEST_ANSWER = 1 << 26


class EngineProcess:
    """The worker's side. Starts the process with the first request, or by ``start``.

    ``niceness``: how far it stands back, from 0 to 19, where cores are scarce.
    """

    def __init__(
        self,
        name: str,
        module: str,
        *arguments: str,
        start_timeout_s: float = 30.0,
        niceness: int = 0,
    ) -> None:
        self._name = name
        self._command = ("nice", "-n", str(niceness), sys.executable, "-m", module)
        self._arguments = arguments
        self._start_timeout_s = start_timeout_s
        self._turn = asyncio.Lock()
        self._running: _Running | None = None
        self._asking: set[asyncio.Task[bytes]] = set()
        self._is_closed = False

    @property
    def process_id(self) -> int | None:
        """For operators and tests; None while there is none."""
        return self._running.process.pid if self._running is not None else None

    @property
    def is_busy(self) -> bool:
        return self._turn.locked()

    async def start(self) -> None:
        async with self._turn:
            await self._ready()

    async def call(self, request: bytes, timeout_s: float) -> bytes:
        """The answer. PermanentError: the engine refuses it. RetryableError: it died, or gave
        nothing for ``timeout_s`` and was killed. A caller that gives up stops nothing: its answer
        is waited for and dropped, because killing the engine would have it load its model anew."""
        asking = asyncio.create_task(self._ask(request, timeout_s))
        self._asking.add(asking)
        asking.add_done_callback(self._asked)
        return await asyncio.shield(asking)

    def _asked(self, asking: asyncio.Task[bytes]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # taken note of, for callers that gave up

    async def _ask(self, request: bytes, timeout_s: float) -> bytes:
        async with self._turn:
            running = await self._ready()
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await running.ask(request)
            except BaseException as error:
                await self._stop()
                if isinstance(error, TimeoutError):
                    raise RetryableError(f"{self._name} gave no answer in time") from None
                if isinstance(error, (OSError, EOFError)):
                    raise RetryableError(f"{self._name} died") from None
                raise
        return self._content(answer)

    async def close(self) -> None:
        self._is_closed = True
        await self._stop()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ready(self) -> _Running:
        if self._is_closed:
            raise PermanentError(f"{self._name} is closed")
        if self._running is not None and self._running.process.returncode is None:
            return self._running
        await self._stop()
        self._running = await _Running.start(self._command, self._arguments)
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self._content(await self._running.receive())
        except BaseException as error:
            await self._stop()
            if isinstance(error, TimeoutError):
                raise RetryableError(f"{self._name} did not start in time") from None
            if isinstance(error, (OSError, EOFError)):
                raise RetryableError(f"{self._name} died while it started") from None
            raise
        return self._running

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    def _content(self, answer: bytes) -> bytes:
        kind, content = answer[:1], answer[1:]
        if kind == _DONE:
            return content
        message = f"{self._name}: {content.decode('utf-8', 'replace')}"
        raise PermanentError(message) if kind == _PERMANENT else RetryableError(message)


@dataclass(slots=True)
class _Running:
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def start(cls, command: tuple[str, ...], arguments: tuple[str, ...]) -> _Running:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(*command, str(theirs.fileno()), *arguments),
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except BaseException as error:
                ours.close()
                if isinstance(error, OSError):
                    raise RetryableError(f"no engine process: {error.strerror}") from error
                raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_ANSWER)
        return cls(process, reader, writer)

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(_LENGTH.pack(len(request)) + request)
        await self.writer.drain()
        return await self.receive()

    async def receive(self) -> bytes:
        (length,) = _LENGTH.unpack(await self.reader.readexactly(_LENGTH.size))
        return await self.reader.readexactly(length)

    async def stop(self) -> None:
        self.writer.transport.abort()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


def serve(descriptor: int, load: Callable[[], Callable[[bytes], bytes]]) -> None:
    """The engine's side: load, then answer requests until the worker's end closes. What an engine
    raises is reported by its type only, for a message might hold speech."""
    # Ctrl-C reaches every process of a terminal; when to end is the worker's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rwb") as stream:

        def answer(work: Callable[[], bytes]) -> None:
            try:
                reply = _DONE + work()
            except PermanentError as error:
                reply = _PERMANENT + str(error).encode()
            except Exception as error:
                reply = _FAILED + type(error).__name__.encode()
            stream.write(_LENGTH.pack(len(reply)) + reply)
            stream.flush()

        handlers: list[Callable[[bytes], bytes]] = []

        def start() -> bytes:
            handlers.append(load())
            return b""

        try:
            answer(start)
            while handlers and len(header := stream.read(_LENGTH.size)) == _LENGTH.size:
                request = stream.read(_LENGTH.unpack(header)[0])
                answer(lambda: handlers[0](request))  # noqa: B023 - called at once
        except (BrokenPipeError, ConnectionResetError):
            pass  # the worker is gone
