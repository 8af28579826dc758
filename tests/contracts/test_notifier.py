"""The suite every notifier passes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection
from typing import Protocol

import pytest
from aiohttp import web

from connectors.amazon.clients import AwsSettings
from connectors.amazon.notifier import AmazonNotifier, AmazonNotifierSettings
from connectors.calls.policy import Policy
from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.notifier import (
    INLINE_AUDIO,
    PARTIAL_CAPTIONS,
    Audience,
    Delivery,
    Notifier,
)
from connectors.memory.notifier import MemoryNotifier
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from tests.contracts.web_gateway import SESSION, WebGateway

pytestmark = pytest.mark.contract

MESSAGE: dict[str, object] = {"type": "translatedAudio", "transcript": "¿Qué?", "stages": {"a": 1}}
ONCE = Policy(attempts=1, deadline_s=60.0, per_call_s=60.0)
PATIENT = {"post": ONCE, "listeners_cached_s": 0.0, "answer_timeout_s": 60.0}


class Listeners(Protocol):
    """The other end, as a suite needs it."""

    inboxes: dict[str, list[dict[str, object]]]

    def connect(
        self,
        session_id: str,
        language: str,
        connection_id: str,
        capabilities: Collection[str] = (),
    ) -> None: ...

    def speak(self, session_id: str, connection_id: str) -> None: ...

    def hang_up(self, connection_id: str) -> None: ...

    def fail(self, connection_id: str, error: ConnectorError) -> None: ...

    def is_connected(self, connection_id: str) -> bool: ...


class NotifierContract(ABC):
    @pytest.fixture
    @abstractmethod
    def listeners(self) -> Listeners: ...

    @pytest.fixture
    @abstractmethod
    def notifier(self, listeners: Listeners) -> Notifier: ...

    async def test_all_of_one_session_and_language_get_it(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        listeners.connect(SESSION, "es", "a=")
        listeners.connect(SESSION, "es", "b=")
        listeners.connect(SESSION, "ca", "other-language=")
        listeners.connect("other-river-1", "es", "other-session=")
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(2, 2, 0)
        assert listeners.inboxes == {
            "a=": [MESSAGE],
            "b=": [MESSAGE],
            "other-language=": [],
            "other-session=": [],
        }

    async def test_nobody_listens(self, notifier: Notifier, listeners: Listeners) -> None:
        listeners.connect(SESSION, "ca", "a=")
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(0, 0, 0)

    async def test_who_has_gone_is_removed(self, notifier: Notifier, listeners: Listeners) -> None:
        listeners.connect(SESSION, "es", "stays=")
        listeners.connect(SESSION, "es", "went=")
        listeners.hang_up("went=")
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(1, 2, 1)
        assert not listeners.is_connected("went=")
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(1, 1, 0)
        assert listeners.inboxes["stays="] == [MESSAGE, MESSAGE]

    async def test_all_have_gone(self, notifier: Notifier, listeners: Listeners) -> None:
        listeners.connect(SESSION, "es", "went=")
        listeners.hang_up("went=")
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(0, 1, 1)

    async def test_one_failure_is_nobody_elses(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        listeners.connect(SESSION, "es", "well=")
        listeners.connect(SESSION, "es", "ill=")
        listeners.fail("ill=", RetryableError("broken"))
        for _ in range(2):
            assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(1, 2, 0)
        assert listeners.inboxes == {"well=": [MESSAGE, MESSAGE], "ill=": []}
        assert listeners.is_connected("ill=")

    async def test_a_message_one_listener_cannot_take(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        listeners.connect(SESSION, "es", "refuses=")
        listeners.fail("refuses=", PermanentError("too large"))
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(0, 1, 0)

    async def test_nobody_could_be_asked(self, notifier: Notifier, listeners: Listeners) -> None:
        listeners.connect(SESSION, "es", "a=")
        listeners.connect(SESSION, "es", "b=")
        for connection in ("a=", "b="):
            listeners.fail(connection, RetryableError("broken"))
        with pytest.raises(RetryableError):
            await notifier.notify(SESSION, "es", MESSAGE)

    @pytest.mark.parametrize(
        ("audience", "reached"),
        [
            (Audience.ALL, ["plain=", "inline=", "eager=", "both="]),
            (Audience.INLINE, ["inline=", "both="]),
            (Audience.LINK, ["plain=", "eager="]),
            (Audience.PARTIALS, ["eager=", "both="]),
        ],
    )
    async def test_an_audience_is_who_asked_for_it(
        self, notifier: Notifier, listeners: Listeners, audience: Audience, reached: list[str]
    ) -> None:
        listeners.connect(SESSION, "es", "plain=")
        listeners.connect(SESSION, "es", "inline=", [INLINE_AUDIO])
        listeners.connect(SESSION, "es", "eager=", [PARTIAL_CAPTIONS])
        listeners.connect(SESSION, "es", "both=", [INLINE_AUDIO, PARTIAL_CAPTIONS])
        listeners.connect(SESSION, "ca", "other=", [INLINE_AUDIO, PARTIAL_CAPTIONS])
        listeners.speak(SESSION, "speaker=")
        delivery = await notifier.notify(SESSION, "es", MESSAGE, audience=audience)
        assert delivery == Delivery(len(reached), len(reached), 0)
        assert [name for name, inbox in listeners.inboxes.items() if inbox] == reached

    async def test_failures_outside_the_audience_do_not_count(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        listeners.connect(SESSION, "es", "inline=", [INLINE_AUDIO])
        listeners.connect(SESSION, "es", "plain=")
        listeners.fail("plain=", RetryableError("broken"))
        delivery = await notifier.notify(SESSION, "es", MESSAGE, audience=Audience.INLINE)
        assert delivery == Delivery(1, 1, 0)
        with pytest.raises(RetryableError):
            await notifier.notify(SESSION, "es", MESSAGE, audience=Audience.LINK)

    async def test_somebody_inline_is_never_said_to_be_nobody(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(0, 0, 0)
        listeners.connect(SESSION, "es", "inline=", [INLINE_AUDIO])
        await notifier.notify(SESSION, "es", MESSAGE, audience=Audience.LINK)
        assert not notifier.knows_nobody_inline(SESSION, "es")

    async def test_the_speaker_is_told_and_no_listener(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        listeners.connect(SESSION, "es", "listens=", [INLINE_AUDIO, PARTIAL_CAPTIONS])
        listeners.speak(SESSION, "earlier=")
        listeners.speak(SESSION, "speaker=")
        listeners.speak("other-river-1", "other=")
        assert await notifier.tell_speaker(SESSION, MESSAGE) == Delivery(1, 1, 0)
        assert [name for name, inbox in listeners.inboxes.items() if inbox] == ["speaker="]
        assert listeners.inboxes["speaker="] == [MESSAGE]

    async def test_no_speaker_is_known(self, notifier: Notifier, listeners: Listeners) -> None:
        listeners.connect(SESSION, "es", "listens=")
        assert await notifier.tell_speaker(SESSION, MESSAGE) == Delivery(0, 0, 0)

    async def test_the_speaker_has_gone(self, notifier: Notifier, listeners: Listeners) -> None:
        listeners.speak(SESSION, "speaker=")
        listeners.hang_up("speaker=")
        assert await notifier.tell_speaker(SESSION, MESSAGE) == Delivery(0, 1, 1)

    async def test_the_speaker_could_not_be_asked(
        self, notifier: Notifier, listeners: Listeners
    ) -> None:
        listeners.speak(SESSION, "speaker=")
        listeners.fail("speaker=", RetryableError("broken"))
        with pytest.raises(RetryableError):
            await notifier.tell_speaker(SESSION, MESSAGE)


class TestMemoryNotifier(NotifierContract):
    @pytest.fixture
    def listeners(self) -> MemoryNotifier:
        return MemoryNotifier()

    @pytest.fixture
    def notifier(self, listeners: Listeners) -> Notifier:
        assert isinstance(listeners, MemoryNotifier)
        return listeners

    async def test_nobody_inline_is_known(
        self, notifier: Notifier, listeners: MemoryNotifier
    ) -> None:
        listeners.connect(SESSION, "es", "plain=")
        assert notifier.knows_nobody_inline(SESSION, "es")


@pytest.fixture
async def web_gateway() -> AsyncIterator[WebGateway]:
    gateway = WebGateway()
    async with gateway.serving():
        yield gateway


def amazon_notifier(gateway: WebGateway, **options: object) -> AmazonNotifier:
    settings = AmazonNotifierSettings(
        **{"endpoint_url": gateway.url, **PATIENT, **options}  # type: ignore[arg-type]
    )
    return AmazonNotifier(settings, AwsSettings.local(gateway.url, "test"), gateway)


class TestAmazonNotifier(NotifierContract):
    @pytest.fixture
    def listeners(self, web_gateway: WebGateway) -> WebGateway:
        return web_gateway

    @pytest.fixture
    async def notifier(self, web_gateway: WebGateway) -> AsyncIterator[Notifier]:
        notifier = amazon_notifier(web_gateway)
        yield notifier
        await notifier.close()

    async def test_a_hanging_listener_delays_nobody(
        self, notifier: Notifier, web_gateway: WebGateway
    ) -> None:
        web_gateway.connect(SESSION, "es", "hangs=")
        web_gateway.connect(SESSION, "es", "well=")
        web_gateway.holding["hangs="] = asyncio.Event()
        notifying = asyncio.create_task(notifier.notify(SESSION, "es", MESSAGE))
        async with asyncio.timeout(60):
            await web_gateway.arrived["well="].wait()
        assert not notifying.done()
        web_gateway.holding["hangs="].set()
        assert await notifying == Delivery(2, 2, 0)

    async def test_listeners_that_hung_before_leave_the_places_to_others(
        self, web_gateway: WebGateway
    ) -> None:
        """Two hang on a notifier of two places; from the second message on they share one apart."""
        notifier = amazon_notifier(
            web_gateway, posts_at_once=2, slow_posts_at_once=1, answer_timeout_s=1.0
        )
        web_gateway.holding = {"hangs-1=": asyncio.Event(), "hangs-2=": asyncio.Event()}
        for connection in (*web_gateway.holding, "well="):
            web_gateway.connect(SESSION, "es", connection)
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(1, 3, 0)

        web_gateway.arrived["well="].clear()
        before = web_gateway.posts
        second = asyncio.create_task(notifier.notify(SESSION, "es", MESSAGE))
        async with asyncio.timeout(60):
            await web_gateway.arrived["well="].wait()
        assert web_gateway.posts - before <= 2, "one of those who hang at most came before"
        assert await second == Delivery(1, 3, 0)

        for event in web_gateway.holding.values():
            event.set()
        assert await notifier.notify(SESSION, "es", MESSAGE) == Delivery(3, 3, 0)
        await notifier.close()

    async def test_listeners_are_looked_up_once_for_messages_close_together(
        self, web_gateway: WebGateway
    ) -> None:
        notifier = amazon_notifier(web_gateway, listeners_cached_s=60.0)
        web_gateway.connect(SESSION, "es", "a=")
        await asyncio.gather(*(notifier.notify(SESSION, "es", MESSAGE) for _ in range(5)))
        await notifier.notify(SESSION, "es", MESSAGE)
        assert web_gateway.inboxes["a="] == [MESSAGE] * 6
        assert web_gateway.look_ups == 1
        await notifier.close()

    async def test_a_failed_post_is_tried_again(self, web_gateway: WebGateway) -> None:
        retrying = Policy(attempts=3, deadline_s=5.0, per_call_s=2.0, first_wait_s=0.001)
        notifier = amazon_notifier(web_gateway, post=retrying)
        web_gateway.connect(SESSION, "es", "ill=")
        web_gateway.fail("ill=", RetryableError("broken"))
        with pytest.raises(RetryableError):
            await notifier.notify(SESSION, "es", MESSAGE)
        assert web_gateway.posts == 3
        await notifier.close()

    async def test_nobody_answers_at_the_endpoint(self, web_gateway: WebGateway) -> None:
        web_gateway.url = "http://127.0.0.1:9"
        notifier = amazon_notifier(web_gateway)
        web_gateway.connect(SESSION, "es", "a=")
        with pytest.raises(RetryableError):
            await notifier.notify(SESSION, "es", MESSAGE)
        await notifier.close()


class TestGatewayNotifier(NotifierContract):
    @pytest.fixture
    def listeners(self, web_gateway: WebGateway) -> WebGateway:
        return web_gateway

    @pytest.fixture
    async def notifier(self, web_gateway: WebGateway) -> AsyncIterator[Notifier]:
        notifier = GatewayNotifier(GatewayNotifierSettings(web_gateway.url, token="made-up"))
        yield notifier
        await notifier.close()

    async def test_the_job_says_who_it_is(
        self, notifier: Notifier, web_gateway: WebGateway
    ) -> None:
        await notifier.notify(SESSION, "es", MESSAGE)
        assert web_gateway.authorization == "Bearer made-up"

    async def test_the_gateways_last_answer_says_whether_anybody_is_inline(
        self, notifier: Notifier, web_gateway: WebGateway
    ) -> None:
        assert not notifier.knows_nobody_inline(SESSION, "es")
        await notifier.notify(SESSION, "es", MESSAGE)
        assert notifier.knows_nobody_inline(SESSION, "es")
        assert not notifier.knows_nobody_inline(SESSION, "ca")
        web_gateway.connect(SESSION, "es", "inline=", [INLINE_AUDIO])
        await notifier.notify(SESSION, "es", MESSAGE)
        assert not notifier.knows_nobody_inline(SESSION, "es")

    async def test_what_speakers_are_told_while_a_post_is_under_way_goes_together(
        self, notifier: Notifier, web_gateway: WebGateway
    ) -> None:
        sessions = [f"river-{number}" for number in range(100)]
        for session_id in sessions[:99]:
            web_gateway.speak(session_id, f"{session_id}=")
        web_gateway.hold_batches = asyncio.Event()
        telling = [
            asyncio.create_task(notifier.tell_speaker(session_id, {"text": session_id}))
            for session_id in sessions
        ]
        await asyncio.sleep(0)
        telling[1].cancel()  # who gives up costs its neighbours nothing
        web_gateway.hold_batches.set()
        answers = await asyncio.gather(*telling, return_exceptions=True)
        assert isinstance(answers[1], asyncio.CancelledError)
        assert [answers[0], *answers[2:99]] == [Delivery(1, 1, 0)] * 98
        assert answers[99] == Delivery(0, 0, 0)
        assert all(web_gateway.inboxes[f"{one}="] == [{"text": one}] for one in sessions[:99])
        assert [one for batch in web_gateway.batches for one in batch] == sessions
        assert len(web_gateway.batches) == 2

    @pytest.mark.parametrize(
        ("answer", "error"),
        [(web.Response(status=503), RetryableError), (web.Response(text="[]"), PermanentError)],
    )
    async def test_a_post_to_speakers_that_failed_fails_for_all_in_it(
        self, web_gateway: WebGateway, answer: web.Response, error: type[ConnectorError]
    ) -> None:
        web_gateway.refuse_all = answer
        notifier = GatewayNotifier(GatewayNotifierSettings(web_gateway.url))
        results = await asyncio.gather(
            *(notifier.tell_speaker(f"river-{number}", MESSAGE) for number in range(3)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [error] * 3
        web_gateway.refuse_all = None
        assert await notifier.tell_speaker("river-0", MESSAGE) == Delivery(0, 0, 0)
        await notifier.close()

    async def test_a_busy_gateway_says_when_to_come_back(
        self, notifier: Notifier, web_gateway: WebGateway
    ) -> None:
        web_gateway.refuse_all = web.Response(status=429, headers={"Retry-After": "7"})
        with pytest.raises(ThrottledError) as throttled:
            await notifier.notify(SESSION, "es", MESSAGE)
        assert throttled.value.retry_after_s == 7

    @pytest.mark.parametrize(
        "refusal", [web.Response(status=401), web.Response(text="delivered: all")]
    )
    async def test_what_no_retry_mends(
        self, notifier: Notifier, web_gateway: WebGateway, refusal: web.Response
    ) -> None:
        web_gateway.refuse_all = refusal
        with pytest.raises(PermanentError):
            await notifier.notify(SESSION, "es", MESSAGE)

    async def test_no_gateway_there(self) -> None:
        notifier = GatewayNotifier(GatewayNotifierSettings("http://127.0.0.1:9"))
        with pytest.raises(RetryableError):
            await notifier.notify(SESSION, "es", MESSAGE)
        await notifier.close()
