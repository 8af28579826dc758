"""What can be chosen about recognition by Amazon Transcribe Streaming."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AmazonSpeechToTextSettings:
    """``max_streams``, ``starts_per_s``: the account's quotas (25 each unless raised), which all
    worker processes share: give each its part. A session waits its turn for ``turn_within_s``, and
    keeps its place when it asks again (``fair_turns``). While others wait, a stream that has had no
    audio for ``free_after_s`` ends, and its place is theirs (sooner, and a job whose speaker is cut
    off could not commit the last words: it waits 3 s for more).

    ``answer_within_s``: quiet audio without a word reported for so long is taken for non-speech,
    loud audio (which may be speech, and the service slow) after ``answer_loud_within_s``; too
    short and a slow answer comes behind a cut, too long and silence delays the words before it.
    ``keep_alive_after_s`` without audio, silence is sent: the service closes a stream after 15 s.
    ``end_words_after_s`` without audio while words are not final, silence follows at the speed of
    speech, ``end_words_within_s`` of it at most: the service ends a segment when it hears a pause.
    ``head_start_s`` of audio go at once, more at ``catch_up_speed`` times its own: the service
    takes audio at about the speed of speech, and signatures of what waits longer than 5 minutes
    are refused.

    ``identify_among``: languages (two or more) to tell apart in a session of language ``und``,
    the likeliest first. ``vocabularies`` and ``vocabulary_filters``: (language, name) pairs.
    ``stability``: ``low``, ``medium`` or ``high``; higher is sooner and less accurate.
    """

    report_every_s: float = 0.25
    answer_within_s: float = 2.0
    answer_loud_within_s: float = 8.0
    keep_alive_after_s: float = 5.0
    end_words_after_s: float = 0.5
    end_words_within_s: float = 2.0
    open_timeout_s: float = 10.0
    max_streams: int = 25
    starts_per_s: float = 25.0
    turn_within_s: float = 5.0
    free_after_s: float = 5.0
    hold_starts_s: float = 1.0
    head_start_s: float = 30.0
    catch_up_speed: float = 4.0
    identify_among: tuple[str, ...] = ()
    vocabularies: tuple[tuple[str, str], ...] = ()
    vocabulary_filters: tuple[tuple[str, str], ...] = ()
    vocabulary_filter_method: str = "mask"
    stability: str = "high"
    ca_file: str | None = None
