"""``make chaos``: twenty sessions speak for fifteen minutes while the system is killed, frozen, cut
off, resharded and replaced, by a seeded schedule. 0 lost, 0 repeated, every outcome once.

Recognition, translation and voices are scripted, so that every word is known. All is written to
``build/chaos.json``; the last line says which bar did not hold, and the command then fails.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from benchmarks.chaos.acts import acts_of
from benchmarks.chaos.judge import Found, find, last_line
from benchmarks.chaos.play import Player, in_thread
from benchmarks.chaos.schedule import PlannedAct, make_schedule
from benchmarks.chaos.settings import DIRECTORY, LANGUAGES, ChaosSettings, Form
from benchmarks.chaos.system import System, chaos_system
from benchmarks.crowd import Crowd, Held, scripted_talk
from benchmarks.tables import save, show
from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from local_stack.processes import run_command
from pipelines.sentences.settings import ReleaseName, ReleaseSettings

RESULT = DIRECTORY.with_suffix(".json")
_STAGGER_S = 0.4
_SETTLE_S = 600.0
_STILL_S = 150.0
_SETTLE_POLL_S = 5.0
"""Each look reads a session's whole ledger: twenty at once are to leave the local cloud alone."""
_PATIENCE_S = 60.0
_WORDS_A_SECOND = 3
_MOST_FAULTS_SHOWN = 40


async def hold(system: System) -> tuple[list[Held], Player, float]:
    """(the sessions, the acts played in them, minutes from the first word to the last outcome)."""
    settings = system.settings
    acts = {act.kind.name: act for act in acts_of(settings.form, settings.acts)}
    kinds = tuple(act.kind for act in acts.values())
    schedule = make_schedule(kinds, settings.seed, settings.talk_s)

    async def strike(planned: PlannedAct) -> None:
        await in_thread(lambda: acts[planned.kind.name].play(system, planned))

    player = Player(strike, settings.talk_s, say)
    say(f"{len(schedule)} acts are planned (seed {settings.seed})")
    clients = AwsClients(system.aws)
    try:
        crowd = Crowd(
            system.gateways.url,
            AmazonLedger(clients),
            settle_timeout_s=_SETTLE_S,
            settle_poll_s=_SETTLE_POLL_S,
            still_s=_STILL_S,
            patience_s=_PATIENCE_S,
        )
        words_apart = round(settings.talk_s * _WORDS_A_SECOND)
        talks = [
            scripted_talk(number, settings.talk_s, LANGUAGES, words_apart)
            for number in range(settings.sessions)
        ]
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            sessions = [
                group.create_task(crowd.hold(talk, after_s=number * _STAGGER_S))
                for number, talk in enumerate(talks)
            ]
            await player.play(schedule)
        minutes = (time.monotonic() - began_s) / 60
        return [session.result() for session in sessions], player, minutes
    finally:
        await clients.close()


def run(settings: ChaosSettings) -> int:
    """The exit code: 0 when every bar held."""
    with chaos_system(settings, say) as system:
        held, player, minutes = asyncio.run(hold(system))
        ended = system.ended()
    found = find(
        held,
        player.played,
        player.not_played,
        ended,
        minutes=minutes,
        seed=settings.seed,
        form=settings.form,
    )
    save(RESULT, found)
    tell(found)
    return 1 if found.broken_bars else 0


def tell(found: Found) -> None:
    show(
        "seconds without a clip, by act (each listener's longest wait)",
        ("act", "times", "longest act", "p50", "max"),
        [
            *(
                (one.act, one.times, one.longest_act_s, one.p50_s, one.max_s)
                for one in found.silences
            ),
            ("(none)", 0, 0.0, 0.0, found.usual_max_s),
        ],
    )
    skipped = ", ".join(f"{count} {why}" for why, count in sorted(found.skipped.items()))
    say(
        f"{found.entries} entries, {found.fences} of them fences; {found.clips} clips; skipped "
        f"with a notice: {skipped or 0}; repeats dropped: {found.repeats_dropped}; "
        f"{found.speaker_reconnects} + {found.listener_reconnects} reconnects, "
        f"{found.chunks_resent} chunks sent again"
    )
    for kind in ("lost", "repeated", "outcomes"):
        faults: tuple[str, ...] = getattr(found.faults, kind)
        for fault in faults[:_MOST_FAULTS_SHOWN]:
            say(f"{kind}: {fault}")
        if len(faults) > _MOST_FAULTS_SHOWN:
            say(f"{kind}: and {len(faults) - _MOST_FAULTS_SHOWN} more, see {RESULT}")
    for act in found.acts:
        if act.failure:
            say(f"failed: {act.name} at {act.at_s:.0f} s: {act.failure}")
    for one in found.ended:
        say(one)
    print(last_line(found), flush=True)


def say(step: str) -> None:
    print(f"chaos: {step}", flush=True)


def read_arguments(arguments: list[str]) -> ChaosSettings:
    default = ChaosSettings()
    parser = argparse.ArgumentParser(prog="benchmarks.chaos", description=__doc__)
    parser.add_argument("acts", nargs="*", help="their names; default: all")
    parser.add_argument("--talk_s", type=float, default=default.talk_s)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--sessions", type=int, default=default.sessions)
    parser.add_argument("--form", type=Form, choices=list(Form), default=default.form)
    parser.add_argument("--segmentation", choices=("pause", "window"), default="pause")
    parser.add_argument(
        "--release", default=ReleaseSettings().release, choices=list(ReleaseName), type=ReleaseName
    )
    given = parser.parse_args(arguments)
    try:
        acts_of(given.form, given.acts)
    except ValueError as error:
        parser.error(str(error))
    return ChaosSettings(
        given.talk_s,
        given.seed,
        given.sessions,
        tuple(given.acts),
        given.form,
        (f"--segmentation={given.segmentation}", f"--release={given.release}"),
    )


if __name__ == "__main__":
    sys.exit(run_command("chaos", lambda: run(read_arguments(sys.argv[1:]))))
