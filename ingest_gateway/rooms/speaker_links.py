"""Speakers by link: who has a talk's secret may speak in it, from any device.

The link's page shows ``talk.TALK.SECRET`` wherever a token goes, so that every way to speak works
with it, on every host.
"""

from __future__ import annotations

import hmac

from connectors.calls.policy import Policies, call
from connectors.interfaces.room_tables import RoomTables
from ingest_gateway.access.auth import Identity, InvalidTokenError, TokenVerifier
from ingest_gateway.rooms.records import room_of

_PREFIX = "talk."
_SUBJECT = "talk:"
_MOST_REMEMBERED = 1_000
_MOST_CHARACTERS = 256


def link_token(talk_id: str, secret: str) -> str:
    return f"{_PREFIX}{talk_id}.{secret}"


def link_subject(talk_id: str) -> str:
    """Whose sessions a talk's are."""
    return _SUBJECT + talk_id


def talk_of(identity: Identity) -> str | None:
    """The talk that this identity came by the link of; None: it is a person's."""
    if not identity.subject.startswith(_SUBJECT):
        return None
    return identity.subject.removeprefix(_SUBJECT)


class SpeakerLinkVerifier:
    """Tokens of links, and those of ``others``."""

    def __init__(self, others: TokenVerifier, tables: RoomTables, policies: Policies) -> None:
        self._others = others
        self._tables = tables
        self._policy = policies.directory
        self._secrets: dict[str, str] = {}

    async def prepare(self, token: str) -> None:
        """A link's talk is read each time: its organiser may have deleted it, or made a new link.
        Raises ``connectors.interfaces.errors.*``."""
        found = _read(token)
        if found is None:
            await self._others.prepare(token)
            return
        talk_id, _ = found
        talk = await call(self._policy, lambda: self._tables.talk(room_of(talk_id), talk_id))
        if len(self._secrets) >= _MOST_REMEMBERED:
            self._secrets.clear()
        self._secrets.pop(talk_id, None)
        if talk is not None:
            self._secrets[talk_id] = talk.secret

    def verify(self, token: str) -> Identity:
        found = _read(token)
        if found is None:
            identity = self._others.verify(token)
            if talk_of(identity) is not None:
                raise InvalidTokenError("invalid token: its subject is that of a speaker's link")
            return identity
        talk_id, secret = found
        known = self._secrets.get(talk_id)
        if known is None or not hmac.compare_digest(known.encode(), secret.encode()):
            raise InvalidTokenError("invalid speaker's link: ask for it again")
        return Identity(link_subject(talk_id))


def _read(token: str) -> tuple[str, str] | None:
    """Talk and secret; None: no link's token. A signed token has three parts, of base64 alone, and
    never begins so: ``talk`` is no JSON object in base64."""
    if not token.startswith(_PREFIX) or len(token) > _MOST_CHARACTERS:
        return None
    talk_id, _, secret = token.removeprefix(_PREFIX).rpartition(".")
    return talk_id, secret
