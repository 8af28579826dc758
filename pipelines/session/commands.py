"""What a session asks of its shell. Each answer comes back as an event of ``Session``."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.session.sentence_track import SentencePart
from schemas.values import LedgerEntry, LedgerHead, Utterance


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Open speech stream ``number``; answered by ``stream_opened`` or ``stream_failed``."""

    number: int
    language: str


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Send PCM to stream ``number``, in the order of the commands."""

    number: int
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FinishStream:
    """No more audio will come for the stream; answered by ``stream_ended``."""

    number: int


@dataclass(frozen=True, slots=True)
class CloseStream:
    number: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Write the entry unless another stands there, for as long as it takes; answered by
    ``committed``."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class SaveHead:
    """Save the ledger's head, which says all that earlier ones do; answered by ``head_not_saved``
    when it could not be."""

    head: LedgerHead


@dataclass(frozen=True, slots=True)
class Deliver:
    """Bring the utterance to the languages it is routed to; each answered by ``delivered``.
    ``part``: its place in its sentence, where translations are released of sentences."""

    utterance: Utterance
    part: SentencePart | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """Show what utterance ``number`` says so far; ``final``: what it came to."""

    number: int
    text: str
    language: str
    final: bool


@dataclass(frozen=True, slots=True)
class Speculate:
    """The text will probably be committed next: translate and voice it ahead."""

    text: str
    language: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpectLanguages:
    """Languages that are new to the session: have their engines ready."""

    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookUpListeners:
    """Ask the tables who listens; answered by ``listeners_known``."""


@dataclass(frozen=True, slots=True)
class RefuseAudio:
    """Report audio that no recogniser would take; entry ``number`` is ``failed``."""

    number: int
    cause: str


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Read the log again from the oldest record that is not covered."""


@dataclass(frozen=True, slots=True)
class TakeOverAgain:
    """Begin the session anew from ledger and log: it cannot go on from where it is."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Another engine has taken the session over: stop, and write nothing more."""

    generation: int


Command = (
    OpenStream
    | SendAudio
    | FinishStream
    | CloseStream
    | Commit
    | SaveHead
    | Deliver
    | Caption
    | Speculate
    | ExpectLanguages
    | LookUpListeners
    | RefuseAudio
    | ReadAgain
    | TakeOverAgain
    | Lost
)
