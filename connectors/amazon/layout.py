"""What a stage's tables and buckets look like, for the programs that create them.

``amazon_resources`` creates them in a local cloud, ``infrastructure/`` on AWS. Nothing but the
standard library is imported: the CDK app runs in an environment of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.names import LISTENERS_INDEX, Names
from schemas.rooms import KEEP_DAYS

EXPIRES_AT = "expiresAt"
"""The TTL attribute of every table: seconds since the epoch."""

STORED_DAYS = 1
"""How long buckets keep the audio trail and dead letters."""

KEEP_TAG = "keep-days"
"""The tag of a clip that says for how many days it is kept: its lifecycle rule goes by it."""
UNTAGGED_DAYS = 31
"""Clips that a job of before stored have no tag; nothing is kept for longer."""


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute of a primary key; ``type`` as DynamoDB names it, ``S`` or ``N``."""

    name: str
    type: str = "S"


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    partition: Key
    sort: Key | None = None
    indexes: dict[str, tuple[Key, Key]] = field(default_factory=dict[str, tuple[Key, Key]])


def clip_expiry_days() -> dict[int | None, int]:
    """Days that S3 keeps a clip, by the value of its tag; None: whatever its tag. S3 counts whole
    days: what is kept for none is erased by the gateway, and by this if that fails."""
    return {days: max(days, 1) for days in KEEP_DAYS} | {None: UNTAGGED_DAYS}


def tables(names: Names) -> tuple[Table, ...]:
    session = Key("sessionId")
    return (
        Table(names.sessions_table, session),
        Table(
            names.connections_table,
            Key("connectionId"),
            indexes={LISTENERS_INDEX: (session, Key("targetLanguage"))},
        ),
        Table(names.rate_limits_table, Key("limitKey")),
        Table(names.utterances_table, session, Key("sequenceNumber", "N")),
        Table(names.listener_counts_table, session),
        Table(names.positions_table, Key("jobName"), Key("shardId")),
        Table(names.rooms_table, Key("scope"), Key("item")),
    )
