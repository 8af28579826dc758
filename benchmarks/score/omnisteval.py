"""Scores by OmniSTEval, which nobody here wrote: LongYAAL, BLEU and chrF of SimulStream-style logs.

It runs as a process of its own (NOTICE), over a folder with the log, the references and where each
reference's speech lies.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from benchmarks.score.virtual_talk import Played, ReleasedSentence

WITHIN_S = 300.0


def write_logs(folder: Path, played: Sequence[Played], call_s: float) -> None:
    """``simulstream.jsonl``: each release when it was made, with ``call_s`` of computation, as
    SimulStream logs it; ``words.jsonl``: each word with its times, which OmniSTEval reads without
    SimulStream's own package."""
    releases: list[Mapping[str, object]] = [
        {"id": number, "metadata": {"wav_name": f"{each.talk.name}.wav"}}
        for number, each in enumerate(played)
    ]
    words: list[Mapping[str, object]] = []
    for number, each in enumerate(played):
        timed = [pair for sentence in each.sentences for pair in timed_words(sentence)]
        words.append(
            {
                "source": [f"{each.talk.name}.wav"],
                "prediction": " ".join(word for word, _ in timed),
                "delays": [at_s * 1000 for _, at_s in timed],
                "elapsed": [(at_s + call_s) * 1000 for _, at_s in timed],
                "source_length": each.talk.words[-1].end_s * 1000,
            }
        )
        releases += [
            {
                "id": number,
                "total_audio_processed": release.at_s,
                "computation_time": call_s,
                "generated_tokens": release.text.split(),
                "deleted_tokens": [],
            }
            for sentence in each.sentences
            for release in sentence.releases
        ]
    for name, lines in (("simulstream", releases), ("words", words)):
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text)


def timed_words(sentence: ReleasedSentence) -> list[tuple[str, float]]:
    """Each word of a sentence's translation and when its beginning was released: the mark after a
    word may come later than the word."""
    ends = list(accumulate(len(each.text) for each in sentence.releases))
    return [
        (found[0], sentence.releases[bisect_right(ends, found.start())].at_s)
        for found in re.finditer(r"\S+", sentence.text)
    ]


def write_references(
    folder: Path, played: Sequence[Played], references: Sequence[Sequence[str]]
) -> None:
    """``references``: for each talk, one for each of its sentences."""
    segments: list[dict[str, object]] = []
    for each, of_talk in zip(played, references, strict=True):
        place = 0
        for sentence, _ in zip(each.talk.sentences, of_talk, strict=True):
            words = each.talk.words[place : place + len(sentence.split())]
            place += len(words)
            segments.append(
                {
                    "wav": f"{each.talk.name}.wav",
                    "offset": words[0].start_s,
                    "duration": words[-1].end_s - words[0].start_s,
                }
            )
    (folder / "segments.json").write_text(json.dumps(segments))
    lines = (f"{text}\n" for of_talk in references for text in of_talk)
    (folder / "references.txt").write_text("".join(lines))


def omnisteval(folder: Path) -> Mapping[str, float]:
    """Every score by its name. RuntimeError: it has none to give."""
    options = {
        "speech_segmentation": "segments.json",
        "ref_sentences_file": "references.txt",
        "hypothesis_file": "words.jsonl",
        "hypothesis_format": "jsonl",
        "output_folder": "scores",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    program = str(Path(sys.executable).with_name("omnisteval"))
    done = subprocess.run(
        [program, "longform", *arguments, "--word_level"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    table = folder / "scores" / "scores.tsv"
    if done.returncode or not table.exists():
        raise RuntimeError(f"omnisteval failed: {done.stderr[-600:]}")
    scores: dict[str, float] = {}
    for line in table.read_text().splitlines():
        name, _, value = line.partition("\t")
        try:
            scores[name] = float(value.split("\t")[0])
        except ValueError:
            continue
    return scores
