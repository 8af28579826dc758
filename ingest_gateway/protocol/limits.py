"""Every limit and waiting time of the gateway, with the protocol's defaults."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.session_info import LOST_LISTENER_MS

MAX_FRAME_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """``creates`` and ``joins`` count per person, or per address for guests. A hall has one
    address: there ``hall_joins_per_minute`` and ``feedback_per_minute`` count per address and
    session, and ``joins_per_minute`` are the ids and codes that lead nowhere.
    ``guesses_per_minute`` are those of everybody together, ``code_guesses_per_minute`` everybody's
    of one session's access code. ``packets``: of recorders, decoded for one session; most are 20 ms
    of sound. ``languages_per_session``: with listeners at a time, beside those that its speaker
    named; a session may have a number of its own. ``talks_at_once``: of this gateway, None for any
    number. ``lost_listener_ms``: for how long a language stays active for a listener whose
    connection was lost, so that who comes back has missed nothing."""

    creates_per_minute: int = 5
    joins_per_minute: int = 60
    hall_joins_per_minute: int = 1200
    guesses_per_minute: int = 1200
    code_guesses_per_minute: int = 120
    languages_per_session: int = 10
    talks_at_once: int | None = None
    frames_per_s: float = 20.0
    frame_burst: int = 200
    packets_per_s: float = 250.0
    packet_burst: int = 2_500
    commands_per_s: float = 20.0
    command_burst: int = 100
    listeners_per_session: int = 500
    feedback_per_minute: int = 30

    pending_bytes_per_session: int = 512 * 1024
    outbox_bytes_per_connection: int = 2 * 1024 * 1024
    put_deadline_ms: int = 30_000
    ack_every_ms: int = 250

    heartbeat_timeout_ms: int = 60_000
    lost_listener_ms: int = LOST_LISTENER_MS
    without_speaker_ms: int = 10 * 60_000
    session_lifetime_ms: int = 8 * 3600_000

    history_captions: int = 10
    resumed_captions: int = 200
    clip_url_s: int = 600


_MOST_SKEW_MS = 2_000
"""Processes of one deployment may be so far apart. Further back, the clock was put back."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a bucket holds, as of a time: all that is to be kept of it between two events."""

    left: float
    at_ms: int

    def take(self, per_s: float, burst: int, now_ms: int, count: int = 1) -> tuple[Tokens, int]:
        """(what is left, 0): taken. (the same, milliseconds until there are): not taken."""
        elapsed_ms = max(0, now_ms - self.at_ms)
        left = min(float(burst), self.left + elapsed_ms * per_s / 1000)
        at_ms = now_ms if now_ms < self.at_ms - _MOST_SKEW_MS else max(self.at_ms, now_ms)
        if left >= count:
            return Tokens(left - count, at_ms), 0
        return Tokens(left, at_ms), max(1, round((count - left) * 1000 / per_s))


class TokenBucket:
    """``per_s`` events a second with a burst; time is an argument."""

    def __init__(self, per_s: float, burst: int, now_ms: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = Tokens(float(burst), now_ms)

    def take(self, now_ms: int, count: int = 1) -> int:
        """0: taken. Otherwise the milliseconds until there are, and nothing was taken."""
        self._tokens, wait_ms = self._tokens.take(self._per_s, self._burst, now_ms, count)
        return wait_ms
