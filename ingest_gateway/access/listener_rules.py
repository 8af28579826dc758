"""Who may listen to a session. Pure: the session's rules and what a listener shows, a verdict out.

A session's link and QR code carry its *key*, a secret of 128 bits. Its id, which people can say and
strangers can guess, is an alias of the link, unless the owner lets in by the link only. A listener
who was let in is given a *seat*, a text that lets that listener in again (behind a lock, without
the code) until the owner removes the listener or makes a new key.

The rules stand in the session's row (``SessionInfo.extra``), in clear: who can read the row can
read the talk's ledger as well. A row of before has none, and its id is all that is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

KEY_BYTES = 16
LEAST_CODE_CHARACTERS = 6
MOST_REMOVED = 200
_KEY = "listeningKey"
_SEAT_KEY = "seatKey"
_BY = "listeningBy"
_CODE = "accessCode"
_LOCKED = "locked"
_REMOVED = "removedListeners"
_SEAT_MAC_BYTES = 16


class Verdict(Enum):
    ADMITTED = "admitted"
    UNKNOWN = "unknown"
    """Only the link lets in, and its key was not shown: as if there were no such session."""
    CODE_MISSING = "code missing"
    CODE_WRONG = "code wrong"
    LOCKED = "locked"
    REMOVED = "removed"


class Purpose(Enum):
    """What is asked for. ``LOOK``: the session's name and languages. ``READ``: the talk so far,
    which a lock does not keep from who may listen. ``JOIN``: a seat."""

    LOOK = "look"
    READ = "read"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a listener brings beside the session's id. ``room_id``: the room that has let it in."""

    key: str | None = None
    code: str | None = None
    seat: str | None = None
    room_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """``by_secret``: the key or a seat was right, so that nothing was guessed. ``listener_id``: of
    the seat that was shown, if it is one of this session's."""

    verdict: Verdict
    by_secret: bool
    listener_id: str | None = None


@dataclass(frozen=True, slots=True)
class ListeningRules:
    """``key`` None: a session of before. ``by_link``: the id alone is not enough. ``code``: asked
    of everybody who comes without a seat. ``removed``: ids of listeners, the last one at the end.
    """

    key: str | None = None
    seat_key: str | None = None
    by_link: bool = False
    code: str | None = None
    locked: bool = False
    removed: tuple[str, ...] = ()

    @staticmethod
    def new(*, by_link: bool = False, code: str | None = None) -> ListeningRules:
        return ListeningRules(by_link=by_link, code=code).with_new_key()

    @staticmethod
    def of(extra: Mapping[str, str]) -> ListeningRules:
        """As a session's row has them."""
        return ListeningRules(
            key=extra.get(_KEY) or None,
            seat_key=extra.get(_SEAT_KEY) or None,
            by_link=extra.get(_BY) == "link",
            code=extra.get(_CODE) or None,
            locked=extra.get(_LOCKED) == "true",
            removed=tuple(extra.get(_REMOVED, "").split()),
        )

    def extra(self) -> dict[str, str]:
        """For a session's row; an empty text stands for none."""
        return {
            _KEY: self.key or "",
            _SEAT_KEY: self.seat_key or "",
            _BY: "link" if self.by_link else "id",
            _CODE: self.code or "",
            _LOCKED: "true" if self.locked else "",
            _REMOVED: " ".join(self.removed),
        }

    def with_new_key(self) -> ListeningRules:
        """Links and seats of before are worth nothing any more."""
        return replace(self, key=new_key(), seat_key=new_key(), removed=())

    def without(self, listener_id: str) -> ListeningRules:
        others = tuple(one for one in self.removed if one != listener_id)
        return replace(self, removed=(*others, listener_id)[-MOST_REMOVED:])

    def seat(self, listener_id: str) -> str | None:
        """What lets this listener in again; None: a session of before."""
        if self.seat_key is None:
            return None
        return f"{listener_id}.{_mac(self.seat_key, listener_id)}"

    def listener_of(self, seat: str | None) -> str | None:
        """Whose seat that is; None: nobody's here."""
        listener_id, _, mac = (seat or "").rpartition(".")
        if self.seat_key is None or not listener_id:
            return None
        return listener_id if _same(mac, _mac(self.seat_key, listener_id)) else None

    def decide(self, shown: Shown, purpose: Purpose) -> Decision:
        listener_id = self.listener_of(shown.seat)
        if listener_id in self.removed:
            return Decision(Verdict.REMOVED, True, listener_id)
        if listener_id is not None:
            return Decision(Verdict.ADMITTED, True, listener_id)
        by_secret = _same(shown.key, self.key)
        return Decision(self._without_seat(shown, purpose, by_secret), by_secret)

    def _without_seat(self, shown: Shown, purpose: Purpose, by_secret: bool) -> Verdict:
        if self.by_link and not by_secret:
            return Verdict.UNKNOWN
        if purpose is Purpose.LOOK:
            return Verdict.ADMITTED
        if self.locked and purpose is Purpose.JOIN:
            return Verdict.LOCKED
        if self.code is None:
            return Verdict.ADMITTED
        if not shown.code:
            return Verdict.CODE_MISSING
        is_right = _same(written_code(shown.code), written_code(self.code))
        return Verdict.ADMITTED if is_right else Verdict.CODE_WRONG


@dataclass(frozen=True, slots=True)
class ListeningWish:
    """What an owner changes; None leaves as it is. ``code``: an empty text takes it away.
    ``remove``: a listener's id."""

    by_link: bool | None = None
    code: str | None = None
    locked: bool | None = None
    new_key: bool = False
    max_languages: int | None = None
    max_minutes: int | None = None
    remove: str | None = None

    def applied(self, rules: ListeningRules) -> ListeningRules:
        changed = rules.with_new_key() if self.new_key else rules
        if self.by_link is not None:
            changed = replace(changed, by_link=self.by_link)
        if self.by_link and changed.key is None:
            changed = changed.with_new_key()  # a session of before
        if self.code is not None:
            changed = replace(changed, code=self.code or None)
        if self.locked is not None:
            changed = replace(changed, locked=self.locked)
        return changed if self.remove is None else changed.without(self.remove)


def new_key() -> str:
    """22 characters that may stand in an address."""
    return secrets.token_urlsafe(KEY_BYTES)


def written_code(code: str) -> str:
    """An access code without what people say and write differently: case, spaces, hyphens."""
    return "".join(one for one in code.casefold() if one.isalnum())


def _mac(key: str, listener_id: str) -> str:
    made = hashlib.blake2b(listener_id.encode(), key=key.encode(), digest_size=_SEAT_MAC_BYTES)
    return made.hexdigest()


def _same(shown: str | None, right: str | None) -> bool:
    """In constant time."""
    if not shown or not right:
        return False
    return hmac.compare_digest(shown.encode(), right.encode())
