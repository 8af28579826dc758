"""Troubles that the job has no part in."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Any

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection

from connectors.testing.words import write_words
from ingest_gateway.client import create_session, end_session, fetch_token, speak
from local_stack.incidents.case import Case, NotShownError, until
from local_stack.incidents.stack import TroubledStack
from local_stack.incidents.talk import (
    LANGUAGES,
    ask,
    bad,
    metric,
    operations,
    script,
    session_now,
    talk,
)
from local_stack.proxies import Fault, FaultyProxy

SMOKE = "production-smoke-test.sh"
_WISH = {"sourceLanguage": "en", "targetLanguages": list(LANGUAGES)}
_CREATES_A_MINUTE = 5
_MINUTE_S = 65.0
_CONNECT_S = 30.0
_REFUSED_S = 5.0


async def access_denied(stack: TroubledStack, case: Case) -> None:
    with stack.cloud.with_faults(Fault("*Item", 400, "AccessDeniedException")):
        case.provoked.append("every call for an item of a table is denied")
        await _smoke_fails(stack.url, case)
    case.done.append("waited, nothing was restarted")
    await _smoke_passes(stack.url, case)


async def no_candidates(stack: TroubledStack, case: Case) -> None:
    token = await _person(stack)
    session_id = await create_session(stack.url, token=token, target_languages=LANGUAGES)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        peer.addTransceiver("audio", direction="sendonly")
        await peer.setLocalDescription()
        offer = without_candidates(peer.localDescription.sdp)
        status = await _post_offer(f"{stack.url}/whip/{session_id}", token, offer)
        if status != 201:
            raise NotShownError(f"the offer was answered with {status}")
        case.provoked.append("a WHIP offer without candidates, and no packet of UDP comes")
        session, waited_s = await until(
            lambda: _without_speaker(stack, session_id), "the speaker is gone", _CONNECT_S
        )
        if session["lastChunkAt"] is not None:
            raise NotShownError("audio came all the same")
        case.seen.append(
            f"operators' page: speaker for {waited_s:.0f} s, then none; last chunk never"
        )
    finally:
        await peer.close()
    case.done.append("the same session by WebSocket")
    pcm, _ = write_words(1, 8)
    spoken = await speak(stack.url, pcm, session_id=session_id, token=token)
    if spoken.acknowledged_samples != spoken.samples:
        raise NotShownError("the WebSocket carried a part of the talk only")
    case.helped.append(f"{spoken.samples / 16_000:.1f} s of {spoken.samples / 16_000:.1f} durable")


async def cannot_create(stack: TroubledStack, case: Case) -> None:
    sessions = f"{stack.url}/sessions"
    over = stack.issuer.issue("ada", lifetime_s=-3600)
    case.provoked.append("a token that is over")
    await _is_refused(case, await ask("POST", sessions, over, _WISH), 401)
    case.done.append("signed in again")
    token = await _person(stack)
    await _is_created(case, stack, await ask("POST", sessions, token, _WISH), token)

    case.provoked.append("one person creates one session after the other")
    await _is_refused(case, await _refusal(sessions, token), 429)
    case.done.append("waited for the minute's end")
    created, waited_s = await until(
        lambda: _created(sessions, token), "another session was created", _MINUTE_S
    )
    case.helped.append(f"{created} after {waited_s:.0f} s")

    token = await _person(stack)
    with stack.cloud.with_faults(Fault("*Item", 400, "ThrottlingException")):
        case.provoked.append("every call for an item of a table is throttled")
        await _is_refused(case, await ask("POST", sessions, token, _WISH), 503)
    case.done.append("trouble 8: the load went down")
    await _is_created(case, stack, await ask("POST", sessions, token, _WISH), token)


async def stream_throttled(stack: TroubledStack, case: Case) -> None:
    case.provoked.append(f"Kinesis refuses every PutRecords for {_REFUSED_S:.0f} s: over the quota")
    await _refused_puts(stack, case, "ProvisionedThroughputExceededException", "quota raised")


async def stream_gone(stack: TroubledStack, case: Case) -> None:
    case.provoked.append(f"Kinesis knows no such stream for {_REFUSED_S:.0f} s")
    await _refused_puts(stack, case, "ResourceNotFoundException", "stream made anew")


async def _refused_puts(stack: TroubledStack, case: Case, code: str, done: str) -> None:
    async with talk(stack) as (_, outcome):
        before = stack.cloud.refused["PutRecords"]
        with stack.cloud.with_faults(Fault("PutRecords", 400, code)):
            await asyncio.sleep(_REFUSED_S)
            waiting = (await operations(stack))["backlog"]["unstored"]["records"]
            if not waiting:
                raise NotShownError("nothing waits in the gateway")
            refused = stack.cloud.refused["PutRecords"] - before
            case.seen.append(f"operators' page: {waiting} records not durable; {refused} refusals")
        case.done.append(done)
        _, waited_s = await until(lambda: _all_durable(stack), "all records are durable")
        lost = await metric(stack, "gateway_records_lost_total")
        case.helped.append(f"all durable {waited_s:.1f} s later, {lost:.0f} given up")
    case.helped.append(outcome.words)


async def gateway_killed(stack: TroubledStack, case: Case) -> None:
    async with talk(stack) as (going_on, outcome):
        await asyncio.to_thread(stack.kill_gateway)
        case.provoked.append("kill -9 of the gateway in mid-talk")
        await _smoke_fails(stack.url, case)
        await asyncio.to_thread(stack.start_gateway)
        case.done.append("started again, as a supervisor does")
        case.helped.append(await going_on.clip_within(15.0, "clips come again"))
    case.helped.append(outcome.words)
    await _smoke_passes(stack.url, case)


async def no_pages(stack: TroubledStack, case: Case) -> None:
    """As CloudFront answers for a bucket that the files are not in."""
    with FaultyProxy(stack.url) as front:
        with front.with_faults(
            Fault("GET /", 403, "AccessDenied"), Fault("GET /listen/*", 403, "AccessDenied")
        ):
            case.provoked.append("an address whose bucket of pages is empty")
            await _smoke_fails(front.url, case)
        case.done.append("the files were copied")
        await _smoke_passes(front.url, case)


def without_candidates(offer: str) -> str:
    """``offer`` as a browser makes it that no path leads to."""
    return re.sub(r"a=(?:candidate:.*|end-of-candidates)\r\n", "", offer)


async def _post_offer(url: str, token: str, offer: str) -> int:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/sdp"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=offer, headers=headers) as answer,
    ):
        return answer.status


async def _without_speaker(stack: TroubledStack, session_id: str) -> dict[str, Any] | None:
    session = await session_now(stack, session_id)
    return session if session and not session["hasSpeaker"] else None


async def _all_durable(stack: TroubledStack) -> bool:
    unstored = (await operations(stack)).get("backlog", {}).get("unstored", {})
    return unstored.get("records") == 0


async def _created(sessions: str, token: str) -> int:
    status, _ = await ask("POST", sessions, token, _WISH)
    return status if status == 201 else 0


async def _refusal(sessions: str, token: str) -> tuple[int, dict[str, Any]]:
    """The first answer that is no session. Creations are counted by the minute of the clock: a new
    minute may begin among them."""
    answer = (0, dict[str, Any]())
    for _ in range(2 * _CREATES_A_MINUTE + 1):
        answer = await ask("POST", sessions, token, _WISH)
        if answer[0] != 201:
            break
    return answer


async def _person(stack: TroubledStack) -> str:
    """A token of a person who was not here before: limits are a person's."""
    return await fetch_token(stack.url, subject=uuid.uuid4().hex)


async def _is_refused(case: Case, answer: tuple[int, dict[str, Any]], wanted: int) -> None:
    status, fields = answer
    if status != wanted:
        raise NotShownError(f"wanted {wanted}, the gateway answered {status}")
    case.seen.append(f"{status} {fields.get('code')}")


async def _is_created(
    case: Case, stack: TroubledStack, answer: tuple[int, dict[str, Any]], token: str
) -> None:
    status, fields = answer
    if status != 201:
        raise NotShownError(f"no session: {status} {fields.get('code')}")
    case.helped.append(str(status))
    await end_session(stack.url, str(fields["sessionId"]), token=token)


async def _smoke_fails(url: str, case: Case) -> None:
    is_well, lines = await script(SMOKE, url)
    if is_well:
        raise NotShownError("the smoke test found nothing")
    case.seen.append(f"{SMOKE}: {bad(lines)}")


async def _smoke_passes(url: str, case: Case) -> None:
    is_well, lines = await script(SMOKE, url)
    if not is_well:
        raise NotShownError(f"{SMOKE}: {bad(lines)}")
    case.helped.append(lines[-1])
