"""``make cluster-demo``: the demo's talk on a standalone Flink cluster, and through three outages.

Four acts, each a talk of its own: nothing happens; a TaskManager is killed; the JobManager is
killed; the job is stopped with a savepoint and goes on from it with another option. Each ends with
the demo's line, and the command with an error code when anything is missing or said twice.

``--application``: the first three, with a JobManager that is started for this job alone. Its
savepoints are the operator's business, that starts another one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
import wave
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from ingest_gateway.client import create_session, fetch_token, speak
from local_stack.audience import Audience, promised, settled
from local_stack.cluster.report import Act, Outage, key_faults, longest_waits_s, repeated_s
from local_stack.cluster.stack import ClusterStack, ClusterStackSettings, cluster_stack
from local_stack.completeness import judge
from local_stack.demo.report import Evidence, make_report, playable
from local_stack.flink import ROOT
from local_stack.processes import ProcessError, stop_on_terminate
from local_stack.talk import NoTalkError, Talk, make_talk
from schemas.values import SAMPLE_RATE_HZ

DIRECTORY = ROOT / "build" / "cluster-demo"
STILL_S = 60.0
"""What has not come by then, while nothing else comes either, does not come."""
SETTLE_TIMEOUT_S = 480.0
CHANGED = "--settle_ms=300"
"""What the job has otherwise after its savepoint; the default is 250."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An act: what is done in mid-talk, and what has to be ready for it."""

    name: str
    talk_s: float
    strike: Callable[[ClusterStack], None] | None = None
    prepare: Callable[[ClusterStack], None] | None = None


def kill_taskmanager(stack: ClusterStack) -> None:
    stack.job.kill_taskmanager(stack.job.busiest())


def kill_jobmanager(stack: ClusterStack) -> None:
    stack.job.kill_jobmanager()


def build_changed_job(stack: ClusterStack) -> None:
    stack.job.build(_changed_jar(stack), CHANGED)


def move_by_savepoint(stack: ClusterStack) -> None:
    savepoint = stack.job.stop_with_savepoint()
    stack.job.run(_changed_jar(stack), savepoint)
    restored = stack.job.restored()
    if restored is None or not restored.is_savepoint:
        raise ProcessError(f"the job did not begin from its savepoint but from {restored}")


def _changed_jar(stack: ClusterStack) -> Path:
    return stack.settings.directory / "changed.jar"


PLANS = (
    Plan("undisturbed", 300.0),
    Plan("taskmanager", 90.0, kill_taskmanager),
    Plan("jobmanager", 90.0, kill_jobmanager),
    Plan("savepoint", 90.0, move_by_savepoint, build_changed_job),
)


def looped(talk: Talk, wav: Path, duration_s: float) -> Talk:
    """``talk`` from the start again as often as it takes to fill ``duration_s``; at least once."""
    times = max(1, math.ceil(duration_s / talk.duration_s))
    with wave.open(str(talk.wav), "rb") as source:
        shape, frames = source.getparams(), source.readframes(source.getnframes())
    wav.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(wav), "wb") as output:
        output.setparams(shape)
        output.writeframes(frames * times)
    return Talk(wav, " ".join([talk.reference] * times), talk.duration_s * times)


async def play(plan: Plan, stack: ClusterStack, talk: Talk) -> Act:
    """Speak ``talk`` in real time, strike in the middle of it, wait until all has arrived."""
    clients = AwsClients(stack.aws)
    try:
        token = await fetch_token(stack.gateway_url)
        session_id = await create_session(
            stack.gateway_url, token=token, target_languages=stack.settings.languages
        )
        audience = Audience(stack.gateway_url, session_id)
        async with asyncio.TaskGroup() as group:
            for language in stack.settings.languages:
                await audience.join(language, group)
            striking = group.create_task(_strike(plan, stack, talk.duration_s / 2))
            spoken = await speak(stack.gateway_url, talk.wav, session_id=session_id, token=token)
            outage = await striking
            entries = await settled(
                AmazonLedger(clients),
                session_id,
                [promised(spoken)],
                lambda: audience.reached | audience.skipped,
                SETTLE_TIMEOUT_S,
                still_s=STILL_S,
            )
            heard = await audience.leave()
        return _act(
            plan.name,
            Evidence(talk, spoken, heard, entries),
            key_faults(audience.keys),
            outage,
        )
    finally:
        await clients.close()


async def _strike(plan: Plan, stack: ClusterStack, after_s: float) -> Outage | None:
    if plan.strike is None:
        return None
    await asyncio.sleep(after_s)
    before = await asyncio.to_thread(stack.job.restored)
    at_ms = _now_ms()
    _say(f"{plan.name}: now")
    await asyncio.to_thread(plan.strike, stack)
    restored = await asyncio.to_thread(stack.job.restored)
    # An earlier act left a checkpoint that the job began from, too: it is not this one's.
    if restored is None or restored == before:
        raise ProcessError(f"{plan.name}: the job began anew, from no checkpoint")
    return Outage(plan.name, at_ms, _now_ms(), restored.path)


def _act(name: str, evidence: Evidence, key_faults: tuple[str, ...], outage: Outage | None) -> Act:
    report = make_report(evidence)
    told = {
        (skip.sequence_number, one.language): skip.reason
        for one in evidence.heard
        for skip in one.skips
    }
    completeness = judge(
        evidence.spoken.session_id,
        evidence.entries,
        [promised(evidence.spoken)],
        playable(evidence.heard) | told.keys(),
    )
    usual_s, silence_s = longest_waits_s(
        [[clip.received_at_ms for clip in one.clips] for one in evidence.heard],
        outage.at_ms if outage else None,
        _now_ms(),
    )
    return Act(
        name,
        report.line,
        (*report.faults, *key_faults),
        (*completeness.faults, *key_faults),
        repeated_s(completeness.sample_faults, SAMPLE_RATE_HZ),
        dict(Counter(told.values())),
        sum(one.repeats for one in evidence.heard),
        usual_s,
        silence_s,
        outage,
    )


def run(names: Sequence[str], talk_s: float | None, settings: ClusterStackSettings) -> int:
    """The exit code: 0 when nothing is missing in any act."""
    plans = [plan for plan in PLANS if not names or plan.name in names]
    if settings.is_application:
        plans = [plan for plan in plans if plan.strike is not move_by_savepoint]
    acts: list[Act] = []
    with cluster_stack(settings, _say) as stack:
        talk = make_talk(DIRECTORY / "talk.wav")
        for plan in plans:
            if plan.prepare is not None:
                plan.prepare(stack)
            stack.job.wait_for_slots()
            stack.job.wait_for_checkpoint()
            spoken = looped(talk, DIRECTORY / f"{plan.name}.wav", talk_s or plan.talk_s)
            _say(f"{plan.name}: speaking {spoken.duration_s:.0f} s")
            acts.append(asyncio.run(play(plan, stack, spoken)))
            _say(f"{plan.name}: workers: {_in_words(stack.job.worker_programs())}")
            _say(acts[-1].summary)
    found = [asdict(act) for act in acts]
    (DIRECTORY / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    for act in acts:
        for fault in act.faults:
            print(f"cluster-demo: {act.name}: {fault}", file=sys.stderr)
    for act in acts:
        _say(act.summary)
    return 1 if any(act.faults for act in acts) else 0


def _in_words(programs: Collection[Path]) -> str:
    return ", ".join(sorted(str(path).removeprefix(f"{ROOT}/") for path in programs))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _say(step: str) -> None:
    print(f"cluster-demo: {step}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("acts", nargs="*", help=", ".join(plan.name for plan in PLANS))
    parser.add_argument("--talk_s", type=float, help="length of every talk, instead of their own")
    parser.add_argument(
        "--bring_python", action="store_true", help="in the jar, for TaskManagers that have none"
    )
    parser.add_argument("--application", action="store_true", help="a JobManager of its own")
    given = parser.parse_args()
    unknown = set(given.acts) - {plan.name for plan in PLANS}
    if unknown:
        parser.error(f"no such act: {', '.join(sorted(unknown))}")
    if given.application and "savepoint" in given.acts:
        parser.error("an application is not moved by savepoint here")
    stop_on_terminate()
    try:
        settings = ClusterStackSettings(
            DIRECTORY, brings_python=given.bring_python, is_application=given.application
        )
        return run(given.acts, given.talk_s, settings)
    except KeyboardInterrupt:
        return 130
    except (ProcessError, NoTalkError) as error:
        print(f"cluster-demo: {error}", file=sys.stderr)
    except ExceptionGroup as group:  # of the speaker, a listener or the outage
        for error in group.exceptions:
            print(f"cluster-demo: {type(error).__name__}: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
