"""A talk that goes on while something is wrong, and what an operator can look at meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from connectors.testing.words import write_silence, write_talk
from ingest_gateway.client import ReceivedClip, create_session, fetch_token, speak
from local_stack.audience import Audience, promised, settled
from local_stack.completeness import judge
from local_stack.flink import ROOT
from local_stack.incidents.case import NotShownError, until
from local_stack.incidents.stack import TroubledStack

LANGUAGES = ("es", "ca")
LONGEST_S = 120.0
SETTLE_S = 45.0
FIRST_CLIP_S = 40.0
SCRIPT_TIMEOUT_S = 60.0


@dataclass(slots=True)
class GoingOn:
    """A talk in mid-flow. ``lags_s``: of each clip so far, from its first sample to its coming."""

    session_id: str
    token: str
    lags_s: list[float] = field(default_factory=list[float])
    _came_at_ms: int = 0

    async def clip_within(self, lag_s: float, what: str, timeout_s: float = 40.0) -> str:
        """Wait for a clip that comes from now on and is no later than that; says how late it was.
        NotShownError: none came."""
        known = len(self.lags_s)
        found, _ = await until(
            lambda: [one for one in self.lags_s[known:] if one <= lag_s], what, timeout_s
        )
        return f"clips {found[0]:.1f} s behind the word"

    def silent_s(self) -> float:
        """How long ago the last clip came."""
        return time.time() - self._came_at_ms / 1000

    def take(self, clip: ReceivedClip) -> None:
        self._came_at_ms = clip.received_at_ms
        self.lags_s.append((clip.received_at_ms - clip.timestamp_ms) / 1000)


@dataclass(slots=True)
class Outcome:
    """``lost``: promises that were broken. ``skipped``: told to be skipped, each language once."""

    lost: tuple[str, ...] = ()
    clips: int = 0
    skipped: int = 0

    @property
    def words(self) -> str:
        return f"{self.clips} clips, {self.skipped} skipped with a notice, {len(self.lost)} lost"


@asynccontextmanager
async def talk(stack: TroubledStack) -> AsyncGenerator[tuple[GoingOn, Outcome]]:
    """Speak with listeners from the first clip on; leaving ends the talk, waits until all of it has
    arrived, and fills the outcome. NotShownError: something was lost."""
    token = await fetch_token(stack.url, subject=uuid.uuid4().hex)
    session_id = await create_session(stack.url, token=token, target_languages=LANGUAGES)
    going_on = GoingOn(session_id, token)
    audience = Audience(stack.url, session_id, on_clip=going_on.take)
    stop = asyncio.Event()
    pcm, _ = write_talk(LONGEST_S, seed=7)
    outcome = Outcome()
    clients = AwsClients(stack.aws)
    try:
        async with asyncio.TaskGroup() as group:
            for language in LANGUAGES:
                await audience.join(language, group)
            speaking = group.create_task(
                speak(
                    stack.url,
                    pcm + write_silence(1.0),
                    session_id=session_id,
                    token=token,
                    stop=stop,
                    end_session=False,
                )
            )
            try:
                await until(lambda: bool(audience.reached), "a first clip", FIRST_CLIP_S)
                yield going_on, outcome
            finally:
                stop.set()
            spoken = await speaking
            # Until it has ended, the last words wait for more.
            await end(stack, session_id, token)
            entries = await settled(
                AmazonLedger(clients),
                session_id,
                [promised(spoken)],
                lambda: audience.reached | audience.skipped,
                SETTLE_S,
            )
            await audience.leave()
        told = audience.reached | audience.skipped
        outcome.lost = judge(session_id, entries, [promised(spoken)], told).faults
        outcome.clips, outcome.skipped = len(audience.reached), len(audience.skipped)
        if outcome.lost:
            raise NotShownError(f"{len(outcome.lost)} lost: {outcome.lost[0]}")
    finally:
        await clients.close()


async def end(stack: TroubledStack, session_id: str, token: str) -> None:
    await ask("DELETE", f"{stack.url}/sessions/{session_id}", token)


async def ask(
    method: str, url: str, token: str | None = None, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """(status, JSON); (0, {}): nobody answered."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
            session.request(method, url, json=body, headers=headers) as answer,
        ):
            fields = await answer.json(content_type=None) if "json" in answer.content_type else {}
            return answer.status, fields if isinstance(fields, dict) else {}
    except (aiohttp.ClientError, TimeoutError):
        return 0, {}


async def operations(stack: TroubledStack) -> dict[str, Any]:
    """What the operators' page shows; {} while nobody answers."""
    status, document = await ask("GET", f"{stack.url}/operations", stack.operator_token())
    return document if status == 200 else {}


async def session_now(stack: TroubledStack, session_id: str) -> dict[str, Any]:
    """One session of the operators' page; {} when it is not there."""
    sessions = (await operations(stack)).get("sessions", [])
    return next((one for one in sessions if one["sessionId"] == session_id), {})


async def metric(stack: TroubledStack, name: str, **labels: str) -> float:
    """The sum of the samples of the gateway's ``/metrics`` with this name and these labels."""
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/metrics") as answer:
        text = await answer.text()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def script(name: str, *arguments: str, token: str = "") -> tuple[bool, list[str]]:
    """(whether it found all well, its lines)."""
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / name),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **({"SPEAKER_TOKEN": token} if token else {})},
    )
    async with asyncio.timeout(SCRIPT_TIMEOUT_S):
        out, _ = await process.communicate()
    return process.returncode == 0, out.decode().splitlines()


def bad(lines: list[str]) -> str:
    """The first complaint of a script, and how many there were."""
    found = [line.removeprefix("BAD").strip() for line in lines if line.startswith("BAD")]
    return f"{len(found)} BAD, first: {found[0]}" if found else "no BAD"
