"""What is recognised of a session: one epoch's uncommitted audio, and the speech stream it goes to.

    chunk -> UncommittedAudio -> RecognitionStream -> Hypothesis -> Segmenter -> Stretch

The session hands chunks in, and asks for the next stretch to commit. While *listening* it gives
what the segmenter cuts. Otherwise it works off what it has, a step at a time:
- *flushing*: every sample is to be committed; the stream is finished, and the rest is taken whole.
- *settling*: audio stopped without a word why: whole words are committed, the stream stays open.
- *giving up*: what no stream took for too long is committed as failed.
A stream that fails is opened again, from the last committed word on. There is one at most.
"""

from __future__ import annotations

from enum import Enum, auto

from pipelines.segmentation.segmenter import Hypothesis, Segment, text_of, words_after
from pipelines.session import commands as do
from pipelines.session.audio import UncommittedAudio
from pipelines.session.coverage import EpochPosition, is_late
from pipelines.session.entries import Stretch
from pipelines.session.recognition import (
    ANSWER_WITHIN_S,
    Recognised,
    RecognitionStream,
    Retries,
    hypothesis_of,
    is_paused,
)
from pipelines.session.records import Chunk, Hole, Now, Opened
from pipelines.session.takeover import SessionSettings
from schemas.values import SAMPLE_RATE_HZ, EntryKind

SETTLE_AFTER_S = 3.0
"""Audio that stops without a word why is committed up to the last whole word: so long after more
of it should have come."""
SETTLE_WITHIN_S = 5.0
FINISH_WITHIN_S = 30.0
"""After the last result: a recording's stream is sent all of it at once."""
PAUSE_AFTER_GIVING_UP_S = 3.0
"""So that audio which is refused comes as one failure in three seconds, not as one a chunk."""
LONGEST_LATE_SAMPLES = 10 * SAMPLE_RATE_HZ
"""Late chunks are committed whole; a longer run of them becomes several entries."""


class _Mode(Enum):
    LISTENING = auto()
    FLUSHING = auto()
    SETTLING = auto()
    GIVING_UP = auto()


class Step(Enum):
    """What came of ``Recogniser.step`` when there is no stretch to commit."""

    WAITS = auto()
    """For its stream, or for the time to open one."""
    DONE = auto()
    FLUSHED = auto()  # everything that was taken is committed
    GAVE_UP = auto()  # what could not be recognised is committed as failed


class Recogniser:
    """``commands`` is the session's list: what is asked of the shell goes to its end.

    ``position``: up to where the ledger covers ``epoch``. ``gave_up_because``: why the last audio
    that failed did.
    """

    def __init__(
        self, settings: SessionSettings, language: str, commands: list[do.Command]
    ) -> None:
        self.epoch = -1
        self.position = EpochPosition(-1)
        self.gave_up_because = ""
        self._segmenter = settings.segmenter
        self._detectors = settings.detectors if settings.segmenter.needs_voice else None
        self._report_every_s, self._promises = settings.report_every_s, settings.promises
        self._settle_after_s = settings.audio_every_s + SETTLE_AFTER_S
        self._language = language
        self._commands = commands
        self.audio = UncommittedAudio(self._detectors)
        self._stream: RecognitionStream | None = None
        self._streams = 0
        self._mode = _Mode.LISTENING
        self._may_cut = False
        self._is_idle = False
        self._audio_at_s = 0.0
        self._has_settled = True
        self._settle_by_s = 0.0
        self._retries = Retries()
        self._give_up_through = 0
        self._flush_again = False
        self._refuses_because = ""

    # Where it stands ----------------------------------------------------------------------------

    @property
    def is_listening(self) -> bool:
        return self._mode is _Mode.LISTENING

    @property
    def has_uncommitted(self) -> bool:
        """Samples are in no entry, or may hold words after the last one that was committed: a
        segment may end before its recogniser has reported the very last of it."""
        position, available = self.position, self.audio.available_sample
        if position.end_sample < available:
            return True
        return bool(self.audio) and position.resume_sample < available

    @property
    def is_flushed(self) -> bool:
        """Whether everything that was taken is committed."""
        return (
            self._stream is None
            and not self.audio
            and not self.has_uncommitted
            and self._mode is _Mode.LISTENING
        )

    def goes_on(self, item: Chunk | Hole | Opened) -> bool:
        """Whether the item belongs to the epoch that is heard. Late chunks do in runs."""
        if item.epoch != self.epoch or not is_late(item.epoch) or not isinstance(item, Chunk):
            return item.epoch == self.epoch
        kept = self.audio.available_sample - self.audio.first_sample
        return item.sequence == self.audio.next_sequence and kept < LONGEST_LATE_SAMPLES

    def silent_s(self, now: Now) -> float:
        """Since the last chunk."""
        return now.s - self._audio_at_s

    def has_paused(self, at_least_s: float) -> bool:
        return is_paused(self._stream, self.audio, self.position.resume_sample, at_least_s)

    # What comes in ------------------------------------------------------------------------------

    def begin(self, now: Now) -> None:
        self._audio_at_s = now.s

    def enter(self, position: EpochPosition, sequence: int, sample: int) -> None:
        """Go on in an epoch at its chunk ``sequence``, in front of which lie ``sample`` samples.
        What was taken before is committed."""
        self.epoch, self.position = position.epoch, position
        self.audio = UncommittedAudio(self._detectors, sequence, sample)

    def take(self, chunk: Chunk, now: Now) -> None:
        """The epoch's next chunk. What is committed already is counted only."""
        kept = self.audio.count(chunk, now.ms)
        self._audio_at_s = now.s
        self._has_settled = False
        stream = self._stream
        committed = chunk.samples > 0 and kept.end_sample <= self.position.resume_sample
        if committed and stream is None:
            return
        self.audio.keep(kept)
        self._is_idle = False
        self._may_cut = self._may_cut or self._segmenter.needs_voice
        if stream is not None and stream.is_open and not stream.is_finishing:
            self._send_due(stream, now)

    def committed(self, position: EpochPosition) -> None:
        """The ledger covers the epoch up to ``position`` now."""
        self.position = position
        self.audio.forget_before(position.resume_sample)
        if self._stream is not None:
            self._retries.answered()
            self._stream.forget_words_before(position.resume_sample)
        self._may_cut = True

    def flush(self) -> None:
        """Commit everything that was taken."""
        self._mode = _Mode.FLUSHING

    def refuse(self, cause: str) -> None:
        """Recognise nothing until the cause is gone (empty)."""
        self._refuses_because = cause
        if cause:
            self.close()

    def give_up_refused(self, *, is_last: bool) -> None:
        """Audio that is refused is given up. ``is_last``: no item waits that could go with it."""
        if not self._refuses_because or not self.has_uncommitted:
            return
        if self._mode is _Mode.FLUSHING or (self._mode is _Mode.LISTENING and is_last):
            self._begin_giving_up(self._refuses_because)

    def time_passed(self, now: Now, *, is_last: bool) -> None:
        """``is_last``: no item waits."""
        stream = self._stream
        if stream is not None and stream.is_open and not stream.is_finishing:
            if stream.is_idle(now.s) or stream.is_old(now.s):
                self._is_idle = stream.is_idle(now.s)
                self.close()
            elif stream.is_stalled(now.s, self._report_every_s):
                self.stream_failed(stream.number, f"no answer in {ANSWER_WITHIN_S:g} s", now)
        elif stream is not None and stream.is_finishing and now.s >= stream.finish_by_s:
            self.stream_failed(stream.number, f"no end of stream within {FINISH_WITHIN_S:g} s", now)
        if not self._has_settled and self.silent_s(now) >= self._settle_after_s:
            self._has_settled = True
            if self._mode is _Mode.LISTENING and is_last:
                self._mode = _Mode.FLUSHING if is_late(self.epoch) else _Mode.SETTLING
                self._settle_by_s = now.s + SETTLE_WITHIN_S

    # The stream ---------------------------------------------------------------------------------

    def need_stream(self, now: Now) -> None:
        """Open a stream when there is something to hear and none is open."""
        if (
            self._stream is None
            and not self._is_idle
            and not self._refuses_because
            and self._retries.may_open(now.s)
            and self._needs_stream
        ):
            self._open_stream()

    def stream_opened(self, number: int, now: Now) -> None:
        stream = self._current(number)
        if stream is not None:
            stream.opened(self.position.resume_sample, now.s)
            self.audio.rewind(stream.first_sample)
            self._send_due(stream, now)

    def recognised(self, number: int, result: Recognised, now: Now) -> bool:
        """Whether the stream of this number is the one that is open."""
        stream = self._current(number)
        if stream is not None:
            stream.take(result)
            stream.finish_by_s, stream.answered_at_s = now.s + FINISH_WITHIN_S, now.s
            self._may_cut = True
        return stream is not None

    def partial_text(self, number: int) -> str | None:
        """What is taken for said and is not committed; None: the stream is closed."""
        stream = self._current(number)
        if stream is None:
            return None
        return text_of(words_after(self.position.resume_sample, stream.words))

    def stream_ended(self, number: int, now: Now) -> None:
        """All of the stream's results have come."""
        stream = self._current(number)
        if stream is not None and stream.is_finishing:
            stream.has_ended = True
        elif stream is not None:
            self.stream_failed(number, "the stream ended by itself", now)

    def stream_failed(
        self, number: int, cause: str, now: Now, *, is_permanent: bool = False
    ) -> None:
        """Try again a little later; give up what is refused, or was for too long."""
        if self._current(number) is None:
            return
        self.close()
        if not self.has_uncommitted:
            return
        if not self._retries.failed(now.s) or is_permanent:
            self._begin_giving_up(cause)

    def close(self) -> None:
        """Close the stream, if one is open."""
        if self._stream is not None:
            self._commands.append(do.CloseStream(self._stream.number))
            self._stream = None

    @property
    def _needs_stream(self) -> bool:
        return self.has_uncommitted and self.audio.has_speech_after(self.position.resume_sample)

    def _open_stream(self) -> None:
        self._streams += 1
        self._stream = RecognitionStream(self._streams, self._promises)
        self._commands.append(do.OpenStream(self._streams, self._language))

    def _current(self, number: int) -> RecognitionStream | None:
        """The stream of this number; None when it is closed since."""
        return self._stream if self._stream is not None and self._stream.number == number else None

    def _send_due(self, stream: RecognitionStream, now: Now) -> None:
        pieces = self.audio.due()
        if pieces:
            stream.sent(pieces, now.s)
            self._commands.append(do.SendAudio(stream.number, tuple(pcm for _, pcm in pieces)))

    # What is to be committed --------------------------------------------------------------------

    def cut(self, languages: tuple[str, ...], *, finished: bool = False) -> Stretch | None:
        """The next stretch, if one is due; otherwise what it will probably say is worked on ahead
        in ``languages``. ``finished``: the stream has ended, or none is needed."""
        if not (self._may_cut or finished) or self._refuses_because:
            return None
        self._may_cut = False
        position = self.position
        stream, audio, every_s = self._stream, self.audio, self._report_every_s
        resume = position.resume_sample
        hypothesis = hypothesis_of(stream, audio, resume, every_s, finished=finished)
        if hypothesis is None:
            return None
        if hypothesis.through_sample >= hypothesis.available_sample:
            self._retries.answered()  # what was sent has been answered
        if is_late(self.epoch):
            if not finished:
                return None
            end, words = hypothesis.available_sample, hypothesis.words
            return Stretch.spoken(Segment(end, end, text_of(words_after(resume, words))))
        segment = self._segmenter.next_segment(position.end_sample, resume, hypothesis)
        if segment is not None:
            return Stretch.spoken(segment if stream is None else stream.as_reported(segment))
        if languages:
            predicted = self._segmenter.predicted_commit(position.resume_sample, hypothesis)
            if predicted:
                self._commands.append(do.Speculate(predicted, self._language, languages))
        return None

    def step(self, languages: tuple[str, ...], now: Now) -> Stretch | Step:
        """One step of a recogniser that does not listen."""
        if self._mode is _Mode.SETTLING:
            return self._settle(now)
        if self._mode is _Mode.GIVING_UP:
            return self._give_up(now)
        return self._flush(languages, now)

    def _flush(self, languages: tuple[str, ...], now: Now) -> Stretch | Step:
        """Commit everything that was taken; the stream ends."""
        if not self.has_uncommitted:
            return self._flushed()
        stream = self._stream
        if stream is None:
            if not self._needs_stream:
                return self.cut(languages, finished=True) or self._flushed()
            if self._retries.may_open(now.s):
                self._open_stream()
            return Step.WAITS
        if not stream.is_open:
            return Step.WAITS
        if not stream.is_finishing:
            stream.is_finishing, stream.finish_by_s = True, now.s + FINISH_WITHIN_S
            self._commands.append(do.FinishStream(stream.number))
        if not stream.has_ended:
            return Step.WAITS
        if (stretch := self.cut(languages, finished=True)) is not None:
            return stretch
        # Words in samples that are committed already, reported with the stream's end only.
        text = text_of(words_after(self.position.resume_sample, stream.words))
        return self._rest(EntryKind.SPEECH if text else EntryKind.SILENCE, text)

    def _flushed(self) -> Stretch | Step:
        """Every sample is committed. A last cut on the grid leaves the chunks after its last word
        open, and chunks without samples are never cut: an entry without samples covers them."""
        self.close()
        is_open = self.position.resume_sequence < self.audio.next_sequence
        if self.audio and (is_open or is_late(self.epoch)):
            return self._rest(EntryKind.SILENCE, "")
        self.audio.forget_all()
        self._mode = _Mode.LISTENING
        self._may_cut = False
        return Step.FLUSHED

    def _settle(self, now: Now) -> Stretch | Step:
        """Commit the whole words that were heard; the stream stays open for what may follow."""
        stream, audio, position = self._stream, self.audio, self.position
        waits_for_more = (
            stream is not None
            and stream.is_open
            and position.end_sample < audio.available_sample
            and not stream.has_caught_up(self._report_every_s)
        )
        if waits_for_more and now.s < self._settle_by_s:
            return Step.WAITS
        self._mode = _Mode.LISTENING
        if stream is None or not stream.is_open or waits_for_more:
            return Step.DONE
        hypothesis = Hypothesis(stream.words, stream.through_sample, audio.available_sample)
        segment = self._segmenter.whole_words(position.resume_sample, hypothesis)
        if segment is None or segment.end_sample <= position.end_sample:
            return Step.DONE
        return Stretch(EntryKind.SPEECH, segment)

    def _give_up(self, now: Now) -> Stretch | Step:
        """Count the audio that could not be recognised; listeners are told."""
        position, through = self.position, self._give_up_through
        if self.has_uncommitted and position.resume_sample < through:
            # Of samples that are in an entry already, only the end of a word can be missing.
            kind = EntryKind.FAILED if position.end_sample < through else EntryKind.SILENCE
            return self._rest(kind, "", through)
        self._retries.wait_until(now.s + PAUSE_AFTER_GIVING_UP_S)
        self._mode = _Mode.FLUSHING if self._flush_again else _Mode.LISTENING
        return Step.GAVE_UP

    def _begin_giving_up(self, cause: str) -> None:
        self._retries.answered()
        self._flush_again = self._mode is _Mode.FLUSHING
        self._mode = _Mode.GIVING_UP
        self.gave_up_because = cause
        self._give_up_through = self.audio.available_sample

    def _rest(self, kind: EntryKind, text: str, through: int | None = None) -> Stretch:
        """All that is there, up to ``through`` samples."""
        available = self.audio.available_sample if through is None else through
        return Stretch(kind, Segment(max(available, self.position.end_sample), available, text))
