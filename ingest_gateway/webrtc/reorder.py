"""RTP packets put in order, lost ones counted. Pure.

What comes in order leaves at once: samples are stored, not played, so jitter alone needs no
waiting. Behind a hole packets wait until it is filled or until more than ``hold`` wait; then what
is missing counts as lost and is left out. Numbers (16 bits) and times (32) are unwrapped.
"""

from __future__ import annotations

from dataclasses import dataclass

HOLD_PACKETS = 5
"""100 ms of 20 ms packets: what is later than that delays the talk more than it is worth."""
NEW_STREAM_PACKETS = 3_000
"""A number this far off (a minute) is a sender that started anew."""


@dataclass(frozen=True, slots=True)
class RtpAudio:
    """As received: ``number`` and ``timestamp`` (48 kHz) wrap around."""

    number: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """``at_sample``: of its first sample at 48 kHz, by the sender's media clock."""

    at_sample: int
    payload: bytes


class Reorder:
    def __init__(self, hold: int = HOLD_PACKETS) -> None:
        self.received = 0
        self.lost = 0
        self.late = 0
        """Repeats, and packets whose place was passed."""
        self._hold = hold
        self._next: int | None = None
        self._waiting: dict[int, RtpAudio] = {}
        self._at_sample: int | None = None

    def push(self, packet: RtpAudio) -> list[OpusPacket]:
        self.received += 1
        ready: list[OpusPacket] = []
        if self._next is None:
            self._next = packet.number
        number = _unwrapped(packet.number, self._next, 16)
        if abs(number - self._next) > NEW_STREAM_PACKETS:
            ready += self.flush()
            self._next = number
        if number < self._next or number in self._waiting:
            self.late += 1
            return ready
        self._waiting[number] = packet
        ready += self._in_order()
        while len(self._waiting) > self._hold:
            self._pass_hole()
            ready += self._in_order()
        return ready

    def flush(self) -> list[OpusPacket]:
        """All that waits: nothing more will come."""
        ready: list[OpusPacket] = []
        while self._waiting:
            self._pass_hole()
            ready += self._in_order()
        return ready

    def _pass_hole(self) -> None:
        following = min(self._waiting)
        self.lost += following - (following if self._next is None else self._next)
        self._next = following

    def _in_order(self) -> list[OpusPacket]:
        ready: list[OpusPacket] = []
        while self._next is not None and (packet := self._waiting.pop(self._next, None)):
            self._next += 1
            last = packet.timestamp if self._at_sample is None else self._at_sample
            self._at_sample = _unwrapped(packet.timestamp, last, 32)
            ready.append(OpusPacket(self._at_sample, packet.payload))
        return ready


def _unwrapped(value: int, near: int, bits: int) -> int:
    """The number closest to ``near`` whose lowest bits are ``value``."""
    half = 1 << (bits - 1)
    return near + ((value - near + half) & ((1 << bits) - 1)) - half
