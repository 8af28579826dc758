"""What flows through the system, as frozen values.

Units stand in the names: ``_ms`` are milliseconds since the Unix epoch when the name ends in
``at_ms``; ``_s`` are seconds of audio; ``sample`` counts 16 kHz mono samples that were received
in one (session, epoch), from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SAMPLE_RATE_HZ = 16_000
BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A run of PCM s16le samples that a speaker's client numbered.

    ``sequence`` counts the chunks of one speaker stream from 0 without holes; ``epoch`` counts the
    speaker streams of a session. ``captured_at_ms`` is the time of the first sample by the
    speaker's clock, corrected by the gateway.
    """

    session_id: str
    epoch: int
    sequence: int
    captured_at_ms: int
    received_at_ms: int
    pcm: bytes
    sample_rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1
    encoding: str = "s16le"

    @property
    def samples(self) -> int:
        return len(self.pcm) // BYTES_PER_SAMPLE


class ControlKind(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    MUTE = "mute"
    UNMUTE = "unmute"
    END = "end"
    GAP = "gap"
    LISTENERS = "listeners"
    OPENED = "opened"
    """A gateway opened a speaker's stream: it owns the stream from here on, as ``generation``."""


@dataclass(frozen=True, slots=True)
class SessionControl:
    """What a gateway says about a session, in order with the session's audio.

    It holds from behind chunk ``after_sequence`` of ``epoch`` (-1: before the first chunk).
    ``listeners`` carries ``languages`` (sorted, those heard now), ``partial_languages`` (those of
    them in which a listener asked for partial captions; None in records of before there were any),
    ``caption_languages`` (those of them that nobody wants voiced), ``revision`` (highest wins).
    ``gap`` says that chunks between ``after_sequence`` and ``next_sequence`` will never come.
    ``opened`` says that ``generation`` of the stream goes on after ``after_sequence``: of what lies
    up to there nothing more will come. ``generation`` counts the openings of a session's streams
    from 1 (0: a gateway that does not count them wrote the record).
    """

    session_id: str
    epoch: int
    after_sequence: int
    revision: int
    kind: ControlKind
    at_ms: int
    languages: tuple[str, ...] | None = None
    next_sequence: int | None = None
    partial_languages: tuple[str, ...] | None = None
    generation: int = 0
    caption_languages: tuple[str, ...] = ()

    def listeners(self) -> ListenerLanguages:
        """What a ``listeners`` record says."""
        return ListenerLanguages(
            self.languages or (),
            self.revision,
            self.partial_languages or (),
            self.caption_languages,
        )


StreamRecord = AudioChunk | SessionControl


@dataclass(frozen=True, slots=True)
class Timeline:
    """How long each stage took, in milliseconds; the names are the protocol's.

    ``mark`` closes a stage: it lasted from the previous mark until ``now_ms``.
    """

    started_at_ms: int
    marked_at_ms: int
    stages: tuple[tuple[str, int], ...] = ()

    @classmethod
    def start(cls, at_ms: int) -> Timeline:
        return cls(at_ms, at_ms)

    def mark(self, stage: str, now_ms: int) -> Timeline:
        now_ms = max(now_ms, self.marked_at_ms)
        return Timeline(
            self.started_at_ms, now_ms, (*self.stages, (stage, now_ms - self.marked_at_ms))
        )

    def as_dict(self) -> dict[str, int]:
        return dict(self.stages)


LEDGER_VERSION = 2


class EntryKind(StrEnum):
    SPEECH = "speech"
    SILENCE = "silence"
    GAP = "gap"
    FAILED = "failed"
    """Audio that no recogniser would take: it counts, has no text, and listeners are told."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One committed stretch of a session: the row (session_id, number) of the ledger.

    It covers the samples ``first_sample`` up to, not including, ``end_sample`` of ``epoch``; the
    entries of an epoch follow one another without a hole. A ``gap`` covers no sample: it says
    that the chunks ``gap_from_sequence`` up to, not including, ``gap_until_sequence`` never came. A
    silence that names chunks says that they are in front of where reading began. When such a chunk
    comes after all it goes into an entry of a late epoch (``pipelines.session.coverage``), which
    names the chunks that it covers.

    What a recogniser needs to go on behind this entry without the job's state: ``resume_sample`` is
    the end of the last committed word (at most ``end_sample``: audio from there on may hold the
    start of an uncommitted word); it lies in chunk ``resume_sequence``, whose first sample is
    ``resume_sequence_sample``. Of raw PCM, whose chunks have no numbers of their own,
    ``resume_record`` is the Kinesis sequence number of that chunk's record.

    ``sentence`` counts the session's sentences from 0: the one that the text belongs to (None: the
    job translates each utterance alone); ``ends_sentence``: it ends with this entry, which may be
    one without samples.

    ``takeover`` above 0 makes the entry a *fence*: it covers no sample and says that an engine of
    that generation owns the session from here on. Who finds it under the number of a commit of its
    own has lost the session. ``routes`` are those languages that had listeners when the entry was
    committed; ``outcomes`` tells what became of it in each. ``version`` 1: written before there
    were outcomes; every language of it counts as delivered. ``keep_days``: for how long it is kept.
    """

    session_id: str
    number: int
    epoch: int
    kind: EntryKind
    first_sample: int
    end_sample: int
    text: str
    language: str
    captured_at_ms: int
    committed_at_ms: int
    writer: str
    resume_sample: int
    resume_sequence: int
    resume_sequence_sample: int
    gap_from_sequence: int | None = None
    gap_until_sequence: int | None = None
    routes: tuple[Route, ...] | None = None
    version: int = LEDGER_VERSION
    takeover: int = 0
    resume_record: str | None = None
    outcomes: tuple[FixedOutcome, ...] = ()
    sentence: int | None = None
    ends_sentence: bool = False
    keep_days: int = 1

    def outcome(self, language: str) -> FixedOutcome | None:
        return next((each for each in self.outcomes if each.language == language), None)

    def clip_at_ms(self, language: str) -> int:
        """Unix ms under which the clip in ``language`` is stored: its ``Translation.at_ms``."""
        fixed = self.outcome(language)
        release = None if fixed is None else fixed.release
        return self.captured_at_ms if release is None else release.at_ms

    def is_older_than(self, within_s: float, now_ms: int) -> bool:
        """Whether its last sample was spoken longer ago than that."""
        return now_ms - self.captured_at_ms - self.duration_s * 1000 > within_s * 1000

    @property
    def duration_s(self) -> float:
        return (self.end_sample - self.first_sample) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Route:
    """A language that an utterance goes to, and the number before it in that language. Not
    ``is_voiced``: all its listeners only read."""

    language: str
    previous_number: int | None
    is_voiced: bool = True


@dataclass(frozen=True, slots=True)
class FixedOutcome:
    """What an utterance comes to in a language, fixed before any listener is told; the first write
    wins. ``skipped`` None: a clip, stored under ``clip_key``. Outcomes after the head are told
    again after a restart, the same to the letter."""

    language: str
    text: str
    skipped: str | None
    fixed_at_ms: int
    release: Release | None = None

    @property
    def is_announced(self) -> bool:
        """Whether listeners get a clip or a notice under its number."""
        return self.release is None or self.skipped is not None or bool(self.release.phrase)

    @property
    def is_voiced(self) -> bool:
        """Whether a clip was made, as far as is fixed here."""
        return self.skipped is None and (self.release is None or bool(self.release.phrase))


@dataclass(frozen=True, slots=True)
class Release:
    """A step's outcome in a sentence; its text is the outcome's, and goes on where the sentence's
    last release ended.

    ``phrase``: what is voiced with it: this release and those before it that were not voiced yet;
    "" while they wait. Of a phrase, ``from_number`` is the first entry whose words it newly covers,
    ``at_ms`` the time of that entry, and ``previous_number`` the last number that was told in the
    language. ``catches_up``: the language joined in the middle of the sentence.
    """

    sentence: int
    ends: bool
    phrase: str
    from_number: int
    at_ms: int
    previous_number: int | None
    catches_up: bool = False


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """A summary of a session's entries up to ``number``, all of which are delivered: ``coverage``
    is text that ``pipelines.session.coverage`` reads. Any such summary is true for ever, so that
    whichever was written last will do."""

    session_id: str
    number: int
    coverage: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """A committed entry on its way to listeners, with its time so far; ``is_repeat``: once more."""

    entry: LedgerEntry
    timeline: Timeline
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class RoutedUtterance:
    """An utterance and the languages that had listeners when it was spoken."""

    utterance: Utterance
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Translation:
    """One utterance in one language. A gap or a failure travels as ``skipped`` with its reason.

    ``is_fixed``: this is what the ledger holds as its outcome already; it is carried out as it is.
    ``is_repeat``: and it was carried out before, perhaps, so that its clip may be stored.
    ``phrase``: of a sentence's translation, what stands for the entry's own figures.
    """

    entry: LedgerEntry
    route: Route
    text: str
    timeline: Timeline
    skipped: str | None = None
    is_fixed: bool = False
    phrase: VoicedPhrase | None = None
    is_repeat: bool = False

    @property
    def at_ms(self) -> int:
        """Unix ms of the first sample that it newly covers; unique in its session and language."""
        return self.entry.captured_at_ms if self.phrase is None else self.phrase.release.at_ms

    @property
    def previous_number(self) -> int | None:
        """The number that was told before it in its language."""
        return (self.route if self.phrase is None else self.phrase.release).previous_number

    @property
    def source_text(self) -> str:
        """The words that it newly covers."""
        return self.entry.text if self.phrase is None else self.phrase.source_text

    @property
    def source_duration_s(self) -> float:
        return self.entry.duration_s if self.phrase is None else self.phrase.source_duration_s


@dataclass(frozen=True, slots=True)
class VoicedPhrase:
    """A release that is voiced, and the source that it newly covers."""

    release: Release
    source_text: str
    source_duration_s: float


@dataclass(frozen=True, slots=True)
class Clip:
    """Encoded speech: ``body`` is a complete file, ``duration_s`` exact (encoder padding off)."""

    body: bytes
    duration_s: float
    content_type: str = "audio/mpeg"


@dataclass(frozen=True, slots=True)
class VoicedTranslation:
    """``clip`` is None exactly when ``translation.skipped`` is set; ``is_stored``: by its key."""

    translation: Translation
    clip: Clip | None
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one (session, utterance, language): a clip or a ``skipped`` notice.

    ``notified`` of ``listeners`` took it. Neither ``clip_key`` nor ``skipped``: the clip reached
    those who take clips inside messages, and the others a notice, for its upload failed.
    """

    session_id: str
    number: int
    language: str
    clip_key: str | None
    skipped: str | None
    notified: int
    listeners: int
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be done, and why; never any text or audio in clear.

    ``key`` names the thing (``session/number/language``, or shard and sequence number for a
    record); ``record_sha256`` and ``record_bytes`` describe undecodable input.
    """

    stage: str
    cause: str
    key: str
    at_ms: int
    session_id: str | None = None
    record_sha256: str | None = None
    record_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ListenerLanguages:
    """The languages that have at least one live listener, as of a revision (highest wins).

    In ``partial_languages`` at least one of them asked for partial captions; in
    ``caption_languages`` all of them want captions only.
    """

    languages: tuple[str, ...] = ()
    revision: int = -1
    partial_languages: tuple[str, ...] = ()
    caption_languages: tuple[str, ...] = ()

    @property
    def voiced(self) -> tuple[str, ...]:
        return tuple(each for each in self.languages if each not in self.caption_languages)

    def supersedes(self, other: ListenerLanguages) -> bool:
        """A higher revision does. A session whose row was asked for before anybody listened counts
        as nobody at revision 0, which is the first listener's as well: one supersedes that."""
        return (self.revision, bool(self.languages)) > (other.revision, bool(other.languages))
