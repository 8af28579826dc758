from __future__ import annotations

import wave
from pathlib import Path

import pytest

from local_stack.cluster_demo import looped
from local_stack.talk import Talk

pytestmark = pytest.mark.unit


def talk(directory: Path, samples: int) -> Talk:
    wav = directory / "talk.wav"
    with wave.open(str(wav), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(16_000)
        output.writeframes(b"\x01\x02" * samples)
    return Talk(wav, "one two", samples / 16_000)


@pytest.mark.parametrize(("wanted_s", "times"), [(0.5, 1), (1.0, 1), (1.1, 2), (3.0, 3)])
def test_a_talk_is_said_from_its_start_again_until_it_is_long_enough(
    tmp_path: Path, wanted_s: float, times: int
) -> None:
    found = looped(talk(tmp_path, 16_000), tmp_path / "more" / "looped.wav", wanted_s)
    assert found.duration_s == times
    assert found.reference.split() == ["one", "two"] * times
    with wave.open(str(found.wav), "rb") as source:
        assert source.getframerate() == 16_000
        assert source.readframes(source.getnframes()) == b"\x01\x02" * 16_000 * times
