"""Names and keys of what the job and the gateway store (``docs/protocol.md``, stored names).

Two formats stand elsewhere: recorded chunks' (``connectors/files/stored_chunks.py``, which alone
reads them), and the clip's once more in ``infrastructure/meter``, which is deployed without this; a
test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

RECOGNISED_STAGES = (
    "capture",
    "ingest",
    "read",
    "window",
    "recognise",
    "commit",
    "languages",
    "translate",
    "synthesize",
    "publish",
)
LISTENERS_INDEX = "sessionId-targetLanguage-index"
DEAD_LETTERS = "dead-letters/"
"""What every dead letter's key begins with."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one deployment stage (``dev``, ``prod``, ``demo``...)."""

    stage: str

    @property
    def audio_stream(self) -> str:
        return f"audio-ingestion-{self.stage}"

    @property
    def dead_letter_stream(self) -> str:
        return f"dead-letters-{self.stage}"

    @property
    def clip_bucket(self) -> str:
        return f"translation-audio-{self.stage}"

    @property
    def audio_bucket(self) -> str:
        return f"low-latency-audio-{self.stage}"

    @property
    def sessions_table(self) -> str:
        """Key: sessionId."""
        return f"Sessions-{self.stage}"

    @property
    def connections_table(self) -> str:
        """Key: connectionId; index LISTENERS_INDEX on (sessionId, targetLanguage)."""
        return f"Connections-{self.stage}"

    @property
    def rate_limits_table(self) -> str:
        """Key: limitKey; TTL attribute expiresAt."""
        return f"RateLimits-{self.stage}"

    @property
    def utterances_table(self) -> str:
        """The ledger. Key: sessionId, sequenceNumber (number)."""
        return f"Utterances-{self.stage}"

    @property
    def listener_counts_table(self) -> str:
        """Key: sessionId; one row a session: revision and a count per language, updated at once."""
        return f"ListenerCounts-{self.stage}"

    @property
    def rooms_table(self) -> str:
        """Events, rooms and talks. Key: scope, item."""
        return f"Rooms-{self.stage}"

    @property
    def positions_table(self) -> str:
        """Key: jobName, shardId."""
        return f"Positions-{self.stage}"


def session_prefix(session_id: str) -> str:
    """What the keys of a session's clips and recorded chunks begin with."""
    return f"sessions/{session_id}/"


def clip_key(session_id: str, language: str, timestamp_ms: int) -> str:
    """``timestamp_ms``: Unix ms of the first sample that the clip newly covers, raised until it is
    unique in its session (``pipelines/session/entries.py``). The job stores under the key, the
    gateway makes it again from ledger rows and messages; ``infrastructure`` has copies of its form
    (meter, permissions, suffix)."""
    return f"{session_prefix(session_id)}translated/{language}/{timestamp_ms}.mp3"


def dead_letter_key(stage: str, at_ms: int, digest: str) -> str:
    return f"{DEAD_LETTERS}{stage}/{at_ms}-{digest}.json"


def dead_letter_at_ms(key: str) -> int:
    """When a letter of this key was written; 0 of a key that names no time."""
    time = key.rpartition("/")[2].partition("-")[0]
    return int(time) if time.isdecimal() else 0
