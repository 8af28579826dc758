"""What a room may spend on its translations, and how the job was told to release them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pipelines.sentences.cursor import Pace
from pipelines.sentences.phrases import PhraseRules
from pipelines.sentences.release import Agreement, Append, Prefix, ReleasePolicy, WholeSentence
from pipelines.sentences.sentence_buffer import SentenceRules


class Spend(StrEnum):
    """How often a sentence is translated again; characters are against each sentence once."""

    SWIFT = "swift"
    """Every two words: 6 times the characters."""
    BALANCED = "balanced"
    """Every four words: 3.5 times."""
    THRIFTY = "thrifty"
    """At the ends of clauses: 1.6 times."""


class ReleaseName(StrEnum):
    AUTO = "auto"
    """``PREFIX`` where the engine continues a given text, ``AGREEMENT`` elsewhere."""
    AGREEMENT = "agreement"
    PREFIX = "prefix"
    SENTENCE = "sentence"
    APPEND = "append"
    """Each utterance alone, without sentences."""


_PACES = {
    Spend.SWIFT: Pace(2),
    Spend.BALANCED: Pace(4),
    Spend.THRIFTY: Pace(at_clauses=True),
}
_SPANS = {Spend.SWIFT: 3.0, Spend.BALANCED: 4.0, Spend.THRIFTY: 1.0}


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """Picklable: it travels to the workers."""

    release: ReleaseName = ReleaseName.AUTO
    spend: Spend = Spend.SWIFT
    sentences: SentenceRules = field(default_factory=SentenceRules)
    phrases: PhraseRules = field(default_factory=PhraseRules)

    @property
    def pace(self) -> Pace:
        return _PACES[self.spend]

    def policy(self, *, continues: bool) -> ReleasePolicy:
        """``continues``: the engine can be told what is released, to continue it."""
        span = _SPANS[self.spend]
        match self.release:
            case ReleaseName.SENTENCE:
                return WholeSentence()
            case ReleaseName.APPEND:
                return Append()
            case ReleaseName.PREFIX:
                return Prefix(span)
            case ReleaseName.AGREEMENT:
                return Agreement(span)
            case ReleaseName.AUTO:
                return Prefix(span) if continues else Agreement(span)
