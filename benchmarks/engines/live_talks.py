"""How well the live job recognises the recorded talks while translation and voices work beside it.

python -m benchmarks.engines.live_talks [dashwood cities telephone] [--speech local]

What `make demo` runs, with a listener in each of its languages; the talks of
``benchmarks.recorded_talks`` are spoken through the gateway in real time, one after another: 4 min.
Words wrong are those of the ledger. Ends with code 1 when something is missing, or more than
``MOST_WRONG`` of all words are wrong with the neural engines.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recorded_talks import TALKS, RecordedTalk, overall, words_wrong
from benchmarks.tables import save, show
from local_stack.demo.__main__ import hold_talk
from local_stack.demo.display import DemoDisplay
from local_stack.demo.report import DemoReport, make_report
from local_stack.flink import ROOT
from local_stack.processes import run_command
from local_stack.speech_engines import SPEECH, demo_engines
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import NoTalkError, Talk
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, EntryKind, LedgerEntry

DIRECTORY = ROOT / "build" / "live_talks"
MOST_WRONG = 0.08


@dataclass(frozen=True, slots=True)
class TalkFound:
    """``p50_s``, ``p95_s``: from an utterance's first sample to its notification."""

    name: str
    seconds: float
    words: int
    wrong: float
    clips: int
    missing: int
    p50_s: float
    p95_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """``wrong``: of the words of all talks together."""

    speech: str
    wrong: float
    missing: int
    talks: tuple[TalkFound, ...]


def recorded(talk: RecordedTalk, wav: Path) -> Talk:
    """``talk`` as the demo speaks one. NoTalkError: its recordings are not on this machine."""
    pcm = talk.pcm()
    wav.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(wav), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(BYTES_PER_SAMPLE)
        output.setframerate(SAMPLE_RATE_HZ)
        output.writeframes(pcm)
    return Talk(wav, talk.reference, len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE_HZ)


def of_talk(name: str, talk: Talk, report: DemoReport, entries: Sequence[LedgerEntry]) -> TalkFound:
    text = " ".join(entry.text for entry in entries if entry.kind is EntryKind.SPEECH)
    return TalkFound(
        name,
        round(talk.duration_s, 1),
        len(talk.reference.split()),
        round(words_wrong(talk.reference, text), 4),
        report.clips,
        report.missing,
        report.from_first.p50_ms / 1000,
        report.from_first.p95_ms / 1000,
        text,
    )


def of_all(speech: str, talks: Sequence[TalkFound]) -> Found:
    wrong = overall([(each.wrong, each.words) for each in talks])
    return Found(speech, round(wrong, 4), sum(each.missing for each in talks), tuple(talks))


def is_good(found: Found) -> bool:
    return found.missing == 0 and (found.speech != "local" or found.wrong <= MOST_WRONG)


def measure(speech: str, names: Sequence[str]) -> Found:
    spoken = {name: recorded(TALKS[name], DIRECTORY / f"{name}.wav") for name in names}
    talks: list[TalkFound] = []
    settings = StackSettings(DIRECTORY / "stack", stage="talks")
    with demo_engines(speech, settings) as engines, LocalStack(engines.settings) as stack:
        for name, talk in spoken.items():
            with DemoDisplay(talk.duration_s, engines.languages) as display:
                heard_in = DIRECTORY / "stack" / "listeners" / name
                evidence = asyncio.run(
                    hold_talk(stack, talk, display, engines.languages, save_to=heard_in)
                )
            talks.append(of_talk(name, talk, make_report(evidence), evidence.entries))
    return of_all(speech, talks)


def run(speech: str, names: Sequence[str], out: Path) -> int:
    found = measure(speech, names)
    show(
        f"The live job, {speech}: {100 * found.wrong:.1f} % of all words wrong",
        ("talk", "seconds", "words", "wrong", "clips", "missing", "p50 s", "p95 s"),
        [
            (
                *(each.name, each.seconds, each.words, f"{100 * each.wrong:.1f} %"),
                *(each.clips, each.missing, each.p50_s, each.p95_s),
            )
            for each in found.talks
        ],
    )
    save(out, found)
    return 0 if is_good(found) else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("talks", nargs="*", metavar="talk", help=", ".join(TALKS))
    parser.add_argument("--speech", default="local", choices=SPEECH)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "live_talks.json")
    given = parser.parse_args()
    names = given.talks or list(TALKS)
    if unknown := [name for name in names if name not in TALKS]:
        parser.error(f"no such talk: {', '.join(unknown)}")
    try:
        return run_command("live talks", lambda: run(given.speech, names, given.out))
    except NoTalkError as error:
        print(f"live talks: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
