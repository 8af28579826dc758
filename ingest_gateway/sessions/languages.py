"""Which languages can be spoken into a session and listened to, and which one a client means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest_gateway.protocol.connection_protocol import Refusal
from schemas.languages import canonical_tag, look_up


@dataclass(frozen=True, slots=True)
class Languages:
    """``can_hear(source)``: the recogniser knows it; ``can_translate(source, target)``: there is
    a route; ``can_speak(target)``: there is a voice.

    A client names a language by a BCP 47 tag in any case. The most specific tag that the engines
    know is chosen for it by RFC 4647's look-up: where ``pt`` is known, ``pt-BR`` means ``pt``.
    The spoken language itself can always be read: what was said, as captions.
    """

    can_hear: Callable[[str], bool]
    can_translate: Callable[[str, str], bool]
    can_speak: Callable[[str], bool]

    @classmethod
    def of_routes(cls, routes: str) -> Languages:
        """``en:es,gl de:en``: each source with its targets, all of them with a voice.

        Raises ValueError: not of this form, or a name that is no language tag.
        """
        targets: dict[str, set[str]] = {}
        for route in routes.split():
            source, separator, named = route.partition(":")
            tags = [canonical_tag(tag) for tag in (source, *named.split(","))]
            if not separator or None in tags:
                raise ValueError(f"{route!r} is not SOURCE:TARGET,... of language tags")
            known = [tag for tag in tags if tag is not None]
            targets.setdefault(known[0], set()).update(known[1:])
        if not targets:
            raise ValueError("no language is named")
        voices = set[str]().union(*targets.values())
        return cls(
            can_hear=targets.__contains__,
            can_translate=lambda source, target: target in targets.get(source, ()),
            can_speak=voices.__contains__,
        )

    def choose_source(self, tag: str) -> str:
        """Raises Refusal: BAD_LANGUAGE."""
        chosen = look_up(tag, self.can_hear)
        if chosen is None:
            raise Refusal("BAD_LANGUAGE", "this source language cannot be recognised here")
        return chosen

    def choose_target(self, source: str, tag: str, offered: tuple[str, ...] = ()) -> str:
        """``offered``: what the session is limited to; empty: anything with a route.

        Raises Refusal: BAD_LANGUAGE.
        """
        if canonical_tag(tag) is None:
            raise Refusal("BAD_LANGUAGE", "name a language by its code, as es or pt-BR")
        written = {canonical_tag(one): one for one in offered}
        if offered:
            written.setdefault(source, source)
        if offered and look_up(tag, written.__contains__) is None:
            raise Refusal("BAD_LANGUAGE", f"this session is offered in: {', '.join(offered)}")
        is_translated = look_up(tag, lambda one: self._has_route(source, one))
        if is_translated is None:
            raise Refusal("BAD_LANGUAGE", f"there is no way to translate {source} to {tag}")
        chosen = look_up(
            tag,
            lambda one: (
                (not offered or one in written)
                and self._has_route(source, one)
                and self.can_speak(one)
            ),
        )
        if chosen is None:
            raise Refusal("BAD_LANGUAGE", f"there is no voice for {tag}")
        return written.get(chosen, chosen)

    def _has_route(self, source: str, target: str) -> bool:
        return target == source or self.can_translate(source, target)

    def choose_targets(self, source: str, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Each language once, in the order in which it is named first. Raises Refusal."""
        return tuple(dict.fromkeys(self.choose_target(source, tag) for tag in tags))
