"""The same graph over a file or a folder of chunks, languages as a side input."""

from __future__ import annotations

import io
import json
import sys
import wave
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import pytest

from connectors.audio.mp3 import decode_clip
from connectors.interfaces.errors import PermanentError
from connectors.testing.speech_to_text import ScriptedSpeechToText
from connectors.testing.words import write_silence, write_words
from local_stack.talk import LIBRIVOX
from pipelines.main import main

pytestmark = pytest.mark.pipeline

SENTENCE = LIBRIVOX / "sense_and_sensibility_01_austen_64kb-0870.wav"
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


class Terminal(io.TextIOWrapper):
    """A standard input into which nothing is piped."""

    @property
    def buffer(self) -> BinaryIO:
        class Keyboard(io.BytesIO):
            def isatty(self) -> bool:
                return True

        return Keyboard()


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


def test_stored_chunks_keep_their_times_in_keys_and_count_from_the_first_in_captions(
    tmp_path: Path,
) -> None:
    began_at_ms = 1_790_000_000_000
    folder = tmp_path / "sessions" / "first" / "chunks"
    folder.mkdir(parents=True)
    pcm = write_words(0, 8, 0.4, 0.1)[0]
    for start in range(0, len(pcm), 8192):
        (folder / f"{began_at_ms + start // 32}.pcm").write_bytes(pcm[start : start + 8192])
    output = tmp_path / "out"
    assert main([f"--input={folder}", "--language=fr", f"--output={output}", *SCRIPTED]) == 0
    home = output / "sessions" / "first"
    times_ms = sorted(int(path.stem) for path in (home / "translated" / "fr").glob("*.mp3"))
    assert times_ms[0] == began_at_ms
    captions = (home / "captions" / "en.vtt").read_text()
    starts_ms = [round(float(line[6:12]) * 1000) for line in captions.splitlines() if "-->" in line]
    assert [began_at_ms + ms for ms in starts_ms] == times_ms


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--input=/no/such/file.wav", "--output=/tmp/x"], "no such file"),
        (["--input=README.md", "--output=/tmp/x"], "neither a WAV file nor other audio"),
        (["--input=README.md", "--output=README.md"], "this is a file; give a folder"),
        (["--input=README.md"], "--output"),
        (["--input=README.md", "--output=/tmp/x", "--language=,"], "--language"),
        (["--start=yesterday"], "trim_horizon"),
        (["--input=-", "--output=/tmp/x"], "pipe a WAV file or raw samples"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO()))
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def left(output: Path) -> dict[str, bytes]:
    """Every file that a run left, by its path."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


def scripted_talk(path: Path) -> Path:
    """14 words, a pause of 4 s, 4 words."""
    first, second = write_words(0, 14, 0.4, 0.1)[0], write_words(14, 4, 0.4, 0.1)[0]
    write_wav(path, first + write_silence(4.0) + second)
    return path


@pytest.mark.parametrize("segmentation", ["pause", "window"])
def test_clips_and_captions_count_from_the_recordings_beginning(
    tmp_path: Path, segmentation: str
) -> None:
    talk, output = scripted_talk(tmp_path / "talk.wav"), tmp_path / "out"
    arguments = [f"--input={talk}", "--language=es", f"--output={output}"]
    assert main([*arguments, f"--segmentation={segmentation}", *SCRIPTED]) == 0
    home = output / "sessions" / "talk"
    times_ms = sorted(int(path.stem) for path in (home / "translated" / "es").glob("*.mp3"))
    assert times_ms[0] == 0
    assert 10_000 <= times_ms[-1] < 13_000
    for language in ("en", "es"):
        captions = (home / "captions" / f"{language}.vtt").read_text()
        assert captions.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
        starts = [line[:12] for line in captions.splitlines() if "-->" in line]
        assert starts == [f"00:00:{ms // 1000:02d}.{ms % 1000:03d}" for ms in times_ms]
    assert (home / "transcript.txt").read_text().split() == [f"w{n}" for n in range(18)]


@pytest.mark.parametrize("segmentation", ["pause", "window"])
def test_two_runs_leave_the_same_bytes(tmp_path: Path, segmentation: str) -> None:
    talk = scripted_talk(tmp_path / "talk.wav")
    for run in ("first", "second"):
        arguments = [f"--input={talk}", "--language=es,ca", f"--output={tmp_path / run}"]
        assert main([*arguments, f"--segmentation={segmentation}", *SCRIPTED]) == 0
    first = left(tmp_path / "first")
    assert {Path(name).suffix for name in first} == {".mp3", ".json", ".vtt", ".txt"}
    assert left(tmp_path / "second") == first


@pytest.mark.integration
@pytest.mark.skipif(not SENTENCE.exists(), reason="needs Debian's pocketsphinx-testdata")
def test_two_runs_of_the_offline_engines_leave_the_same_bytes(tmp_path: Path) -> None:
    for run in ("first", "second"):
        assert main([f"--input={SENTENCE}", "--language=es", f"--output={tmp_path / run}"]) == 0
    first = left(tmp_path / "first")
    assert any(name.endswith(".mp3") for name in first)
    assert left(tmp_path / "second") == first


def test_what_was_read_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = scripted_talk(tmp_path / "talk.wav")
    talk.write_bytes(talk.read_bytes()[: 44 + 2 * 16_000])
    assert main([f"--input={talk}", f"--output={tmp_path / 'out'}", *SCRIPTED]) == 0
    assert f"{talk}: 1.0 of 13.0 s: the file is cut short\n" in capsys.readouterr().err


def test_a_talk_can_be_piped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = write_words(0, 8, 0.4, 0.1)[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pcm)))
    output = tmp_path / "out"
    assert main(["--input=-", "--language=es", f"--output={output}", *SCRIPTED]) == 0
    transcript = (output / "sessions" / "stdin" / "transcript.txt").read_text()
    assert transcript.split() == [f"w{n}" for n in range(8)]


def test_a_language_that_is_not_to_be_had_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk, output = scripted_talk(tmp_path / "talk.wav"), tmp_path / "out"
    assert main([f"--input={talk}", "--language=es,xx", f"--output={output}", *SCRIPTED]) == 2
    said = capsys.readouterr().err
    assert "--language=xx: these engines have no translation from en" in said
    assert "use some of: ca, " in said
    assert not output.exists()


def test_a_recogniser_that_takes_nothing_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise PermanentError("scripted")

    monkeypatch.setattr(ScriptedSpeechToText, "open", refuse)
    talk, output = scripted_talk(tmp_path / "talk.wav"), tmp_path / "out"
    assert main([f"--input={talk}", f"--output={output}", *SCRIPTED]) == 1
    said = capsys.readouterr().err
    assert "nothing was recognised: " in said
    assert " s of audio were given up" in said


def test_what_is_spoken_can_be_said(tmp_path: Path) -> None:
    talk, output = scripted_talk(tmp_path / "talk.wav"), tmp_path / "out"
    arguments = [f"--input={talk}", "--source_language=es", "--language=ca"]
    assert main([*arguments, f"--output={output}", *SCRIPTED]) == 0
    names = {path.name for path in (output / "sessions/talk/captions").iterdir()}
    assert names == {"es.vtt", "ca.vtt"}


def test_help_shows_how_a_recording_is_translated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "python -m pipelines.main --input=talk.wav --language=es,ca --output=" in shown
    for option in ("--input", "--source_language", "--language", "--output", "--segmentation"):
        assert f"  {option} " in shown
