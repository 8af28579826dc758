"""Captions while an utterance is spoken: to whom, how often, and nothing when nobody asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.interfaces.errors import RetryableError
from connectors.interfaces.notifier import PARTIAL_CAPTIONS, Audience, Delivery
from connectors.memory.notifier import MemoryNotifier
from pipelines.runtime.live_captions import Captioner
from pipelines.session.caption_queue import MOST_WAITING, Caption, CaptionQueue
from tests.unit.pipelines.runtime.session_stage import Stage
from tests.unit.pipelines.session.records_of import SESSION

pytestmark = pytest.mark.unit


class TimedNotifier(MemoryNotifier):
    """Notes when each call came; ``answer_s`` is how long it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.answer_s = 0.0
        self.listener_calls: list[tuple[float, str, object, object]] = []
        self.speaker_calls: list[tuple[float, object, object, object]] = []

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        assert (session_id, audience) == (SESSION, Audience.PARTIALS)
        assert {*message} == {"type", "sequenceNumber", "text", "language"}
        assert (message["type"], message["language"]) == ("partialCaption", "en")
        self.listener_calls.append((_now_s(), language, message["sequenceNumber"], message["text"]))
        await asyncio.sleep(self.answer_s)
        return await super().notify(session_id, language, message, audience=audience)

    async def tell_speaker(self, session_id: str, message: dict[str, object]) -> Delivery:
        assert session_id == SESSION
        assert {*message} == {"type", "sequenceNumber", "text", "final"}
        assert message["type"] == "ownCaption"
        self.speaker_calls.append(
            (_now_s(), message["sequenceNumber"], message["text"], message["final"])
        )
        await asyncio.sleep(self.answer_s)
        return await super().tell_speaker(session_id, message)


class Talking:
    """A captioner in virtual time: what is to happen when, from 0 s on."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.notifier = TimedNotifier()
        connectors = replace(self.stage.connectors, notifier=self.notifier)
        self.partial_languages: tuple[str, ...] = ()
        self.captioner = Captioner(SESSION, connectors, lambda: self.partial_languages)

    def ask(self, *languages: str) -> None:
        """Somebody who hears these languages wants partial captions, and is there."""
        self.partial_languages = languages
        for language in languages:
            self.notifier.connect(SESSION, language, f"{language}=", [PARTIAL_CAPTIONS])

    def run(self, *happens: tuple[float, Callable[[], object]]) -> None:
        """Until three seconds behind the last of it."""

        async def happening() -> float:
            started_s = _now_s()
            for at_s, one in happens:
                await asyncio.sleep(started_s + at_s - _now_s())
                one()
            await asyncio.sleep(3)
            return started_s

        started_s = self.stage.loop.wait(self.stage.loop.start(happening()))
        for calls in (self.notifier.listener_calls, self.notifier.speaker_calls):
            calls[:] = [(round(call[0] - started_s, 3), *call[1:]) for call in calls]  # type: ignore[misc]

    def believe(self, number: int, text: str) -> Callable[[], None]:
        return lambda: self.captioner.show(Caption(number, text, "en"))

    def commit(self, number: int, text: str) -> Callable[[], None]:
        return lambda: self.captioner.show(Caption(number, text, "en", final=True))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def talking() -> Iterator[Talking]:
    yield Talking()
    Stage.stop_all()


def growing(talking: Talking, words: int) -> list[tuple[float, Callable[[], None]]]:
    """A hypothesis of utterance 0 that grows by a word every 60 ms."""
    return [
        (number * 0.06, talking.believe(0, " ".join(f"w{n}" for n in range(number + 1))))
        for number in range(words)
    ]


def test_four_a_second_and_the_newest_text_wins(talking: Talking) -> None:
    talking.ask("es")
    talking.notifier.speak(SESSION, "speaker=")
    talking.run(*growing(talking, 20))
    times = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert [call[0] for call in talking.notifier.listener_calls] == times
    assert [call[0] for call in talking.notifier.speaker_calls] == times
    last_words = [str(call[3]).split()[-1] for call in talking.notifier.listener_calls]
    assert last_words == ["w0", "w4", "w8", "w12", "w16", "w19"]
    assert [call[2] for call in talking.notifier.speaker_calls] == [
        call[3] for call in talking.notifier.listener_calls
    ]
    assert talking.captioner.lost == 0


def test_nothing_is_called_when_nobody_asked(talking: Talking) -> None:
    talking.run(*growing(talking, 20), (1.2, talking.commit(0, "w0 w1")))
    assert talking.notifier.listener_calls == []


def test_languages_that_asked_are_told_from_then_on(talking: Talking) -> None:
    def leave() -> None:
        talking.partial_languages = ("ca",)

    talking.run(
        (0.0, talking.believe(0, "one")),
        (1.0, lambda: talking.ask("ca", "es")),
        (1.1, talking.believe(0, "one two")),
        (2.0, leave),
        (2.2, talking.believe(0, "one two three")),
    )
    assert talking.notifier.listener_calls == [
        (1.1, "ca", 0, "one two"),
        (1.1, "es", 0, "one two"),
        (2.2, "ca", 0, "one two three"),
    ]


def test_nothing_is_said_when_nothing_changed(talking: Talking) -> None:
    talking.ask("es")
    talking.notifier.speak(SESSION, "speaker=")
    talking.run(
        (0.0, talking.believe(0, "")),
        (0.1, talking.believe(0, "so")),
        (0.5, talking.believe(0, "so")),
        (0.8, talking.believe(0, "sow")),
        (0.82, talking.believe(0, "so")),  # taken back before it was said
        (1.5, talking.commit(0, "so")),
        (1.6, talking.commit(0, "so")),
    )
    assert talking.notifier.listener_calls == [
        (0.1, "es", 0, "so"),
        (0.8, "es", 0, "sow"),
        (1.05, "es", 0, "so"),
    ]
    assert talking.notifier.speaker_calls[-1] == (1.5, 0, "so", True)
    assert [call[3] for call in talking.notifier.speaker_calls] == [False, False, False, True]


def test_what_is_committed_stands_and_the_next_utterance_follows_it(talking: Talking) -> None:
    """The cut fell before the last word: listeners see it move to the next utterance."""
    talking.ask("es")
    talking.notifier.speak(SESSION, "speaker=")
    talking.run(
        (0.0, talking.believe(0, "one two three")),
        (0.1, talking.commit(0, "one two")),
        (0.1, talking.believe(1, "three")),
        (0.2, talking.believe(0, "one two tree")),
        (0.3, talking.believe(1, "three four")),
    )
    assert talking.notifier.listener_calls == [
        (0.0, "es", 0, "one two three"),
        (0.25, "es", 0, "one two"),
        (0.5, "es", 1, "three four"),
    ]
    assert talking.notifier.speaker_calls == [
        (0.0, 0, "one two three", False),
        (0.25, 0, "one two", True),
        (0.5, 1, "three four", False),
    ]


def test_a_hypothesis_that_came_to_nothing_is_taken_back(talking: Talking) -> None:
    talking.ask("es")
    talking.run(
        (0.0, talking.believe(0, "uh")),
        (1.0, talking.commit(0, "")),
        (2.0, talking.commit(1, "")),  # silence that nobody took for words
    )
    assert talking.notifier.listener_calls == [(0.0, "es", 0, "uh"), (1.0, "es", 0, "")]


def test_a_slow_gateway_gets_one_call_at_a_time_and_the_newest_text(talking: Talking) -> None:
    talking.ask("es")
    talking.notifier.answer_s = 0.7
    talking.run(*growing(talking, 20))
    assert [call[0] for call in talking.notifier.listener_calls] == [0.0, 0.7, 1.4]
    assert str(talking.notifier.listener_calls[-1][3]).split()[-1] == "w19"


def test_the_caller_never_waits_and_a_hanging_call_is_given_up(talking: Talking) -> None:
    talking.ask("es")
    talking.notifier.answer_s = 3600.0
    talking.run((0.0, talking.believe(0, "one")), (0.4, talking.believe(0, "one two")))
    assert [call[0] for call in talking.notifier.listener_calls] == [0.0, 1.0]
    assert talking.captioner.lost == 3  # the speaker's first, too


def test_failures_are_counted_and_the_same_text_may_come_again(talking: Talking) -> None:
    talking.ask("es")
    talking.notifier.fail("es=", RetryableError("broken"))

    def mend() -> None:
        talking.notifier.connect(SESSION, "es", "es-again=", [PARTIAL_CAPTIONS])

    talking.run((0.0, talking.believe(0, "one")), (1.0, mend), (1.5, talking.commit(0, "one")))
    assert [call[0] for call in talking.notifier.listener_calls] == [0.0, 1.5]
    assert talking.captioner.lost == 1
    assert [one["text"] for one in talking.notifier.inboxes["es-again="]] == ["one"]


def test_a_speaker_who_is_not_there_is_asked_for_ever_more_seldom(talking: Talking) -> None:
    talking.run(*((n * 0.3, talking.believe(0, f"w{n}")) for n in range(60)))
    assert [call[0] for call in talking.notifier.speaker_calls] == [0.0, 2.1, 6.3, 14.4]
    assert talking.captioner.lost == 0


def test_a_speaker_who_comes_back_reads_along_again(talking: Talking) -> None:
    def come_back() -> None:
        talking.notifier.speak(SESSION, "speaker=")

    talking.run((1.0, come_back), *((1.5 + n * 0.5, talking.believe(0, f"w{n}")) for n in range(4)))
    assert [call[0] for call in talking.notifier.speaker_calls] == [1.5, 2.0, 2.5, 3.0]


def test_a_closed_captioner_says_nothing_more(talking: Talking) -> None:
    talking.ask("es")
    talking.run((0.0, talking.believe(0, "one")), (0.1, talking.believe(0, "one two")))
    talking.captioner.close()
    talking.run((0.0, talking.believe(0, "one two three")))
    assert [call[3] for call in talking.notifier.listener_calls] == ["one", "one two"]


# The queue alone


CAPTIONS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["", "a", "b", "c"]), st.booleans()), max_size=60
)


@given(CAPTIONS)
def test_the_last_text_of_the_newest_utterances_is_what_was_said_last(
    puts: list[tuple[int, str, bool]],
) -> None:
    """Whatever was taken in between: a boolean says where one was."""
    queue = CaptionQueue()
    shown: dict[int, str] = {}
    wanted: dict[int, str] = {}

    def show() -> None:
        caption = queue.take()
        if caption is not None:
            assert shown.get(caption.number, "") != caption.text
            shown[caption.number] = caption.text

    for number, text, taken in sorted(puts, key=lambda put: put[0]):
        queue.put(Caption(number, text, "en"))
        wanted[number] = text
        if taken:
            show()
    while queue.is_waiting:
        show()
    newest = sorted(wanted)[-MOST_WAITING:]
    assert {n: shown.get(n, "") for n in newest} == {n: wanted[n] for n in newest}


def test_a_bug_in_a_sink_costs_a_caption_and_logs_nothing_that_was_said(
    talking: Talking, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    talking.ask("es")

    async def broken(
        _session: str, _language: str, message: dict[str, object], **_: object
    ) -> None:
        raise ValueError(str(message))

    monkeypatch.setattr(talking.notifier, "notify", broken)
    talking.run((0.0, talking.believe(0, "secret words")))
    assert talking.captioner.lost == 1
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
