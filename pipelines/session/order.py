"""Put a session's records in order, each once, and say which holes are passed.

Rules
-----
- A chunk's identity is (epoch, sequence): epochs number the speaker's streams. Each epoch counts
  from 0 and is ordered by itself; no epoch waits for another.
- What is in the ledger, or was taken, is a repeat.
- A chunk after a hole is held. A hole is passed when

  1. a gateway declared it (``gap``): what lies in it will never come,
  2. a newer generation of the stream says where it goes on (``opened``): what lies in front of that
     is on the stream already, or was declared,
  3. the session ended (``end``), or the input did,
  4. Kinesis had trimmed the log in front of where it is read from.

  Time never passes a hole.
- A chunk that lies in a hole that was passed is still taken when it comes, after what was taken
  before it and in whatever order: two gateways may have disagreed, and one of them has acknowledged
  it.
- An epoch of which neither the ledger nor an ``opened`` record is known begins at its first chunk:
  reading began in the middle of it. After a loss it begins at 0, so that what was lost is told.
- A pause goes out right after the chunk it names. Listeners never wait.

Raw PCM has no numbers: its order is the log's, its identity Kinesis's sequence number. Of what was
committed without that number (version 1 of the ledger) the time of arrival tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipelines.session.coverage import Coverage, Range, late_epoch, within, without
from pipelines.session.records import (
    Chunk,
    Flush,
    Hole,
    Item,
    Listeners,
    Opened,
    ReadRecord,
)
from schemas.values import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE_HZ,
    AudioChunk,
    ControlKind,
    SessionControl,
)

RAW_EPOCH = 0
MOST_HELD_BYTES = 4 * 1024 * 1024
"""Two minutes of audio after a hole. What comes beyond that stays in the log alone, and is read
again once the hole is passed."""

# A cut belongs where the speaker stopped sending on purpose; unmute and resume are ordinary audio.
_FLUSHING = frozenset({ControlKind.PAUSE, ControlKind.MUTE})


@dataclass(slots=True)
class _Epoch:
    """``missed``: what was passed and has not come since. ``pauses``: sequences after which a flush
    is due. ``losses``: up to which loss of the log what is missing was passed. ``left_in_log``: the
    first chunk that was read and not kept."""

    next_sequence: int
    held: dict[int, ReadRecord] = field(default_factory=dict[int, ReadRecord])
    gaps: list[Range] = field(default_factory=list[Range])
    missed: tuple[Range, ...] = ()
    pauses: list[int] = field(default_factory=list[int])
    losses: int = 0
    left_in_log: int | None = None


class Order:
    """``repeats`` counts what was dropped. ``reread``: the log is to be read again from the oldest
    record that is not covered."""

    def __init__(self, coverage: Coverage, *, raw: bool = False) -> None:
        self.repeats = 0
        self.reread = False
        self._raw = raw
        self._held_bytes = 0
        self._epochs = {
            epoch: _Epoch(position.resume_sequence, missed=tuple(coverage.missed.get(epoch, ())))
            for epoch, position in coverage.positions.items()
        }
        position = coverage.positions.get(RAW_EPOCH)
        self._raw_from = int((position and position.resume_record) or 0)
        self._arrived_through_ms = coverage.arrived_through_ms

    @property
    def is_waiting(self) -> bool:
        """Whether records wait after a hole."""
        return any(each.held for each in self._epochs.values())

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def take(self, read: ReadRecord) -> Iterator[Item]:
        """The items that this record brings into their turn."""
        if read.chunk is not None:
            yield from (
                self._raw_chunk(read, read.chunk) if self._raw else self._chunk(read, read.chunk)
            )
        elif read.control is not None:
            yield from self._control(read.control, read.loss)

    def pass_all(self) -> Iterator[Item]:
        """No record will come any more: every hole is passed."""
        for number in sorted(self._epochs):
            epoch = self._epochs[number]
            while epoch.held:
                yield from self._pass(number, epoch, min(epoch.held))
                yield from self._advance(number, epoch)
            yield from self._due_pauses(epoch, everything=True)

    def _raw_chunk(self, read: ReadRecord, audio: AudioChunk) -> Iterator[Item]:
        number = int(read.place.number)
        if number < self._raw_from:
            self.repeats += 1
            return
        self._raw_from = number + 1
        committed = max(0, self._arrived_through_ms - audio.captured_at_ms) * SAMPLE_RATE_HZ // 1000
        if committed:
            pcm = audio.pcm[committed * BYTES_PER_SAMPLE :]
            if not pcm:
                self.repeats += 1
                return
            audio = replace(audio, captured_at_ms=self._arrived_through_ms, pcm=pcm)
        epoch = self._epochs.setdefault(RAW_EPOCH, _Epoch(0))
        sequence, epoch.next_sequence = epoch.next_sequence, epoch.next_sequence + 1
        yield Chunk(RAW_EPOCH, sequence, read, audio, read.place.number)

    def _chunk(self, read: ReadRecord, audio: AudioChunk) -> Iterator[Item]:
        number, sequence = audio.epoch, audio.sequence
        epoch = self._epochs.get(number)
        if epoch is None:
            epoch = self._epochs[number] = _Epoch(0)
            if sequence and not read.loss:
                yield self._begins(number, epoch, sequence)
        is_next = sequence >= epoch.next_sequence and sequence not in epoch.held
        if is_next and read.loss > epoch.losses:
            epoch.losses = read.loss
            yield from self._declared(number, epoch, epoch.next_sequence, sequence)
        if sequence == epoch.next_sequence:
            epoch.next_sequence += 1
            yield Chunk(number, sequence, read, audio)
            if epoch.held or epoch.gaps or epoch.pauses or epoch.left_in_log is not None:
                yield from self._advance(number, epoch)
        elif sequence > epoch.next_sequence:
            self._hold(epoch, sequence, read, audio)
        elif within(sequence, epoch.missed):
            epoch.missed = without((sequence, sequence + 1), epoch.missed)
            yield Chunk(late_epoch(number), sequence, read, audio)
        else:
            self.repeats += 1

    def _begins(self, number: int, epoch: _Epoch, sequence: int) -> Opened:
        """The epoch is known from ``sequence`` on."""
        epoch.next_sequence = sequence
        if sequence:
            epoch.missed = ((0, sequence),)
        return Opened(number, sequence)

    def _hold(self, epoch: _Epoch, sequence: int, read: ReadRecord, audio: AudioChunk) -> None:
        if sequence in epoch.held:
            self.repeats += 1
        elif self._held_bytes + len(audio.pcm) > MOST_HELD_BYTES:
            first = sequence if epoch.left_in_log is None else epoch.left_in_log
            epoch.left_in_log = min(first, sequence)
        else:
            epoch.held[sequence] = read
            self._held_bytes += len(audio.pcm)

    def _control(self, control: SessionControl, loss: int) -> Iterator[Item]:
        number, after = control.epoch, control.after_sequence
        if control.kind is ControlKind.LISTENERS:
            yield Listeners(control.listeners())
        elif control.kind is ControlKind.OPENED:
            epoch = self._epochs.get(number)
            if epoch is None:
                # A repeat may stand after what it opened, which may be lost.
                epoch = self._epochs[number] = _Epoch(0)
                if after < 0 or not loss:
                    yield self._begins(number, epoch, after + 1)
            else:
                yield Opened(number, epoch.next_sequence, begins=False)  # an older stream may go on
            if after >= epoch.next_sequence:
                yield from self._declared(number, epoch, epoch.next_sequence, after + 1)
        elif control.kind is ControlKind.GAP:
            if control.next_sequence is not None and control.next_sequence > after + 1:
                epoch, first = self._epochs.get(number), after + 1
                if epoch is None:
                    epoch = self._epochs[number] = _Epoch(0)
                    if loss:
                        first = 0
                    elif first:
                        yield self._begins(number, epoch, first)
                yield from self._declared(number, epoch, first, control.next_sequence)
        elif control.kind is ControlKind.END:
            yield from self.pass_all()
            epoch = self._epochs.get(number)
            if epoch is None and loss and after >= 0:
                epoch = self._epochs[number] = _Epoch(0)
            if epoch is not None and after >= epoch.next_sequence:
                yield from self._pass(number, epoch, after + 1)
                yield from self._advance(number, epoch)
            yield Flush(ended=True)
        elif control.kind in _FLUSHING:
            epoch = self._epochs.get(number)
            if epoch is None or after < epoch.next_sequence:
                yield Flush()
            else:
                epoch.pauses.append(after)

    def _declared(self, number: int, epoch: _Epoch, first: int, end: int) -> Iterator[Item]:
        if end > epoch.next_sequence:
            epoch.gaps.append((first, end))
            yield from self._advance(number, epoch)

    def _advance(self, number: int, epoch: _Epoch) -> Iterator[Item]:
        """Let out what is due by now."""
        while True:
            if epoch.pauses:
                yield from self._due_pauses(epoch)
            read = epoch.held.pop(epoch.next_sequence, None)
            if read is not None and read.chunk is not None:
                self._held_bytes -= len(read.chunk.pcm)
                sequence, epoch.next_sequence = epoch.next_sequence, epoch.next_sequence + 1
                yield Chunk(number, sequence, read, read.chunk)
                continue
            gap = next((one for one in epoch.gaps if one[0] <= epoch.next_sequence < one[1]), None)
            if gap is None:
                break
            yield from self._pass(number, epoch, min((gap[1], *epoch.held)))
        epoch.gaps = [gap for gap in epoch.gaps if gap[1] > epoch.next_sequence]
        if epoch.left_in_log is not None and epoch.next_sequence >= epoch.left_in_log:
            epoch.left_in_log = None
            self.reread = True

    def _pass(self, number: int, epoch: _Epoch, until: int) -> Iterator[Item]:
        hole = Hole(number, epoch.next_sequence, until)
        epoch.missed = (*epoch.missed, (hole.from_sequence, until))
        epoch.next_sequence = until
        yield hole

    def _due_pauses(self, epoch: _Epoch, *, everything: bool = False) -> Iterator[Item]:
        due = [after for after in epoch.pauses if everything or after < epoch.next_sequence]
        if due:
            epoch.pauses = [after for after in epoch.pauses if after not in due]
            yield Flush()
