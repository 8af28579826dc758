"""Two slow steps on DirectRunner: in virtual time, where ticks hand on, and in a bounded run."""

from __future__ import annotations

import asyncio
import pickle
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.coders import registry
from apache_beam.metrics import MetricsFilter
from apache_beam.metrics.execution import MetricsContainer
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from apache_beam.runners.worker import statesampler
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.counters import CounterFactory
from apache_beam.utils.timestamp import Timestamp

from beam_flink_kit.async_calls import CallPolicy, LostCall
from beam_flink_kit.async_dofn import DEAD_LETTERS, AsyncDoFn, CallAsync
from beam_flink_kit.call_scope import PlainCallScope, PlainScopeSettings
from beam_flink_kit.held_tick import HeldTick
from beam_flink_kit.loops import TimeMode
from beam_flink_kit.process_scope import ScopedDoFn, held
from beam_flink_kit.ticks import TICK, Tick, TickCoder, as_tick
from beam_flink_kit.typed_outputs import ItemOrTick, ItemOrTickCoder

pytestmark = pytest.mark.pipeline

START_S = 1_800_000_000
Collected = list[tuple[str, float, Any]]
COLLECTED: dict[str, Collected] = {}


@dataclass(frozen=True)
class Word:
    text: str


@dataclass(frozen=True)
class Shouted:
    text: str


@dataclass(frozen=True)
class Letter:
    call_id: str
    cause: str


@dataclass(frozen=True)
class Shout:
    """Shouts a word after ``delay_s``; ``bad`` fails, and for ``worse`` even that fails."""

    delay_s: float = 1.0
    stage: str = "shout"

    def call_id(self, item: Word) -> str:
        return item.text

    async def answers(self, item: Word, at: PlainCallScope) -> AsyncIterator[Shouted]:
        await asyncio.sleep(self.delay_s)
        if item.text in ("bad", "worse"):
            raise ValueError(item.text)
        yield Shouted(item.text.upper())

    def failed(self, item: Word, error: Exception, at: PlainCallScope) -> Iterator[Letter]:
        if item.text == "worse":
            raise KeyError(item.text)
        yield Letter(item.text, type(error).__name__)


@dataclass(frozen=True)
class Spell:
    """Gives each letter of a word, at once."""

    stage: str = "spell"

    def call_id(self, item: Shouted) -> str:
        return item.text

    async def answers(self, item: Shouted, at: PlainCallScope) -> AsyncIterator[str]:
        for letter in item.text:
            yield letter

    def failed(self, item: Shouted, error: Exception, at: PlainCallScope) -> tuple[str, ...]:
        raise AssertionError


def letter_of(lost: LostCall) -> Letter:
    return Letter(lost.call_id, lost.cause)


def is_vowel(value: str) -> bool:
    return value in "AEIOU"


class Collect(beam.DoFn):
    def __init__(self, name: str, output: str) -> None:
        self._name, self._output = name, output

    def process(self, element: Any, timestamp: Any = beam.DoFn.TimestampParam) -> None:
        at_s = round(timestamp.micros / 1e6 - START_S, 3)
        COLLECTED[self._name].append((self._output, at_s, element))


class Source(ScopedDoFn[PlainCallScope], beam.DoFn):
    """Elements are words and, for ticks, None: a step that ticks for those after it."""

    def __init__(self, settings: PlainScopeSettings) -> None:
        self.settings = settings

    def setup(self) -> None:
        super().setup()
        self._held = HeldTick(self.scope.bell)

    def process(self, element: Any, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        if element is not None:
            yield Word(element)
        else:
            for _ in self._held.until_due(timestamp.micros // 1000):
                yield TaggedOutput("ticks", TICK)


@dataclass
class Run:
    settings: PlainScopeSettings
    outputs: Collected
    counts: dict[str, int]
    """Of a bounded run."""

    def values(self, output: str) -> list[Any]:
        return [value for name, _, value in self.outputs if name == output]


def shout(
    settings: PlainScopeSettings, policy: CallPolicy | None = None, delay_s: float = 1.0
) -> AsyncDoFn:
    return AsyncDoFn(
        Shout(delay_s),
        settings,
        policy=policy or CallPolicy(attempts=2, retry_pause_s=0.5),
        tagged={DEAD_LETTERS: Letter},
        dead_letter=letter_of,
    )


def run(
    words: dict[float, list[str]],
    ticks: list[float],
    *,
    time_mode: TimeMode = TimeMode.VIRTUAL,
    policy: CallPolicy | None = None,
) -> Run:
    """Words at seconds, ticks at seconds -> what came out, with the seconds of its timestamps. The
    time of a word's call is that of the last tick."""
    name = uuid.uuid4().hex
    COLLECTED[name] = []
    settings = PlainScopeSettings(time_mode, name=name)
    is_bounded = time_mode is TimeMode.INLINE
    flags = ["--runner=DirectRunner", *([] if is_bounded else ["--streaming"])]
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    if is_bounded:
        every = [Word(word) for at_s in words for word in words[at_s]]
        items: Any = pipeline | beam.Create(every).with_output_types(Word)
        each_tick = None
    else:
        stream = TestStream().advance_watermark_to(START_S - 1)
        for at_s in sorted({*words, *ticks}):
            elements = [*([None] if at_s in ticks else ()), *words.get(at_s, ())]
            stream = stream.add_elements(
                [TimestampedValue(each, START_S + at_s) for each in elements]
            ).advance_watermark_to(START_S + at_s)
        source: Any = beam.ParDo(Source(settings))
        read = (
            pipeline
            | stream.advance_watermark_to_infinity()
            | "Read" >> source.with_output_types(Word).with_outputs("ticks", main="main")
        )
        items = read.main
        each_tick = read.ticks | "Ticks" >> beam.Map(as_tick)
    shouted = items | "Shout" >> CallAsync(
        shout(settings, policy, 0.01 if is_bounded else 1.0), Shouted, each_tick
    )
    spell = AsyncDoFn(Spell(), settings, tagged={"vowels": is_vowel})
    spelt = shouted.main | "Spell" >> CallAsync(spell, str, each_tick)
    for output, values in {
        "shouted": shouted.main,
        "letters": shouted[DEAD_LETTERS],
        "spelt": spelt.main,
        "vowels": spelt.vowels,
    }.items():
        _ = values | f"Collect {output}" >> beam.ParDo(Collect(name, output))
    with held(settings):
        result: Any = pipeline.run()
        result.wait_until_finish()
    found = result.metrics().query(MetricsFilter())["counters"]
    return Run(
        settings,
        COLLECTED.pop(name),
        {f"{each.key.metric.namespace}.{each.key.metric.name}": each.result for each in found},
    )


def test_an_answer_comes_with_the_first_tick_after_it_and_passes_all_steps() -> None:
    ran = run({0: ["ab"], 0.5: ["c"]}, [0, 0.5, 1.4, 2.0, 2.5])
    assert [each for each in ran.outputs if each[0] == "shouted"] == [
        ("shouted", 1.4, Shouted("AB")),
        ("shouted", 2.0, Shouted("C")),
    ]
    assert ran.values("spelt") == ["B", "C"]
    assert ran.values("vowels") == ["A"]
    assert ran.values("letters") == []


def test_failures_are_dead_letters_and_hold_up_nothing() -> None:
    ran = run({0: ["bad", "good", "worse"]}, [0, 1.0, 2.0, 3.0])
    assert ran.values("shouted") == [Shouted("GOOD")]
    assert set(ran.values("letters")) == {
        Letter("bad", "ValueError"),
        Letter("worse", "ValueError, then KeyError"),
    }


def test_each_stage_counts_and_measures() -> None:
    """By hand: DirectRunner adds up the metrics of a TestStream's first bundle only."""
    settings = PlainScopeSettings(TimeMode.VIRTUAL, name=uuid.uuid4().hex)
    container = MetricsContainer("step")
    sampler = statesampler.StateSampler("test", CounterFactory())
    statesampler.set_current_tracker(sampler)
    dofn = shout(settings, CallPolicy(most_in_flight=2, attempts=2, retry_pause_s=0.5))

    def bundle(tick_s: float, *words: str) -> dict[str, int]:
        with sampler.scoped_state("step", "process", metrics_container=container):
            list(dofn.process(TICK, Timestamp(START_S + tick_s)))
            for word in words:
                list(dofn.process(Word(word)))
            dofn.finish_bundle()
        gauges = container.get_cumulative().gauges
        return {key.metric.name: data.value for key, data in gauges.items()}

    try:
        dofn.setup()
        assert bundle(0, "bad", "ab", "ab", "worse") == {"waiting": 1, "in_flight": 2}
        assert bundle(1.2) == {"waiting": 0, "in_flight": 2}
        assert bundle(5.0) == {"waiting": 0, "in_flight": 0}
        dofn.teardown()
    finally:
        statesampler.set_current_tracker(None)
    counted = container.get_cumulative()
    assert {
        (key.metric.namespace, key.metric.name): count for key, count in counted.counters.items()
    } == {
        ("shout", "elements_in"): 4,
        ("shout", "elements_out"): 3,
        ("shout", "begun"): 3,
        ("shout", "done"): 1,
        ("shout", "failed"): 2,
        ("shout", "lost"): 1,
        ("shout", "retried"): 2,
        ("shout", "repeated"): 1,
    }
    measured = {key.metric.name: data for key, data in counted.distributions.items()}
    calls, hand_on = measured["call_ms"], measured["hand_on_ms"]
    assert (calls.min, calls.max, calls.count) == (1_000, 2_500, 3)
    assert (hand_on.min, hand_on.max, hand_on.count) == (200, 2_500, 3)
    latency = measured["latency_ms"]
    assert (latency.min, latency.max, latency.count) == (1_200, 5_000, 3)


def test_a_minute_without_ticks_and_then_a_burst_loses_and_repeats_nothing() -> None:
    words = {0.0: ["a"], 10.0: ["b"], 59.0: ["c"]}
    ran = run(words, [0.0, *(60 + burst / 1000 for burst in range(20)), 61.0])
    assert sorted(ran.values("spelt")) == ["B", "C"]
    assert ran.values("vowels") == ["A"]
    assert [at_s for output, at_s, _ in ran.outputs if output == "shouted"] == [60.0] * 3


def test_a_thousand_items_in_one_bundle_pass_a_bound_of_a_hundred() -> None:
    words = [f"w{number}" for number in range(1_000)]
    ran = run({0.0: words}, [0, 1.0, 5.0, 12.0], policy=CallPolicy(most_in_flight=100))
    assert sorted(each.text for each in ran.values("shouted")) == sorted(map(str.upper, words))


def test_a_call_that_never_answers_is_a_dead_letter_at_its_deadline() -> None:
    ran = run({0.0: ["a"]}, [0, 0.5, 0.7, 9.0], policy=CallPolicy(deadline_s=0.6))
    assert ran.values("letters") == [Letter("a", "TimeoutError")]


def test_a_bounded_run_waits_and_gives_the_same() -> None:
    ran = run(
        {0.0: ["bad", "ab", "worse"]}, [], time_mode=TimeMode.INLINE, policy=CallPolicy(attempts=1)
    )
    assert ran.values("shouted") == [Shouted("AB")]
    assert ran.values("spelt") == ["B"]
    assert ran.values("vowels") == ["A"]
    assert len(ran.values("letters")) == 2
    assert ran.counts["shout.failed"] == 2


def test_an_answer_for_which_there_is_no_output_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(lost: LostCall) -> Any:
        raise ValueError("secret")

    settings = PlainScopeSettings(TimeMode.INLINE, name=uuid.uuid4().hex)
    dofn = AsyncDoFn(Shout(0.0), settings, policy=CallPolicy(attempts=1), dead_letter=fails)
    dofn.setup()
    assert list(dofn.process(Word("worse"))) == []
    assert list(dofn.process(Word("well"))) == [Shouted("WELL")]
    dofn.finish_bundle()
    dofn.teardown()
    assert "shout: an answer has no output: ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_after_the_last_teardown_calls_are_cancelled_and_answers_gone() -> None:
    settings = PlainScopeSettings(TimeMode.LIVE, name=uuid.uuid4().hex)
    dofn = AsyncDoFn(Shout(3_600), settings)
    dofn.setup()
    calls = dofn._calls
    assert list(dofn.process(Word("a"))) == []
    dofn.teardown()
    assert (calls.in_flight, list(calls.take())) == (0, [])
    dofn.setup()
    assert dofn._calls is not calls
    dofn.teardown()


def test_a_tick_is_the_same_object_after_any_journey() -> None:
    assert pickle.loads(pickle.dumps(TICK)) is TICK  # noqa: S301 - our own bytes
    for coder in (registry.get_coder(Tick), registry.get_coder(Word | Tick), TickCoder()):
        assert coder.decode(coder.encode(TICK)) is TICK
    nested = coders.IterableCoder(TickCoder())
    assert [tick is TICK for tick in nested.decode(nested.encode([TICK, TICK]))] == [True, True]
    assert TickCoder() == registry.get_coder(Tick)


def test_items_and_ticks_in_one_collection_have_a_coder() -> None:
    coder = registry.get_coder(ItemOrTick(tuple[str, int]))
    assert isinstance(coder, ItemOrTickCoder)
    again = pickle.loads(pickle.dumps(coder))  # noqa: S301 - our own bytes
    assert again == coder
    for value in (TICK, ("", 0), ("a", 7)):
        assert again.decode(coder.encode(value)) == value
    assert coder.encode(TICK) == b"\0"


def test_two_steps_with_the_same_handler_keep_their_answers_apart() -> None:
    settings = PlainScopeSettings(TimeMode.INLINE, name=uuid.uuid4().hex)
    one, other = AsyncDoFn(Shout(), settings), AsyncDoFn(Shout(), settings)
    copy = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own bytes
    with held(settings):
        for dofn in (one, other, copy):
            dofn.setup()
        assert copy._calls is one._calls
        assert other._calls is not one._calls
        for dofn in (one, other, copy):
            dofn.teardown()


def test_what_it_is_set_to_shows_in_the_graph() -> None:
    dofn = AsyncDoFn(Shout(), PlainScopeSettings(), policy=CallPolicy(7, 3, 0.5, 9.0))
    shown = {"stage": "shout", "most_in_flight": 7, "attempts": 3, "deadline_s": 9.0}
    assert dofn.display_data() == shown
