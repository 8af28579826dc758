"""Streams that are closed after their test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pipelines.log.stream_under_test import Stream, Streams


@pytest.fixture
def streams() -> Iterator[Streams]:
    made: list[Stream] = []

    def make(shards: int = 1, *, read_every_s: float = 0.2) -> Stream:
        made.append(Stream(shards, read_every_s=read_every_s))
        return made[-1]

    yield make
    for stream in made:
        stream.close()


@pytest.fixture
def stream(streams: Streams) -> Stream:
    return streams()
