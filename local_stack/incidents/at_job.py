"""Troubles of the job, each in mid-talk; nothing that was spoken may be lost over them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from connectors.amazon.clients import AwsClients
from local_stack.flink import FlinkError
from local_stack.incidents.case import Case, NotShownError, until
from local_stack.incidents.stack import TroubledStack
from local_stack.incidents.talk import GoingOn, ask, operations, session_now, talk
from local_stack.proxies import Fault

USUAL_LAG_S = 8.0
"""A clip that comes no later is on time: a phrase of some words, and the services' time."""
OLD_MS = 8_000
"""Records that wait for so long: words are said, cut and voiced in half of it."""
_SLOW_S = 3.0
_LETTERS_S = 60.0
_MUTED_S = 4.0


@asynccontextmanager
async def _talk(stack: TroubledStack, case: Case) -> AsyncGenerator[GoingOn]:
    async with talk(stack) as (going_on, outcome):
        yield going_on
    case.helped.append(outcome.words)


async def muted(stack: TroubledStack, case: Case) -> None:
    async with _talk(stack, case) as going_on:
        session = f"{stack.url}/sessions/{going_on.session_id}"
        await ask("PATCH", session, going_on.token, {"muted": True})
        case.provoked.append("the speaker muted the microphone and talks on")
        await until(lambda: going_on.silent_s() > _MUTED_S, "no clip comes any more")
        now = await session_now(stack, going_on.session_id)
        if now.get("state") != "muted":
            raise NotShownError(f"the operators' page says {now.get('state')}")
        case.seen.append(f"operators' page: state muted, no clip for {_MUTED_S:.0f} s")
        await ask("PATCH", session, going_on.token, {"muted": False})
        case.done.append("unmuted")
        case.helped.append(await going_on.clip_within(USUAL_LAG_S, "a clip after unmuting"))


async def slow_service(stack: TroubledStack, case: Case) -> None:
    async with _talk(stack, case) as going_on:
        with stack.translate.with_faults(Fault("*", delay_s=_SLOW_S)):
            case.provoked.append(f"the translation service takes {_SLOW_S:.0f} s more")
            slow_ms, _ = await until(
                lambda: _stage_p95_ms(stack, "translate", _SLOW_S * 1000), "a slow stage is shown"
            )
            case.seen.append(f"operators' page: translate p95 {slow_ms / 1000:.1f} s")
            case.seen.append(await going_on.clip_within(60.0, "a late clip"))
        case.done.append("the service is as quick as before")
        case.helped.append(await going_on.clip_within(USUAL_LAG_S, "a clip on time"))


async def iterators_expire(stack: TroubledStack, case: Case) -> None:
    case.provoked.append("every GetRecords finds its iterator expired")
    await _refused_reads(stack, case, "ExpiredIteratorException", "waited")


async def reads_throttled(stack: TroubledStack, case: Case) -> None:
    case.provoked.append("every GetRecords is over the shard's throughput")
    await _refused_reads(stack, case, "ProvisionedThroughputExceededException", "quota raised")


async def _refused_reads(stack: TroubledStack, case: Case, code: str, done: str) -> None:
    async with _talk(stack, case) as going_on:
        with stack.cloud.with_faults(Fault("GetRecords", 400, code)):
            await _backlog_shows(stack, case, going_on)
        case.done.append(done)
        await _backlog_falls(stack, case, going_on)


async def worker_killed(stack: TroubledStack, case: Case) -> None:
    async with _talk(stack, case) as going_on:
        before = _restored(stack)
        if not await asyncio.to_thread(stack.job.kill_workers):
            raise NotShownError("there was no worker to kill")
        case.provoked.append("kill -9 of the Python worker")
        _, waited_s = await until(
            lambda: _restored(stack) > before, "Flink goes back to a checkpoint"
        )
        case.seen.append(f"Flink: went back to its last checkpoint after {waited_s:.0f} s")
        case.done.append("waited")
        case.helped.append(await going_on.clip_within(USUAL_LAG_S, "a clip on time", 60.0))


async def flink_killed(stack: TroubledStack, case: Case) -> None:
    async with _talk(stack, case) as going_on:
        await asyncio.to_thread(stack.job.kill_flink)
        case.provoked.append("kill -9 of Flink, its state is gone")
        await _backlog_shows(stack, case, going_on)
        case.done.append("started with --start=resume")
        await asyncio.to_thread(stack.resume_job)
        await _backlog_falls(stack, case, going_on)


async def checkpoints_fail(stack: TroubledStack, case: Case) -> None:
    async with _talk(stack, case) as going_on:
        before = _checkpoints(stack)
        case.provoked.append("where checkpoints go cannot be written")
        await asyncio.to_thread(stack.job.fail_a_checkpoint)
        case.seen.append("Flink: a checkpoint failed, the job is restarting")
        case.done.append("the store can be written again")
        _, waited_s = await until(
            lambda: _checkpoints(stack) > before, "another checkpoint is finished", 60.0
        )
        case.helped.append(f"a checkpoint {waited_s:.0f} s later")
        case.helped.append(await going_on.clip_within(USUAL_LAG_S, "a clip on time"))


async def dead_letters(stack: TroubledStack, case: Case) -> None:
    clients = AwsClients(stack.aws)
    names = stack.aws.names
    try:
        async with _talk(stack, case) as going_on:
            kinesis = await clients.kinesis()
            await kinesis.put_record(
                StreamName=names.audio_stream, PartitionKey="stranger", Data=b"no audio chunk"
            )
            case.provoked.append("a record on the stream that is no audio")
            denied = Fault(f"PUT /{names.clip_bucket}/*", 403, "AccessDenied")
            with stack.cloud.with_faults(denied):
                case.provoked.append("the bucket refuses clips")
                by_step, waited_s = await until(
                    lambda: _letters_of(stack, {"read", "publish"}),
                    "both are on the operators' page",
                    _LETTERS_S,
                )
                case.seen.append(f"operators' page after {waited_s:.0f} s: {by_step}")
            case.done.append("read the letters (cause, sessionId), gave the policy back")
            listed = await _listed(clients, names.audio_bucket)
            case.done.append(f"found {listed} under dead-letters/")
            case.helped.append(await going_on.clip_within(USUAL_LAG_S, "a clip on time"))
    finally:
        await clients.close()


async def speech_throttled(stack: TroubledStack, case: Case) -> None:
    async with _talk(stack, case) as going_on:
        with stack.translate.with_faults(Fault("*", 400, "ThrottlingException", every=2)):
            case.provoked.append("the translation service refuses every other call")
            refused, _ = await until(
                lambda: sum(stack.translate.refused.values()) // 6 * 6, "six refusals"
            )
            stage_ms = await _stage_p95_ms(stack, "translate", 0)
            case.seen.append(f"{refused} calls refused, translate p95 {stage_ms} ms")
        case.done.append("quota raised")
        case.helped.append(await going_on.clip_within(USUAL_LAG_S, "a clip on time"))


async def _backlog_shows(stack: TroubledStack, case: Case, going_on: GoingOn) -> None:
    age_ms, waited_s = await until(
        lambda: _oldest_ms(stack, going_on, OLD_MS), "the session's backlog rises"
    )
    case.seen.append(f"operators' page: backlog {age_ms / 1000:.1f} s after {waited_s:.0f} s")


async def _backlog_falls(stack: TroubledStack, case: Case, going_on: GoingOn) -> None:
    clip = await going_on.clip_within(USUAL_LAG_S, "a clip on time", 60.0)
    await until(lambda: _is_caught_up(stack, going_on), "the session's backlog falls", 60.0)
    case.helped.append(f"{clip}, backlog below {OLD_MS // 1000} s")


async def _oldest_ms(stack: TroubledStack, going_on: GoingOn, least_ms: int) -> int | None:
    """How long the oldest record of the talk has waited, if that long."""
    document = await operations(stack)
    for session in document.get("sessions", []):
        if session["sessionId"] == going_on.session_id and session["oldestWaitingAt"] is not None:
            age_ms = int(document["at"]) - int(session["oldestWaitingAt"])
            return age_ms if age_ms >= least_ms else None
    return None


async def _is_caught_up(stack: TroubledStack, going_on: GoingOn) -> bool:
    return await _oldest_ms(stack, going_on, OLD_MS) is None


async def _stage_p95_ms(stack: TroubledStack, stage: str, least_ms: float) -> int | None:
    slowest = [
        one["p95"]
        for lag in (await operations(stack)).get("lag", [])
        for one in lag["stages"]
        if one["stage"] == stage and one["p95"] >= least_ms
    ]
    return max(slowest, default=None)


async def _letters_of(stack: TroubledStack, steps: set[str]) -> dict[str, int] | None:
    found = (await operations(stack)).get("deadLetters", {}).get("byStep", {})
    return found if steps <= found.keys() else None


async def _listed(clients: AwsClients, bucket: str) -> int:
    s3 = await clients.s3()
    answer = await s3.list_objects_v2(Bucket=bucket, Prefix="dead-letters/")
    return len(answer.get("Contents", []))


def _checkpoints(stack: TroubledStack) -> int:
    return _counted(stack, "completed")


def _restored(stack: TroubledStack) -> int:
    return _counted(stack, "restored")


def _counted(stack: TroubledStack, what: str) -> int:
    """Checkpoints of the running job; 0 while Flink does not say."""
    with contextlib.suppress(FlinkError):
        answer: Any = stack.job.rest.get(f"/jobs/{stack.job.job_id()}/checkpoints")
        return int(answer["counts"][what])
    return 0
