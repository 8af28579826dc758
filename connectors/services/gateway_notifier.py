"""Messages to listeners in one call to our own gateway, which knows its connections."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.notifier import Audience, Delivery

_MOST_ANSWERS = 10_000
_MOST_NOTES = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GatewayNotifierSettings:
    """``url``: the gateway's own address; ``token``: what it asks of the job, as Bearer."""

    url: str
    token: str | None = None
    answer_timeout_s: float = 5.0
    max_connections: int = 64


class _Answer(msgspec.Struct, frozen=True):
    """As ``Delivery``; ``inline``: how many of the language take clips inside messages, in the
    audience or not."""

    delivered: int
    listeners: int
    gone: int = 0
    inline: int | None = None


@dataclass(frozen=True, slots=True)
class _Note:
    """Something to tell a speaker; ``answer`` None: the gateway could not ask."""

    session_id: str
    message: dict[str, object]
    answer: asyncio.Future[_Answer | None]


class GatewayNotifier:
    """One post a message to listeners: ``{url}/notify/{sessionId}/{language}?audience=...``. What
    speakers are told is small and frequent: ``{url}/notify`` takes what has come while the last
    such post was under way. The caller's policy retries."""

    def __init__(self, settings: GatewayNotifierSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._inline: OrderedDict[tuple[str, str], int | None] = OrderedDict()
        self._notes: deque[_Note] = deque()
        self._telling: asyncio.Task[None] | None = None

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        path = f"/notify/{quote(session_id, safe='')}/{quote(language, safe='')}"
        answer = await self._post(f"{path}?audience={audience.value}", message, _Answer)
        self._remember((session_id, language), answer.inline)
        return Delivery(answer.delivered, answer.listeners, answer.gone)

    async def tell_speaker(self, session_id: str, message: dict[str, object]) -> Delivery:
        note = _Note(session_id, message, asyncio.get_running_loop().create_future())
        self._notes.append(note)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_speakers())
        answer = await note.answer
        if answer is None:
            raise RetryableError("notify: the speaker was not reached")
        return Delivery(answer.delivered, answer.listeners, answer.gone)

    def knows_nobody_inline(self, session_id: str, language: str) -> bool:
        return self._inline.get((session_id, language)) == 0

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
        for note in self._notes:
            note.answer.cancel()
        if self._session is not None:
            await self._session.close()

    async def _tell_speakers(self) -> None:
        """Until nobody has anything to say; one post at a time."""
        try:
            while self._notes:
                count = min(len(self._notes), _MOST_NOTES)
                await self._tell([self._notes.popleft() for _ in range(count)])
        finally:
            self._telling = None

    async def _tell(self, notes: list[_Note]) -> None:
        said = [{"sessionId": note.session_id, "message": note.message} for note in notes]
        waiting = [note.answer for note in notes]
        try:
            answers = await self._post("/notify", said, list[_Answer | None])
            if len(answers) != len(notes):
                raise PermanentError("notify: the gateway's answer is not a delivery for each")
            for future, answer in zip(waiting, answers, strict=True):
                if not future.done():  # who gave up does not wait any more
                    future.set_result(answer)
        except ConnectorError as error:
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
        finally:
            for future in waiting:
                future.cancel()  # those that are left when this was cancelled

    async def _post(self, path: str, message: object, answer_type: type[T]) -> T:
        url = self._settings.url.rstrip("/") + path
        try:
            async with self._open().post(url, data=msgspec.json.encode(message)) as answer:
                _check(answer)
                return msgspec.json.decode(await answer.read(), type=answer_type)
        except msgspec.MsgspecError:
            raise PermanentError("notify: the gateway's answer is not a delivery") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise RetryableError(f"notify: {type(error).__name__}") from error

    def _remember(self, listened: tuple[str, str], inline: int | None) -> None:
        self._inline[listened] = inline
        self._inline.move_to_end(listened)
        if len(self._inline) > _MOST_ANSWERS:
            self._inline.popitem(last=False)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self._settings.token is not None:
                headers["Authorization"] = f"Bearer {self._settings.token}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._settings.max_connections),
                timeout=aiohttp.ClientTimeout(total=self._settings.answer_timeout_s),
                headers=headers,
            )
        return self._session


def _check(answer: aiohttp.ClientResponse) -> None:
    text = f"notify: HTTP {answer.status}"
    if answer.status == 429:
        wish = answer.headers.get("Retry-After", "")
        raise ThrottledError(text, float(wish) if wish.isdigit() else None)
    if answer.status >= 500:
        raise RetryableError(text)
    if answer.status >= 300:
        raise PermanentError(text)
