"""Names of keys that Flink spreads evenly over the subtasks of a stage, whatever their number.

Flink deals keys out by a hash, and of few keys one subtask of two easily gets three quarters. Names
are therefore chosen by the key group that they fall into. For keys that a job makes up: the readers
of a stream, the partitions of a step.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count

KEY_GROUPS = 128
"""Flink's maximum parallelism for jobs of up to 85 subtasks, unless it is set."""
_INT = 0xFFFFFFFF
_LONG = 0xFFFFFFFFFFFFFFFF


@lru_cache
def spread_keys(keys: int) -> tuple[str, ...]:
    """``keys`` names, in key groups that lie evenly apart. The same for every parallelism, so that
    a rescaled job finds their state."""
    wanted = {int((number + 0.5) * KEY_GROUPS / keys): number for number in range(keys)}
    if len(wanted) < keys:
        return tuple(str(number) for number in range(keys))  # more keys than key groups
    found: dict[int, str] = {}
    for candidate in count():
        number = wanted.get(key_group(str(candidate)))
        if number is not None and number not in found:
            found[number] = str(candidate)
            if len(found) == keys:
                break
    return tuple(found[number] for number in range(keys))


def key_group(key: str) -> int:
    """The key group of a string key of at most 14 bytes, as Beam's runner and Flink assign it:
    ``FlinkKey.hashCode`` over the coder's bytes, then ``KeyGroupRangeAssignment``. Neither promises
    to assign it so for ever; a wrong guess costs an even spread and nothing else."""
    encoded = key.encode()
    return _flink_murmur(_murmur3_128(bytes((len(encoded), *encoded)))) % KEY_GROUPS


def _murmur3_128(data: bytes) -> int:
    """The lowest 32 bits of MurmurHash3_x64_128 (Austin Appleby, public domain), seed 0, of less
    than 16 bytes."""
    k1, k2 = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
    h1 = h2 = 0
    if k2:
        h2 ^= _rotated(k2 * 0x4CF5AD432745937F & _LONG, 33, 64) * 0x87C37B91114253D5 & _LONG
    h1 ^= _rotated(k1 * 0x87C37B91114253D5 & _LONG, 31, 64) * 0x4CF5AD432745937F & _LONG
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & _LONG
    h2 = (h2 + h1) & _LONG
    h1, h2 = _mixed_64(h1), _mixed_64(h2)
    return (h1 + h2) & _INT


def _mixed_64(code: int) -> int:
    code = (code ^ code >> 33) * 0xFF51AFD7ED558CCD & _LONG
    code = (code ^ code >> 33) * 0xC4CEB9FE1A85EC53 & _LONG
    return code ^ code >> 33


def _flink_murmur(code: int) -> int:
    """``MathUtils.murmurHash`` of Flink."""
    code = _rotated(code * 0xCC9E2D51 & _INT, 15, 32) * 0x1B873593 & _INT
    code = (_rotated(code, 13, 32) * 5 + 0xE6546B64) & _INT
    code ^= 4
    code = (code ^ code >> 16) * 0x85EBCA6B & _INT
    code = (code ^ code >> 13) * 0xC2B2AE35 & _INT
    code ^= code >> 16
    if code < 1 << 31:
        return code
    return (1 << 32) - code if code > 1 << 31 else 0


def _rotated(code: int, by: int, bits: int) -> int:
    return (code << by | code >> bits - by) & ((1 << bits) - 1)
