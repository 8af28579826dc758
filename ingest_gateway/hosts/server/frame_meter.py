"""Counts a peer's WebSocket frames by their headers, before anything parses them. Pure.

Parsing a frame and handing it on costs some 50 µs whatever its size, so a peer that sends frames
of a byte each stops everybody. Reading headers alone (RFC 6455, 5.2) costs a hundredth of that.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALL_BYTES = 512
"""Frames with more than this are limited by what the connection carries, and by backpressure."""
_FIN, _OPCODE, _MASKED, _LENGTH = 0x80, 0x0F, 0x80, 0x7F
_FIRST_CONTROL = 0x8
_LENGTH_BYTES = {126: 2, 127: 8}


@dataclass(slots=True)
class Counted:
    """Of one read: data frames of at most ``SMALL_BYTES``, control frames, and the bytes announced
    for the largest message, as far as its frames have begun."""

    small: int = 0
    control: int = 0
    message_bytes: int = 0


class FrameMeter:
    """``is_between`` is whether every message that began has come whole."""

    def __init__(self) -> None:
        self.is_between = True
        self._head = bytearray()
        self._payload_left = 0
        self._message_bytes = 0
        self._is_last = True

    def feed(self, data: bytes, most: int) -> Counted:
        """Stops after ``most`` small and control frames; who sends more is not read any further."""
        counted = Counted()
        at, end = 0, len(data)
        while at < end and counted.small + counted.control <= most:
            if self._payload_left:
                step = min(self._payload_left, end - at)
                self._payload_left -= step
                at += step
                continue
            if not self._head and end - at >= 2:
                size = _head_bytes(data[at + 1])
                if at + size <= end:
                    self._begin(data[at : at + size], counted)
                    at += size
                    continue
            self._head.append(data[at])
            at += 1
            if len(self._head) >= 2 and len(self._head) == _head_bytes(self._head[1]):
                self._begin(bytes(self._head), counted)
                self._head.clear()
        self.is_between = self._is_last and not self._payload_left and not self._head
        return counted

    def _begin(self, head: bytes, counted: Counted) -> None:
        length = head[1] & _LENGTH
        if length in _LENGTH_BYTES:
            length = int.from_bytes(head[2 : 2 + _LENGTH_BYTES[length]])
        self._payload_left = length
        opcode = head[0] & _OPCODE
        if opcode >= _FIRST_CONTROL:
            counted.control += 1
            return
        if length <= SMALL_BYTES:
            counted.small += 1
        self._message_bytes = length + (self._message_bytes if opcode == 0 else 0)
        counted.message_bytes = max(counted.message_bytes, self._message_bytes)
        self._is_last = bool(head[0] & _FIN)


def _head_bytes(second: int) -> int:
    return 2 + _LENGTH_BYTES.get(second & _LENGTH, 0) + (4 if second & _MASKED else 0)
