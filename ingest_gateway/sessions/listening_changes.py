"""What owners say of who may listen to their sessions, as texts of the session's row."""

from __future__ import annotations

from collections.abc import Mapping

from ingest_gateway.access.listener_rules import (
    LEAST_CODE_CHARACTERS,
    ListeningRules,
    ListeningWish,
    written_code,
)
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import CreateSession, ListeningBy
from ingest_gateway.sessions.talk_caps import TalkCaps


def first_rules(wanted: CreateSession, otherwise: ListeningBy) -> ListeningRules:
    """Of a session that is made. ``otherwise``: what lets listeners in where ``wanted`` does not
    say. Raises Refusal: BAD_FIELD."""
    check_code(wanted.access_code)
    by_link = (wanted.listening or otherwise) == "link"
    return ListeningRules.new(by_link=by_link, code=wanted.access_code)


def changed_texts(before: Mapping[str, str], wish: ListeningWish) -> dict[str, str]:
    """Those of the row that the wish changes, and no others: what an owner says meanwhile through
    another gateway is not taken back."""
    rules = wish.applied(ListeningRules.of(before))
    after = rules.extra() | TalkCaps(wish.max_languages, wish.max_minutes).extra()
    return {name: text for name, text in after.items() if before.get(name, "") != text}


def check_code(code: str | None) -> None:
    """Of a session that is in no room: its id alone leads to it. Raises Refusal: BAD_FIELD."""
    if code is not None and len(written_code(code)) < LEAST_CODE_CHARACTERS:
        raise Refusal(
            "BAD_FIELD", f"an access code has at least {LEAST_CODE_CHARACTERS} letters or digits"
        )
