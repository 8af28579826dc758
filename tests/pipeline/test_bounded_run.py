"""The same graph over a file or a folder of chunks, languages as a side input."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from urllib.parse import unquote

import pytest

from connectors.mp3 import decode_clip
from connectors.scripted_words import write_silence, write_words
from pipelines.main import main

pytestmark = pytest.mark.pipeline

SCRIPTED = ("--speech_to_text=scripted", "--translation=scripted", "--speech_synthesis=scripted")


def write_wav(path: Path, pcm: bytes) -> None:
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(pcm)


def transcripts(output: Path, session_id: str, language: str) -> list[str]:
    folder = output / "sessions" / session_id / "translated" / language
    described = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    by_number = {int(each["metadata"]["sequenceNumber"]): each for each in described}
    return [unquote(by_number[number]["metadata"]["transcript"]) for number in sorted(by_number)]


def test_a_wav_file_becomes_clips_in_every_language_asked_for(tmp_path: Path) -> None:
    pcm, words = write_words(0, 14, 0.4, 0.1)
    write_wav(tmp_path / "talk.wav", pcm + write_silence(4.0) + write_words(14, 4, 0.4, 0.1)[0])
    output = tmp_path / "out"
    status = main(
        [f"--input={tmp_path / 'talk.wav'}", "--language=es,ca", f"--output={output}", *SCRIPTED]
    )
    assert status == 0
    said = [word.text for word in words] + ["w14", "w15", "w16", "w17"]
    for language in ("es", "ca"):
        heard = [
            word
            for text in transcripts(output, "talk", language)
            for word in text.removeprefix(f"{language}:").split()
        ]
        assert heard == said
    clips = sorted((output / "sessions/talk/translated/es").glob("*.mp3"))
    assert all(len(decode_clip(clip.read_bytes())) > 0 for clip in clips)


def test_a_folder_of_stored_chunks_is_replayed_session_by_session(tmp_path: Path) -> None:
    for number, session_id in enumerate(("first", "second")):
        folder = tmp_path / "trail" / "sessions" / session_id / "chunks"
        folder.mkdir(parents=True)
        pcm, _words = write_words(number * 50, 8, 0.4, 0.1)
        for start in range(0, len(pcm), 8192):
            at_ms = 1_000_000 + start * 1000 // 32_000
            (folder / f"{at_ms}.pcm").write_bytes(pcm[start : start + 8192])
    output = tmp_path / "out"
    status = main(
        [f"--input={tmp_path / 'trail'}", "--language=fr", f"--output={output}", *SCRIPTED]
    )
    assert status == 0
    for number, session_id in enumerate(("first", "second")):
        said = " ".join(f"w{number * 50 + word}" for word in range(8))
        heard = " ".join(text.removeprefix("fr:") for text in transcripts(output, session_id, "fr"))
        assert heard == said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--input=/no/such/file.wav", "--output=/tmp/x"], "no such file"),
        (["--input=README.md", "--output=/tmp/x"], "WAV"),
        (["--input=README.md"], "--output"),
        (["--input=README.md", "--output=/tmp/x", "--language=,"], "--language"),
        (["--start=yesterday"], "trim_horizon"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
