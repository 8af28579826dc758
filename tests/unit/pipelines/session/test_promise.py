"""The promise, held against any order of what may happen: nothing that was acknowledged is dropped,
nothing is said twice, each routed utterance has one outcome.

The same stories are told on every run. ``PROMISE_EXAMPLES`` and ``PROMISE_STEPS`` in the
environment make a search of them, longer and at random.

What is left out: a retention that takes records out of a shard of which nothing was read before,
while all in front of it was. Such a loss is not told before the session ends (docs/decisions/0017).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipelines.log.shards import Progress
from schemas.values import AudioChunk, ControlKind, SessionControl
from tests.unit.pipelines.session.promise_world import SESSIONS, Connection, Engine, Stream, World

pytestmark = pytest.mark.unit

EXAMPLES = int(os.environ.get("PROMISE_EXAMPLES", "300"))
STEPS = int(os.environ.get("PROMISE_STEPS", "60"))
SESSION = st.sampled_from(SESSIONS)
INDEX = st.integers(0, 5)


class Promise(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.meanwhile = self._meanwhile
        self.saved: list[Progress | None] = [None]
        self.generation = 1
        self.zombies_write = self.has_slept = False
        self.world.start(self.generation, None)

    def _engine(self, index: int) -> Engine | None:
        engines = self.world.engines
        return engines[index % len(engines)] if engines else None

    def _stream(self, session_id: str) -> Stream | None:
        streams = self.world.streams[session_id]
        return streams[-1] if streams else None

    def _connection(self, session_id: str) -> Connection | None:
        """The one that the client is at."""
        stream = self._stream(session_id)
        at = [each for each in self.world.connections if each.stream is stream]
        return at[-1] if at and at[-1].is_owner else None

    def _meanwhile(self) -> None:
        if self.zombies_write:
            for engine in self.world.engines:
                for entry in engine.commits:
                    self.world.ledger.commit(entry)
            for entry in self.world.in_flight:
                self.world.ledger.commit(entry)

    # Speakers and gateways ------------------------------------------------------------------------

    @rule(session_id=SESSION, chunks=st.integers(1, 6))
    def speak(self, session_id: str, chunks: int) -> None:
        if self._stream(session_id) is None:
            self.open(session_id)
        stream, connection = self._stream(session_id), self._connection(session_id)
        assert stream is not None
        stream.spoken += chunks
        if connection is not None:
            connection.send(self.world.now().ms)

    @rule(session_id=SESSION, chunks=st.integers(1, 6))
    def flow(self, session_id: str, chunks: int) -> None:
        """All goes well for a while."""
        self.speak(session_id, chunks)
        connection = self._connection(session_id)
        if connection is not None:
            all_of_it = [True] * len(connection.pending)
            connection.put(self.world.log, all_of_it, is_answered=True, tells_row=True)
        for engine in list(self.world.engines):
            if self.world.ledger.is_up and not engine.has_lost:
                for shard in engine.readable():
                    engine.read(shard, 20)
                while engine.commits:
                    engine.land(is_answered=True)

    @rule(session_id=SESSION)
    def open(self, session_id: str) -> None:
        streams = self.world.streams[session_id]
        streams.append(Stream(session_id, len(streams)))
        self.world.connections.append(Connection(streams[-1], 0, self.world.now().ms))

    @rule(session_id=SESSION, lost=st.sampled_from([0, 0, 0, 1, 3]))
    def reconnect(self, session_id: str, lost: int) -> None:
        """At another gateway, or the same; the former may go on writing what it has."""
        stream = self._stream(session_id)
        if stream is not None:
            self.world.connections.append(Connection(stream, lost, self.world.now().ms))

    @rule(session_id=SESSION, lost=st.integers(1, 3))
    def lose_declaration(self, session_id: str, lost: int) -> None:
        """A gateway dies between the row, which a gap moves, and the record that declares it."""
        stream = self._stream(session_id)
        if stream is not None:
            stream.spoken += lost + 1
            Connection(stream, lost, self.world.now().ms)
            self.reconnect(session_id, 0)

    @rule(
        index=INDEX,
        stored=st.lists(st.sampled_from([True, True, True, False]), min_size=1, max_size=8),
        is_answered=st.booleans(),
        tells_row=st.booleans(),
    )
    def put(self, index: int, stored: list[bool], is_answered: bool, tells_row: bool) -> None:
        waiting = [each for each in self.world.connections if each.pending]
        if waiting:
            connection = waiting[-1 - index % len(waiting)]
            connection.put(self.world.log, stored, is_answered=is_answered, tells_row=tells_row)

    @rule(index=INDEX)
    def put_all(self, index: int) -> None:
        waiting = [each for each in self.world.connections if each.pending]
        if waiting:
            connection = waiting[-1 - index % len(waiting)]
            all_of_it = [True] * len(connection.pending)
            connection.put(self.world.log, all_of_it, is_answered=True, tells_row=True)

    @rule(index=INDEX)
    def kill_gateway(self, index: int) -> None:
        connections = self.world.connections
        if connections:
            del connections[index % len(connections)]

    @rule(session_id=SESSION)
    def pause(self, session_id: str) -> None:
        connection = self._connection(session_id)
        if connection is not None:
            connection.pause(self.world.now().ms)

    @rule(session_id=SESSION)
    def end(self, session_id: str) -> None:
        """The sweeper ends a session; its speaker may come back all the same."""
        stream = self._stream(session_id)
        if stream is not None:
            self.world.ended.add(session_id)
            self.world.log.put(_end(stream, self.world.now().ms))

    # The stream -----------------------------------------------------------------------------------

    @rule()
    def reshard(self) -> None:
        if len(self.world.log.shards) < 8:
            self.world.log.reshard()
            for engine in self.world.engines:
                engine.discover()

    @precondition(lambda self: self.saved[-1] is not None)
    @rule(count=st.integers(1, 4))
    def trim(self, count: int) -> None:
        """The oldest records go. Of what went before any mark was kept, no engine knows."""
        self.saved = [each for each in self.saved if each is not None]
        marks = (*self.saved, *(engine.marks() for engine in self.world.engines))
        if all(self.world.tells_a_loss(mark, count) for mark in marks if mark):
            gone = self.world.log.trim(count)
            self.world.trimmed += [record for record in gone if isinstance(record, AudioChunk)]

    @precondition(lambda self: self.saved[-1] is not None)
    @rule(
        spoken=st.lists(st.tuples(SESSION, st.integers(1, 4)), min_size=1, max_size=4),
        splits_before=st.booleans(),
        splits_after=st.booleans(),
        count=st.integers(1, 20),
        comes_back=SESSION,
    )
    def stand_still(
        self,
        spoken: list[tuple[str, int]],
        splits_before: bool,
        splits_after: bool,
        count: int,
        comes_back: str,
    ) -> None:
        """No engine reads for longer than the stream keeps records, while its shards may split."""
        for engine in list(self.world.engines):
            if not engine.has_lost:
                self.saved.append(engine.marks())
            self.world.kill(engine)
        for number, (session_id, chunks) in enumerate(spoken):
            if splits_before and number == len(spoken) - 1:
                self.reshard()
            self.flow(session_id, chunks)
        self.trim(count)
        if splits_after:
            self.reshard()
        self.flow(comes_back, 1)
        self.start(0, 0, False, False)

    # Engines --------------------------------------------------------------------------------------

    @rule(index=INDEX, shard=INDEX, count=st.integers(1, 9))
    def read(self, index: int, shard: int, count: int) -> None:
        engine = self._engine(index)
        if engine is None or engine.has_lost or not self.world.ledger.is_up:
            return
        shards = engine.readable()
        if shards:
            engine.read(shards[shard % len(shards)], count)

    @rule(index=INDEX, is_answered=st.booleans(), times=st.integers(1, 4))
    def land(self, index: int, is_answered: bool, times: int) -> None:
        engine = self._engine(index)
        for _ in range(times):
            if engine is not None and engine.commits and self.world.ledger.is_up:
                engine.land(is_answered=is_answered)

    @rule(index=INDEX)
    def land_late(self, index: int) -> None:
        """The commit of an engine that is dead by now."""
        in_flight = self.world.in_flight
        if in_flight and self.world.ledger.is_up:
            self.world.ledger.commit(in_flight.pop(index % len(in_flight)))

    @rule(index=INDEX, told=st.integers(0, 2), is_noted=st.booleans())
    def publish(self, index: int, told: int, is_noted: bool) -> None:
        engine = self._engine(index)
        if engine is not None and engine.utterances and self.world.ledger.is_up:
            engine.publish(told, is_noted=is_noted)

    @rule(index=INDEX, session_id=SESSION)
    def break_stream(self, index: int, session_id: str) -> None:
        engine = self._engine(index)
        if engine is not None and session_id in engine.sessions:
            engine.break_stream(session_id)

    @rule(index=INDEX)
    def save(self, index: int) -> None:
        engine = self._engine(index)
        if engine is not None and not engine.has_lost:
            self.saved.append(engine.marks())

    @rule(index=INDEX, mark=INDEX, is_new_run=st.booleans(), kills=st.booleans())
    def start(self, index: int, mark: int, is_new_run: bool, kills: bool) -> None:
        """Another engine, from a mark of any age; the former is dead, or lives on."""
        engine = self._engine(index)
        if engine is not None and (kills or len(self.world.engines) > 2):
            self.world.kill(engine)
        self.generation += is_new_run
        self.world.start(self.generation, self.saved[-1 - mark % len(self.saved)])

    @rule()
    def stop_lost(self) -> None:
        for engine in [each for each in self.world.engines if each.has_lost]:
            self.world.kill(engine)

    @rule(zombies_write=st.booleans())
    def race(self, zombies_write: bool) -> None:
        self.zombies_write = zombies_write

    # The ledger and time --------------------------------------------------------------------------

    @rule()
    def toggle_ledger(self) -> None:
        self.world.ledger.is_up = not self.world.ledger.is_up

    @rule(seconds=st.sampled_from([0.2, 4.0, 40.0, 700.0, 4_000.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.now_s += seconds
        self.has_slept = self.has_slept or seconds > 600
        for engine in self.world.engines:
            engine.time_passed()

    # What holds -----------------------------------------------------------------------------------

    @invariant()
    def entries_are_sound(self) -> None:
        self.world.check_entries()

    @invariant()
    def marks_pass_nothing_that_is_open(self) -> None:
        for engine in self.world.engines:
            if not engine.has_lost:
                self.world.check_marks(engine.marks())

    def teardown(self) -> None:
        """All comes to rest, and then everything that was acknowledged is there."""
        world = self.world
        world.ledger.is_up = True
        for session_id in SESSIONS:
            connection = self._connection(session_id)
            if self._stream(session_id) is not None and connection is None:
                self.reconnect(session_id, 0)
        for connection in world.connections:
            connection.put(
                world.log, [True] * len(connection.pending), is_answered=True, tells_row=True
            )
        for engine in list(world.engines):
            world.kill(engine)
        for entry in world.in_flight:
            world.ledger.commit(entry)
        engine = world.start(self.generation + 1, self.saved[-1])
        self._come_to_rest(engine)
        if not self.has_slept:  # a session that is silent for an hour comes back by an opening
            world.check_told()
        for streams in world.streams.values():
            for stream in streams:
                world.log.put(_end(stream, world.now().ms))
        # All is committed, and nothing of the end told, when the engine dies once more.
        self._come_to_rest(engine, tells=False)
        saved = engine.marks()
        world.kill(engine)
        engine = world.start(self.generation + 2, saved)
        self._come_to_rest(engine)
        assert not any(session.oldest_open() for session in engine.sessions.values())
        world.check_promise()

    def _come_to_rest(self, engine: Engine, *, tells: bool = True) -> None:
        for _ in range(60):
            moved = True
            while moved:
                moved = bool(sum(engine.read(shard, 50) for shard in engine.readable()))
                while engine.commits or (tells and engine.utterances):
                    moved = True
                    if engine.commits:
                        engine.land(is_answered=True)
                    else:
                        engine.publish(2, is_noted=True)
            self.world.now_s += 2.0
            engine.time_passed()


def _end(stream: Stream, now_ms: int) -> SessionControl:
    return SessionControl(
        stream.session_id, stream.epoch, stream.durable, 0, ControlKind.END, now_ms
    )


TestPromise = Promise.TestCase
TestPromise.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize="PROMISE_EXAMPLES" not in os.environ,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
)
