"""What became of a session elsewhere, for a process that only takes its sound. Pure.

Gateways change the row (pause, mute, end), and another connection may take the speaker's place.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.session_tables import ENDED, SessionRow


def goes_on(ours: SessionRow, found: SessionRow | None) -> bool:
    """Whether the stream that we feed is still the session's. A newer epoch is somebody else's."""
    return found is not None and found.info.status != ENDED and found.epoch <= ours.epoch


def followed(ours: SessionRow, found: SessionRow) -> SessionRow:
    """Our row with what others decide; where the audio stands we know better."""
    info = replace(
        ours.info,
        status=found.info.status,
        target_languages=found.info.target_languages,
        ended_at_ms=found.info.ended_at_ms,
    )
    return replace(ours, info=info, muted=found.muted, volume=found.volume)
