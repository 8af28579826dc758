"""Engines of other packages, found by entry points: no line of this project names them.

A package declares, in the group of the service, a name and a callable without arguments that opens
the engine; ``--translation=NAME`` then chooses it. docs/engine-plugin is such a package.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from connectors.interfaces.errors import PermanentError

GROUPS = {
    "speech_to_text": "live_speech_translation.speech_to_text",
    "translation": "live_speech_translation.translation",
    "speech_synthesis": "live_speech_translation.speech_synthesis",
}


def plugin_names(service: str) -> tuple[str, ...]:
    """Of the packages that are installed here."""
    return tuple(sorted({point.name for point in metadata.entry_points(group=GROUPS[service])}))


def open_plugin(service: str, name: str) -> Any:
    """PermanentError: no installed package has it, two have it, or it cannot be imported."""
    found = {
        point.value: point
        for point in metadata.entry_points(group=GROUPS[service])
        if point.name == name
    }
    if not found:
        known = ", ".join(plugin_names(service)) or "none is installed"
        raise PermanentError(f"no engine {name!r} for {service} (of other packages: {known})")
    if len(found) > 1:
        raise PermanentError(f"engine {name!r} for {service} is in {' and '.join(sorted(found))}")
    (point,) = found.values()
    try:
        opens = point.load()
    except (ImportError, AttributeError) as error:
        raise PermanentError(f"engine {name!r} ({point.value}): {error}") from None
    return opens()
