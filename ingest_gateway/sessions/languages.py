"""Which languages can be spoken into a session and listened to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ingest_gateway.protocol.connection_protocol import Refusal

_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")


@dataclass(frozen=True, slots=True)
class Languages:
    """``can_hear(source)``: the recogniser knows it; ``can_translate(source, target)``: there is
    a route; ``can_speak(target)``: there is a voice."""

    can_hear: Callable[[str], bool]
    can_translate: Callable[[str, str], bool]
    can_speak: Callable[[str], bool]

    def check_source(self, language: str) -> None:
        """Raises Refusal: BAD_LANGUAGE."""
        if _CODE.fullmatch(language) is None or not self.can_hear(language):
            raise Refusal("BAD_LANGUAGE", "this source language cannot be recognised here")

    def check_target(self, source: str, target: str, offered: tuple[str, ...] = ()) -> None:
        """``offered``: what the session is limited to; empty: anything with a route.

        Raises Refusal: BAD_LANGUAGE.
        """
        if _CODE.fullmatch(target) is None:
            raise Refusal("BAD_LANGUAGE", "name a language by its code, as es or pt-BR")
        if offered and target not in offered:
            raise Refusal("BAD_LANGUAGE", f"this session is offered in: {', '.join(offered)}")
        if not self.can_translate(source, target):
            raise Refusal("BAD_LANGUAGE", f"there is no way to translate {source} to {target}")
        if not self.can_speak(target):
            raise Refusal("BAD_LANGUAGE", f"there is no voice for {target}")
