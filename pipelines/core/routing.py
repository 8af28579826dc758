"""Which languages an utterance goes to, and what stood before it in each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from schemas.values import EntryKind, LedgerEntry, ListenerLanguages, Route, Utterance


@dataclass(frozen=True, slots=True)
class RoutingState:
    """Of one session: who listens, and the last number sent in each language."""

    listeners: ListenerLanguages = field(default_factory=ListenerLanguages)
    last_numbers: dict[str, int] = field(default_factory=dict)

    @property
    def knows_listeners(self) -> bool:
        return self.listeners.revision >= 0


@dataclass(frozen=True, slots=True)
class LanguageState:
    """``waiting``: utterances that came before anything was known of listeners."""

    routing: RoutingState = field(default_factory=RoutingState)
    waiting: tuple[Utterance, ...] = ()
    asked_at_ms: int = 0


def heard(state: RoutingState, listeners: ListenerLanguages) -> RoutingState:
    """The highest revision wins, in whatever order the news come."""
    return replace(state, listeners=listeners) if listeners.supersedes(state.listeners) else state


def route(state: RoutingState, entry: LedgerEntry) -> tuple[RoutingState, tuple[Route, ...]]:
    """Silence goes nowhere. What was routed before (an entry sent again) keeps its routes."""
    if entry.kind is EntryKind.SILENCE:
        return state, ()
    routes = entry.routes
    if routes is None:
        routes = tuple(
            Route(language, state.last_numbers.get(language))
            for language in state.listeners.languages
        )
    numbers = {each.language: entry.number for each in routes}
    return replace(state, last_numbers={**state.last_numbers, **numbers}), routes
