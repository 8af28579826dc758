"""Dead letters on S3, counted by their names: only the newest are fetched."""

from __future__ import annotations

import asyncio

from connectors.amazon.clients import AwsClients, aws_errors
from connectors.amazon.clip_store import AmazonClipStore
from connectors.interfaces.dead_letters import FoundLetters, letter_of
from schemas.names import DEAD_LETTERS, dead_letter_at_ms
from schemas.values import DeadLetter

MOST_COUNTED = 5_000
"""Of each step: five pages of names. More than that in an hour is told by the count already."""
_FETCHED_AT_ONCE = 8


class AmazonDeadLetterArchive:
    """One bucket, ``low-latency-audio-{stage}``. Names of letters hold step and time, and S3 lists
    names in order, so looking at an hour reads that hour's names only."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._bucket = clients.settings.names.audio_bucket
        self._store = AmazonClipStore(clients, bucket=self._bucket)

    async def since(self, at_ms: int, newest: int) -> FoundLetters:
        steps = await self._steps()
        listed = await asyncio.gather(*(self._listed(step, at_ms) for step in steps))
        by_stage = {_step(prefix): len(keys) for prefix, keys in zip(steps, listed, strict=True)}
        last = sorted((key for keys in listed for key in keys), key=dead_letter_at_ms)
        letters = await self._fetched(last[: -newest - 1 : -1])
        return FoundLetters(
            {step: count for step, count in by_stage.items() if count},
            letters,
            complete=all(len(keys) < MOST_COUNTED for keys in listed),
        )

    async def _steps(self) -> list[str]:
        """The prefixes that letters lie under, one for each step that ever failed."""
        s3 = await self._clients.s3()
        with aws_errors("list the steps with dead letters"):
            answer = await s3.list_objects_v2(
                Bucket=self._bucket, Prefix=DEAD_LETTERS, Delimiter="/"
            )
        return [one.get("Prefix", "") for one in answer.get("CommonPrefixes", [])]

    async def _listed(self, prefix: str, at_ms: int) -> list[str]:
        """The names of its letters from ``at_ms`` on, in order of time."""
        s3 = await self._clients.s3()
        keys: list[str] = []
        after = f"{prefix}{at_ms}"  # in front of all names that begin with this time
        while len(keys) < MOST_COUNTED:
            with aws_errors("list dead letters"):
                answer = await s3.list_objects_v2(
                    Bucket=self._bucket, Prefix=prefix, StartAfter=after
                )
            page = [one.get("Key", "") for one in answer.get("Contents", [])]
            keys += page
            if not answer.get("IsTruncated") or not page:
                break
            after = page[-1]
        return keys[:MOST_COUNTED]

    async def _fetched(self, keys: list[str]) -> tuple[DeadLetter, ...]:
        turn = asyncio.Semaphore(_FETCHED_AT_ONCE)

        async def fetched(key: str) -> DeadLetter | None:
            async with turn:
                return await self._letter(key)

        letters = await asyncio.gather(*(fetched(key) for key in keys))
        return tuple(letter for letter in letters if letter is not None)

    async def _letter(self, key: str) -> DeadLetter | None:
        """None: it expired meanwhile, or is none of ours."""
        body = await self._store.get(key)
        return None if body is None else letter_of(body)


def _step(prefix: str) -> str:
    return prefix.removeprefix(DEAD_LETTERS).rstrip("/")
