"""What the benchmark of reading asks of the stream."""

from __future__ import annotations

import pytest

from benchmarks.kinesis.reading import CHUNK_BYTES, CHUNKS_A_S, SESSIONS_A_SHARD, Load, loads_of

pytestmark = pytest.mark.unit


def test_a_stream_has_the_shards_that_its_sessions_need() -> None:
    assert loads_of((10, 200), (1, 4), 0, 20.0) == (
        Load(10, 1, 1, 20.0),
        Load(10, 1, 4, 20.0),
        Load(200, 8, 8, 20.0),
        Load(200, 8, 32, 20.0),
    )
    assert loads_of((10,), (2,), 4, 20.0) == (Load(10, 4, 8, 20.0),)


def test_a_shard_takes_the_audio_of_its_sessions() -> None:
    assert SESSIONS_A_SHARD * CHUNKS_A_S * CHUNK_BYTES < 1_000_000
