"""The suite every clip store passes."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.clip_store import AmazonClipStore
from connectors.files.clip_store import LocalClipStore
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.errors import PermanentError
from connectors.memory.clip_store import MemoryClipStore

pytestmark = pytest.mark.contract

KEY = "sessions/joyful-mountain-789/translated/es/1790000000000.mp3"
METADATA = {"sessionId": "joyful-mountain-789", "sequenceNumber": "4", "transcript": "as%C3%AD"}


@dataclass(frozen=True, slots=True)
class Fetched:
    body: bytes
    content_type: str
    metadata: dict[str, str]


class ClipStoreContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> ClipStore: ...

    @abstractmethod
    async def fetch(self, store: ClipStore, url: str) -> Fetched:
        """What somebody who has nothing but the URL gets."""

    async def put(self, store: ClipStore, body: bytes, key: str = KEY) -> None:
        await store.put(key, body, content_type="audio/mpeg", metadata=METADATA)

    async def test_a_stored_clip_comes_back(self, store: ClipStore) -> None:
        await self.put(store, b"\xff\xfb\x00clip")
        assert await store.get(KEY) == b"\xff\xfb\x00clip"

    async def test_there_is_nothing_under_another_key(self, store: ClipStore) -> None:
        await self.put(store, b"clip")
        assert await store.get(KEY.replace("/es/", "/ca/")) is None

    async def test_storing_again_replaces(self, store: ClipStore) -> None:
        await self.put(store, b"first, and longer")
        await self.put(store, b"second")
        assert await store.get(KEY) == b"second"

    async def test_clips_stored_at_once_stay_apart(self, store: ClipStore) -> None:
        keys = [KEY.replace("1790000000000", str(number)) for number in range(20)]
        await asyncio.gather(*(self.put(store, key.encode(), key) for key in keys))
        assert [await store.get(key) for key in keys] == [key.encode() for key in keys]

    async def test_metadata_come_without_the_clip(self, store: ClipStore) -> None:
        await self.put(store, b"clip")
        assert await store.metadata(KEY) == {
            "sessionid": "joyful-mountain-789",
            "sequencenumber": "4",
            "transcript": "as%C3%AD",
        }
        assert await store.metadata(KEY.replace("/es/", "/ca/")) is None

    async def test_the_url_alone_serves_clip_type_and_metadata(self, store: ClipStore) -> None:
        await self.put(store, b"clip")
        fetched = await self.fetch(store, await store.presign(KEY, expires_s=600))
        assert fetched == Fetched(b"clip", "audio/mpeg", METADATA)


class TestMemoryClipStore(ClipStoreContract):
    @pytest.fixture
    def store(self) -> MemoryClipStore:
        return MemoryClipStore()

    async def fetch(self, store: ClipStore, url: str) -> Fetched:
        assert isinstance(store, MemoryClipStore)
        stored = store.clips[url.removeprefix("memory://").partition("?")[0]]
        return Fetched(stored.body, stored.content_type, dict(stored.metadata))


class TestLocalClipStore(ClipStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalClipStore:
        return LocalClipStore(tmp_path / "clips with space")

    async def fetch(self, store: ClipStore, url: str) -> Fetched:
        parts = urlsplit(url)
        assert parts.scheme == "file"
        return _fetch_file(Path(unquote(parts.path)))

    @pytest.mark.parametrize("key", ["../outside.mp3", "/etc/clip.mp3", "a/../../b.mp3", ""])
    async def test_a_key_cannot_leave_the_folder(self, store: ClipStore, key: str) -> None:
        with pytest.raises(PermanentError):
            await self.put(store, b"clip", key)

    def test_no_partial_file_stays(self, store: ClipStore, tmp_path: Path) -> None:
        asyncio.run(self.put(store, b"clip"))
        names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
        assert names == {"1790000000000.mp3", "1790000000000.mp3.json"}


def _fetch_file(path: Path) -> Fetched:
    described = json.loads(path.with_name(path.name + ".json").read_text())
    return Fetched(path.read_bytes(), described["contentType"], described["metadata"])


class TestAmazonClipStore(ClipStoreContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("clip_bucket",)

    @pytest.fixture
    def store(self, aws_clients: AwsClients) -> AmazonClipStore:
        return AmazonClipStore(aws_clients)

    async def fetch(self, store: ClipStore, url: str) -> Fetched:
        async with aiohttp.ClientSession() as browser, browser.get(url) as answer:
            assert answer.status == 200, await answer.text()
            # HTTP header names have no case; S3 gives metadata names back in lower case.
            metadata = {name: answer.headers[f"x-amz-meta-{name}"] for name in METADATA}
            return Fetched(await answer.read(), answer.content_type, metadata)

    async def test_a_url_ends_when_it_says(self, store: ClipStore) -> None:
        await self.put(store, b"clip")
        url = await store.presign(KEY, expires_s=1)
        async with aiohttp.ClientSession() as browser:
            async with browser.get(url) as answer:
                assert answer.status == 200
            async with asyncio.timeout(60):
                while True:
                    async with browser.get(url) as answer:
                        if answer.status == 403:
                            return
                    await asyncio.sleep(0.1)

    @pytest.mark.parametrize(("metadata", "days"), [({}, "1"), ({"keepDays": "30"}, "30")])
    async def test_a_tag_says_for_how_long_a_clip_is_kept(
        self, store: ClipStore, aws_clients: AwsClients, metadata: dict[str, str], days: str
    ) -> None:
        await store.put(KEY, b"clip", content_type="audio/mpeg", metadata=metadata)
        s3, bucket = await aws_clients.s3(), aws_clients.settings.names.clip_bucket
        tags = (await s3.get_object_tagging(Bucket=bucket, Key=KEY))["TagSet"]
        assert tags == [{"Key": "keep-days", "Value": days}]
        rules = (await s3.get_bucket_lifecycle_configuration(Bucket=bucket))["Rules"]
        by_tag = {
            rule["Filter"].get("Tag", {}).get("Value"): rule.get("Expiration", {}).get("Days")
            for rule in rules
            if "Filter" in rule
        }
        assert by_tag[days] == max(1, int(days))

    async def test_without_its_signature_a_url_is_refused(self, store: ClipStore) -> None:
        await self.put(store, b"clip")
        url = await store.presign(KEY, expires_s=600)
        forged = url.replace("translated/es", "translated/ca")
        async with aiohttp.ClientSession() as browser, browser.get(forged) as answer:
            assert answer.status == 403

    async def test_urls_are_signed_for_the_address_that_browsers_reach(
        self, aws_clients: AwsClients
    ) -> None:
        public = AmazonClipStore(aws_clients, public_endpoint_url="https://clips.example.org")
        url = await public.presign(KEY, expires_s=600)
        await public.close()
        bucket = aws_clients.settings.names.clip_bucket
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc) == ("https", "clips.example.org")
        assert parts.path == f"/{bucket}/{KEY}"
        assert "X-Amz-Signature=" in parts.query
        assert "X-Amz-Expires=600" in parts.query
