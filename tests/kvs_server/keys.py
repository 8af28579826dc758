"""Who may do what with which channel: keys for good, and keys handed out for a while."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from local_stack.amazon_servers.signatures import KEY_ID, SECRET


@dataclass(frozen=True, slots=True)
class Key:
    """``actions`` and ``resources``: what its policy allows; ``*`` is everything."""

    secret: str
    token: str | None = None
    expires_at_s: float = float("inf")
    actions: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)


class Keys:
    def __init__(self) -> None:
        self._keys = {KEY_ID: Key(SECRET)}
        self.newest = KEY_ID

    def find(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    def hand_out(
        self, actions: tuple[str, ...], resources: tuple[str, ...], lifetime_s: float
    ) -> tuple[str, Key]:
        key = Key(
            secrets.token_urlsafe(30),
            secrets.token_urlsafe(60) + "/+=",  # as real tokens do, it needs quoting
            time.time() + lifetime_s,
            actions,
            resources,
        )
        key_id = f"ASIA{secrets.token_hex(8).upper()}"
        self._keys[key_id] = key
        self.newest = key_id
        return key_id, key

    def expire(self, key_id: str) -> None:
        del self._keys[key_id]


def allows(key: Key, action: str, resource: str) -> bool:
    return bool({"*", action} & set(key.actions)) and bool({"*", resource} & set(key.resources))
